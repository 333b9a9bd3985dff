//! How payloads reach the machines.

use super::values::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How payloads reach the machines. Nothing here changes what a payload makes of a machine.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Delivery {
    /// The ways in that are rendered. Default: all but `config-drive`.
    pub channels: Vec<Channel>,
    /// What the machines' operating system reads: it decides what `guestinfo` and `pxe` hand out. Default `ignition`.
    pub payload: PayloadFormat,
    /// URL below which the output lies for machines that boot from the network: `http://192.168.49.2:8080`.
    pub boot_server: Option<String>,
    /// VMware guestinfo.
    pub guestinfo: Guestinfo,
    /// Booting from the network.
    pub pxe: Pxe,
    /// Greatest size of user data for cloud-init and Ignition where a cloud has a limit, such as `16Ki`. Default: none.
    pub user_data_limit: Option<ByteSize>,
}

/// A way in which a payload reaches its machine.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// `ignition.json`: for whatever hands an Ignition configuration to a machine.
    Ignition,
    /// cloud-init's NoCloud: `user-data`, `meta-data`, `network-config`, and `seed.img` that holds them.
    Nocloud,
    /// A config drive of version 2, `config-drive.img`: cloud-init and Ignition read it.
    ConfigDrive,
    /// VMware guestinfo, with a script for govc.
    Guestinfo,
    /// iPXE scripts, with an example for dnsmasq.
    Pxe,
}

impl Channel {
    /// Every channel with its name, in order.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Ignition, "ignition"),
        (Self::Nocloud, "nocloud"),
        (Self::ConfigDrive, "config-drive"),
        (Self::Guestinfo, "guestinfo"),
        (Self::Pxe, "pxe"),
    ];
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::ALL[*self as usize].1)
    }
}

/// What reads a payload.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PayloadFormat {
    /// `ignition.json`.
    #[default]
    Ignition,
    /// `user-data` and `meta-data`.
    CloudInit,
}

/// VMware guestinfo.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Guestinfo {
    /// How the values get to a machine. Default `extra-config`.
    pub transport: GuestinfoTransport,
    /// Greatest size of one value; of vApp properties one byte less. What is larger is warned of with `extra-config`, and refused with `ovf-properties`. Default `64Ki`.
    pub limit: Option<ByteSize>,
    /// Greatest size of all values of one machine together: its whole configuration has a limit. What is larger is warned of and refused as of `limit`. Default `1Mi`.
    pub machine_limit: Option<ByteSize>,
}

/// How guestinfo values get to a virtual machine.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestinfoTransport {
    /// Settings of the machine, as `govc vm.change -e` makes them.
    #[default]
    ExtraConfig,
    /// vApp properties of the OVF, given when it is imported.
    OvfProperties,
}

/// Booting from the network. Paths are below the boot server's URL.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Pxe {
    /// Path of the kernel below the boot server's URL. Default `images/vmlinuz`.
    pub kernel: Option<String>,
    /// Paths of the initial RAM disks there. Default `images/initrd`.
    pub initrd: Vec<String>,
    /// More arguments for the kernel, such as `console=ttyS0`.
    pub arguments: Vec<String>,
}
