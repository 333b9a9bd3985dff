//! The real iPXE in an emulated machine finds its script by Ethernet address, UUID or serial number, or asks a person, and fetches what
//! the script names; it and the real Ignition wait for a server that is not ready; and dnsmasq accepts its example.
//!
//! Nothing is booted here: what the machine fetches as kernel is iPXE once more.

#![allow(clippy::unwrap_used)]

mod chooser;
mod dnsmasq;
mod https;
mod ignition;
mod known;
mod machine;
mod scripts;
mod served;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod waits;

/// iPXE as a kernel for a machine with a BIOS (package `ipxe`).
const IPXE: &str = "/boot/ipxe.lkrn";
/// Where QEMU's user network shows the host's loopback.
const HOST: &str = "10.0.2.2";

const SITE: &str = "
nodes:
  - {name: master1, mac: '52:54:00:00:00:11'}
  - {name: master2, uuid: 4c4c4544-0047-3510-8052-b4c04f4d3732}
  - {name: master3, serial: 'VMware-56 4d'}
  - {name: worker1, mac: '52:54:00:00:00:21', uuid: 4c4c4544-0047-3510-8052-b4c04f4d3799}
";
