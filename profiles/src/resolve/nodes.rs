//! Machines with what `nodeDefaults` and the node's subnet say about them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::cluster::{DataDisk, DiskChoice, Node, NodeAddress, NodeNetwork, SystemExtension};
use crate::description::values::{Address, Addresses, Networks};
use crate::description::{self, Description, Effect, Role, Taint};

/// Key of the taint that keeps ordinary pods off control planes, and of the label that says so.
pub(crate) const CONTROL_PLANE_KEY: &str = "node-role.kubernetes.io/control-plane";

/// A node with what `nodeDefaults` says where the node says nothing. Maps are merged; lists and the data disk are taken
/// whole from one of the two.
pub(crate) fn effective(own: &description::Node, defaults: &description::Node) -> description::Node {
    description::Node {
        name: own.name.clone(),
        role: own.role,
        architecture: own.architecture.or(defaults.architecture),
        address: own.address.clone(),
        mac: own.mac,
        uuid: own.uuid.clone(),
        serial: own.serial.clone(),
        labels: merged(&own.labels, &defaults.labels),
        taints: list(&own.taints, &defaults.taints),
        schedulable: own.schedulable.or(defaults.schedulable),
        network: network(&own.network, &defaults.network),
        data_disk: own.data_disk.clone().or_else(|| defaults.data_disk.clone()),
        system_extension: own.system_extension.clone().or_else(|| defaults.system_extension.clone()),
        sysctls: merged(&own.sysctls, &defaults.sysctls),
        kernel_modules: list(&own.kernel_modules, &defaults.kernel_modules),
    }
}

fn network(own: &description::NodeNetwork, defaults: &description::NodeNetwork) -> description::NodeNetwork {
    description::NodeNetwork {
        interface: own.interface.clone().or_else(|| defaults.interface.clone()),
        dhcp: own.dhcp.or(defaults.dhcp),
        gateway: own.gateway.clone().or_else(|| defaults.gateway.clone()),
        nameservers: list(&own.nameservers, &defaults.nameservers),
        search_domains: list(&own.search_domains, &defaults.search_domains),
        mtu: own.mtu.or(defaults.mtu),
        vlan: own.vlan.clone().or_else(|| defaults.vlan.clone()),
        bond: own.bond.clone().or_else(|| defaults.bond.clone()),
    }
}

fn merged(own: &BTreeMap<String, String>, defaults: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut merged = defaults.clone();
    merged.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
    merged
}

fn list<T: Clone>(own: &[T], defaults: &[T]) -> Vec<T> {
    if own.is_empty() { defaults.to_vec() } else { own.to_vec() }
}

/// An address in its subnet: the prefix length that was written, else that of `nodeSubnet`'s part of the same family.
pub(crate) fn in_subnet(address: Address, subnet: Option<&Networks>) -> Option<NodeAddress> {
    let of_family = subnet.into_iter().flat_map(Networks::get).find(|net| net.addr().is_ipv4() == address.ip.is_ipv4());
    let prefix = address.prefix.or_else(|| of_family.map(ipnet::IpNet::prefix_len))?;
    Some(NodeAddress { ip: address.ip, prefix })
}

/// All nodes; `None` when one lacks what every node needs.
pub(super) fn nodes(description: &Description) -> Option<Vec<Node>> {
    description.nodes.iter().map(|own| node(effective(own, &description.node_defaults), description)).collect()
}

fn node(written: description::Node, description: &Description) -> Option<Node> {
    let subnet = description.networking.node_subnet.as_ref();
    let boot_server = description.delivery.boot_server.as_deref();
    let role = written.role?;
    let addresses = written.address.as_ref()?.get().iter().map(|address| in_subnet(*address, subnet));
    Some(Node {
        name: written.name.clone()?,
        role,
        architecture: written.architecture.unwrap_or_default(),
        addresses: addresses.collect::<Option<Vec<_>>>()?,
        mac: written.mac,
        uuid: written.uuid.as_ref().map(|uuid| uuid.to_ascii_lowercase()),
        serial: written.serial.clone(),
        taints: taints(role, &written),
        labels: written.labels,
        network: node_network(written.network),
        data_disk: written.data_disk.as_ref().and_then(data_disk),
        system_extension: match &written.system_extension {
            Some(extension) => Some(system_extension(extension, boot_server)?),
            None => None,
        },
        sysctls: written.sysctls,
        kernel_modules: written.kernel_modules,
    })
}

fn taints(role: Role, written: &description::Node) -> Vec<Taint> {
    let keeps_off = role == Role::ControlPlane && !written.schedulable.unwrap_or(false);
    let own = Taint { key: CONTROL_PLANE_KEY.to_owned(), value: String::new(), effect: Effect::NoSchedule };
    let is_given = written.taints.iter().any(|taint| taint.key == own.key && taint.effect == own.effect);
    let mut taints: Vec<Taint> = Vec::new();
    if keeps_off && !is_given {
        taints.push(own);
    }
    taints.extend(written.taints.iter().cloned());
    taints
}

fn node_network(written: description::NodeNetwork) -> NodeNetwork {
    let default_interface = if written.bond.is_some() { "bond0" } else { "eth0" };
    NodeNetwork {
        interface: written.interface.unwrap_or_else(|| default_interface.to_owned()),
        dhcp: written.dhcp.unwrap_or(false),
        gateways: written.gateway.as_ref().map(ips).unwrap_or_default(),
        nameservers: written.nameservers.iter().map(|ip| ip.0).collect(),
        search_domains: written.search_domains,
        mtu: written.mtu,
        vlan: written.vlan.map(|vlan| vlan.id),
        bond: written.bond,
    }
}

/// The addresses without their prefix lengths.
pub(super) fn ips(addresses: &Addresses) -> Vec<IpAddr> {
    addresses.get().iter().map(|address| address.ip).collect()
}

fn data_disk(written: &description::DataDisk) -> Option<DataDisk> {
    let choice = match (&written.id, &written.path, written.min_size) {
        (Some(id), ..) => DiskChoice::Path(format!("/dev/disk/by-id/{id}")),
        (None, Some(path), _) => DiskChoice::Path(path.clone()),
        (None, None, Some(min)) => DiskChoice::Size { min: min.get(), max: written.max_size.map(|max| max.get()) },
        (None, None, None) => return None,
    };
    Some(DataDisk { choice, filesystem: written.filesystem })
}

/// `None` where a path stands and no boot server.
fn system_extension(written: &description::SystemExtension, boot_server: Option<&str>) -> Option<SystemExtension> {
    let url = if written.is_url() {
        written.source.clone()
    } else {
        format!("{}/{}", boot_server?.trim_end_matches('/'), written.source)
    };
    Some(SystemExtension { url, sha256: written.sha256.clone() })
}
