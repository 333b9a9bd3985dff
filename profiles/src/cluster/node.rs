//! One machine of a validated cluster.

use crate::description::values::MacAddress;
use crate::description::{Architecture, Bond, Filesystem, Role, Taint};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One machine.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Node {
    /// Host name and Node name.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its processor.
    pub architecture: Architecture,
    /// Its addresses: one, or one of each family; the first is the main one.
    pub addresses: Vec<NodeAddress>,
    /// Ethernet address of its card.
    pub mac: Option<MacAddress>,
    /// SMBIOS UUID, lower case.
    pub uuid: Option<String>,
    /// SMBIOS serial number.
    pub serial: Option<String>,
    /// Labels that the kubelet registers.
    pub labels: BTreeMap<String, String>,
    /// Taints that the kubelet registers, the control planes' own among them.
    pub taints: Vec<Taint>,
    /// Its network.
    pub network: NodeNetwork,
    /// The disk for `/var`; none: `/var` lies on the root file system.
    pub data_disk: Option<DataDisk>,
    /// What brings kubelet, runtime, plug-ins and agent; none: the operating system has them.
    pub system_extension: Option<SystemExtension>,
    /// Kernel settings beside those that Kubernetes needs.
    pub sysctls: BTreeMap<String, String>,
    /// Kernel modules beside those that Kubernetes needs.
    pub kernel_modules: Vec<String>,
}

impl Node {
    /// The main address.
    pub fn ip(&self) -> IpAddr {
        self.addresses.first().map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |address| address.ip)
    }

    /// All addresses, the main one first.
    pub fn ips(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().map(|address| address.ip)
    }

    /// Whether it runs pods as a Node of the cluster (all but dedicated etcd members).
    pub fn is_kubernetes_node(&self) -> bool {
        self.role != Role::Etcd
    }
}

/// An address of a node in its subnet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct NodeAddress {
    /// The address.
    pub ip: IpAddr,
    /// Length of the network part in bits.
    pub prefix: u8,
}

impl NodeAddress {
    /// The subnet that the address lies in.
    pub fn subnet(self) -> IpNet {
        IpNet::new_assert(self.ip, self.prefix).trunc()
    }
}

impl std::fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

/// The network of one machine.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct NodeNetwork {
    /// The interface below a VLAN, or the one that carries the address: `eth0`, `bond0`, …
    pub interface: String,
    /// Addresses come by DHCP.
    pub dhcp: bool,
    /// Routers, at most one of each family.
    pub gateways: Vec<IpAddr>,
    /// DNS servers of the site.
    pub nameservers: Vec<IpAddr>,
    /// Search domains.
    pub search_domains: Vec<String>,
    /// MTU in bytes.
    pub mtu: Option<u32>,
    /// VLAN id.
    pub vlan: Option<u16>,
    /// The interface is a bond.
    pub bond: Option<Bond>,
}

impl NodeNetwork {
    /// The interface that carries the node's address: the VLAN's where there is one (`eth0.42`).
    pub fn address_interface(&self) -> String {
        self.vlan.map_or_else(|| self.interface.clone(), |id| format!("{}.{id}", self.interface))
    }
}

/// The disk with the data partition.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct DataDisk {
    /// Which disk.
    pub choice: DiskChoice,
    /// File system of a new partition.
    pub filesystem: Filesystem,
}

/// A system extension that the node fetches.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct SystemExtension {
    /// Where it lies.
    pub url: String,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// How the disk is chosen.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum DiskChoice {
    /// By path: `/dev/disk/by-id/…` or another one.
    Path(String),
    /// The only disk within these sizes, in bytes, that is blank or carries the partition already.
    Size {
        /// Least size.
        min: u64,
        /// Greatest size.
        max: Option<u64>,
    },
}
