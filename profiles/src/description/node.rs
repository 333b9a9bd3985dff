//! One machine: its role, identity, network, disk, labels and taints.

use super::values::{Addresses, ByteSize, Ip, MacAddress};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One machine.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Node {
    /// Host name and Node name: an RFC 1123 subdomain.
    pub name: Option<String>,
    /// What the machine does.
    pub role: Option<Role>,
    /// Its processor. Default `amd64`.
    pub architecture: Option<Architecture>,
    /// Its address; for two families an IPv4 and an IPv6 one with a comma between. The first one is the node's main
    /// address. With `network.dhcp` it is the one that the DHCP server keeps for the machine.
    pub address: Option<Addresses>,
    /// Ethernet address of its network card. The card gets the name `network.interface`.
    pub mac: Option<MacAddress>,
    /// SMBIOS UUID, to choose the payload when booting from the network.
    pub uuid: Option<String>,
    /// SMBIOS serial number, to choose the payload when booting from the network.
    pub serial: Option<String>,
    /// Labels of the Node object.
    pub labels: BTreeMap<String, String>,
    /// Taints of the Node object. Control planes get `node-role.kubernetes.io/control-plane:NoSchedule` unless
    /// `schedulable` is set.
    pub taints: Vec<Taint>,
    /// `true` lets ordinary pods run on a control plane.
    pub schedulable: Option<bool>,
    /// The network card and what belongs to it.
    pub network: NodeNetwork,
    /// The disk for `/var`: etcd's data, images, pods. It is never wiped.
    pub data_disk: Option<DataDisk>,
    /// A stock operating system gets kubelet, runtime, plug-ins and agent from this system extension. Images of `kfimg build` have
    /// them.
    pub system_extension: Option<SystemExtension>,
    /// More kernel settings (sysctl): name to value.
    pub sysctls: BTreeMap<String, String>,
    /// More kernel modules to load.
    pub kernel_modules: Vec<String>,
}

/// A processor, in the words of Kubernetes (`kubernetes.io/arch`).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// x86-64.
    #[default]
    Amd64,
    /// AArch64.
    Arm64,
}

/// What a machine does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// API server, controller-manager, scheduler, and etcd unless there are `etcd` nodes.
    ControlPlane,
    /// etcd alone.
    Etcd,
    /// Runs pods.
    Worker,
}

/// A taint of a Node object.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Taint {
    /// Its name: a qualified name such as `example.com/dedicated`.
    pub key: String,
    /// Its value: a label value. May be left out.
    #[serde(default)]
    pub value: String,
    /// What happens to pods without a toleration.
    pub effect: Effect,
}

/// Effect of a taint.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum Effect {
    /// New pods stay away.
    NoSchedule,
    /// New pods stay away if they can.
    PreferNoSchedule,
    /// Running pods leave too.
    NoExecute,
}

/// The network of one machine, rendered for systemd-networkd.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct NodeNetwork {
    /// Name of the interface that carries the address. Default `eth0`; with a bond `bond0`. With `mac` the card is
    /// renamed to it.
    pub interface: Option<String>,
    /// `true`: the address comes by DHCP (IPv4) or router advertisement and DHCPv6 (IPv6). The server must always hand
    /// out the node's `address`.
    pub dhcp: Option<bool>,
    /// Routers: one for each family.
    pub gateway: Option<Addresses>,
    /// DNS servers of the site.
    pub nameservers: Vec<Ip>,
    /// Search domains.
    pub search_domains: Vec<String>,
    /// MTU in bytes.
    pub mtu: Option<u32>,
    /// The address lies in this VLAN on top of the interface.
    pub vlan: Option<Vlan>,
    /// The interface is a bond of several cards.
    pub bond: Option<Bond>,
}

/// A VLAN (IEEE 802.1Q).
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Vlan {
    /// VLAN id, 1 to 4094.
    pub id: u16,
}

/// A bond.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Bond {
    /// Names of the cards.
    #[serde(default)]
    pub interfaces: Vec<String>,
    /// Ethernet addresses of the cards, instead of or beside their names.
    #[serde(default)]
    pub macs: Vec<MacAddress>,
    /// How the cards share the load.
    #[serde(default)]
    pub mode: BondMode,
}

/// Mode of a bond, in systemd's words (`systemd.netdev(5)`, `[Bond] Mode=`).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BondMode {
    /// One card works, the others wait.
    #[default]
    ActiveBackup,
    /// LACP; the switch must agree.
    #[serde(rename = "802.3ad")]
    Lacp,
    /// Adaptive transmit load balancing.
    BalanceTlb,
    /// Adaptive load balancing.
    BalanceAlb,
    /// XOR of addresses.
    BalanceXor,
}

/// The disk that carries the data partition (GPT label `kfimg-data`). Say exactly one of `id`, `path` and `minSize`.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DataDisk {
    /// Name of the disk below `/dev/disk/by-id/`.
    pub id: Option<String>,
    /// Path of the disk, such as `/dev/sdb`.
    pub path: Option<String>,
    /// The only disk of at least this size that is blank or carries the data partition already.
    pub min_size: Option<ByteSize>,
    /// With `minSize`: and at most this size.
    pub max_size: Option<ByteSize>,
    /// File system that a new partition gets.
    pub filesystem: Filesystem,
}

/// The system extension that `kfimg build --output sysext` wrote (`systemd-sysext(8)`); its `sysext.yaml` says both.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SystemExtension {
    /// Its URL, or its path below `delivery.bootServer`: `images/kfimg.raw`.
    pub source: String,
    /// Its SHA-256, in hexadecimal. A node takes no other.
    pub sha256: String,
}

impl SystemExtension {
    /// Whether the source is a whole URL.
    pub(crate) fn is_url(&self) -> bool {
        self.source.contains("://")
    }
}

/// File system of the data partition.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Filesystem {
    /// ext4.
    #[default]
    Ext4,
    /// XFS.
    Xfs,
}
