//! The network that machines hang on: a namespace with a bridge and a gateway's address, and no way out.
//!
//! All labs have the same addresses: each lies in a namespace of its own. Only the namespaces' names must differ.

use crate::Result;
use crate::command::{command, ip, succeed};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

/// First three bytes of the network 10.77.0.0/24.
const PREFIX: [u8; 3] = [10, 77, 0];
const BRIDGE: &str = "br0";
/// nftables' table of the rules that part machines.
const RULES: &str = "kfimg-lab";

/// An address of the network.
pub const fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(PREFIX[0], PREFIX[1], PREFIX[2], last)
}

/// The network itself, as written in a description.
pub const NETWORK: &str = "10.77.0.0/24";
/// The address of the gateway, where also the registry listens.
pub const GATEWAY: Ipv4Addr = address(254);

/// The network of one lab.
#[derive(Clone, Debug)]
pub struct Lan {
    namespace: String,
}

impl Lan {
    /// The network of the lab of this id, whether it is up or not.
    pub fn of(id: &str) -> Self {
        Self { namespace: format!("kflab-{id}") }
    }

    /// Makes it; one that is up stays as it is.
    ///
    /// # Errors
    /// When `ip` refuses, as without root.
    pub fn up(&self) -> Result<()> {
        if self.path().exists() {
            return Ok(());
        }
        let name = self.namespace.as_str();
        ip(["netns", "add", name])?;
        let address = format!("{GATEWAY}/24");
        ip(["-n", name, "link", "set", "lo", "up"])?;
        ip(["-n", name, "link", "add", BRIDGE, "type", "bridge"])?;
        ip(["-n", name, "addr", "add", &address, "dev", BRIDGE])?;
        ip(["-n", name, "link", "set", BRIDGE, "up"])?;
        Ok(())
    }

    /// Removes it, with all that hangs on it.
    pub fn down(&self) {
        let _ = ip(["netns", "del", &self.namespace]);
    }

    /// Name of the namespace, for `ip netns exec`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The namespace as a file.
    pub fn path(&self) -> PathBuf {
        namespace_path(&self.namespace)
    }

    /// A command that runs on the LAN, outside every machine.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = command("nsenter");
        command.arg(format!("--net={}", self.path().display())).arg("--").arg(program);
        command
    }

    /// Gives the gateway another address, with its prefix length: `192.0.2.1/24`.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn add_address(&self, address: &str) -> Result<()> {
        ip(["-n", self.namespace.as_str(), "addr", "add", address, "dev", BRIDGE]).map(drop)
    }

    /// Hangs a wire on the bridge: its near end is called `name` here, its far end is `eth0` of the namespace `far`.
    pub(crate) fn connect(&self, name: &str, far: &str, mac: &str) -> Result<()> {
        let near = self.namespace.as_str();
        ip(["link", "add", name, "netns", near, "type", "veth", "peer", "name", "eth0", "netns", far])?;
        ip(["-n", far, "link", "set", "eth0", "address", mac])?;
        ip(["-n", near, "link", "set", name, "master", BRIDGE, "up"])?;
        Ok(())
    }

    /// Hangs a wire on the bridge whose far end is QEMU's, which opens it by its name.
    pub(crate) fn connect_tap(&self, name: &str) -> Result<()> {
        let near = self.namespace.as_str();
        ip(["-n", near, "tuntap", "add", "dev", name, "mode", "tap"])?;
        ip(["-n", near, "link", "set", name, "master", BRIDGE, "up"]).map(drop)
    }

    /// Takes the wire away.
    pub(crate) fn disconnect(&self, name: &str) {
        let _ = ip(["-n", &self.namespace, "link", "del", name]);
    }

    /// Plugs the wire in or pulls it.
    pub(crate) fn set_wire(&self, name: &str, plugged: bool) -> Result<()> {
        ip(["-n", &self.namespace, "link", "set", name, if plugged { "up" } else { "down" }]).map(drop)
    }

    /// Drops every packet between these pairs of wires, in both directions; replaces all former pairs.
    ///
    /// # Errors
    /// When `nft` refuses.
    pub fn part(&self, pairs: &[(String, String)]) -> Result<()> {
        let mut rules = format!("add table bridge {RULES}\ndelete table bridge {RULES}\nadd table bridge {RULES}\n");
        rules.push_str(&format!(
            "add chain bridge {RULES} forward {{ type filter hook forward priority 0; policy accept; }}\n"
        ));
        for (one, other) in pairs {
            for (from, to) in [(one, other), (other, one)] {
                rules.push_str(&format!("add rule bridge {RULES} forward iifname {from} oifname {to} drop\n"));
            }
        }
        for rule in rules.lines() {
            succeed(self.command("nft").arg(rule))?;
        }
        Ok(())
    }
}

/// Where `ip netns` keeps a namespace.
pub(crate) fn namespace_path(name: &str) -> PathBuf {
    PathBuf::from("/run/netns").join(name)
}
