//! Who a node is: its host name, its machine-id, and the hosts file.
//!
//! The hosts file names what a node must reach before there is any DNS. Workers are in no other node's file, so that the
//! payloads of a cluster grow with its nodes and not with their square.

use super::{Content, ContentError, Context};
use data_encoding::HEXLOWER;
use kfimg_profiles::cluster::{Cluster, Node};
use kfimg_profiles::description::EndpointMode;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::net::IpAddr;

/// Writes `/etc/hostname`, `/etc/machine-id` and `/etc/hosts`.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let name = &context.node.name;
    content.tree.file("/etc/hostname", 0o644, format!("{name}\n"))?;
    content.tree.file("/etc/machine-id", 0o444, format!("{}\n", machine_id(context.uid, name)))?;
    content.tree.file("/etc/hosts", 0o644, hosts(context.cluster, context.node)?)?;
    Ok(())
}

/// The machine-id of a node (`machine-id(5)`): 32 hexadecimal digits, a version 4 UUID in form, the same for the same
/// cluster and node on any machine. Journals and DHCP leases so survive a new root file system.
pub(super) fn machine_id(uid: &str, name: &str) -> String {
    let hash = Sha256::new().chain_update(uid).chain_update([0]).chain_update(name).finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    HEXLOWER.encode(&id)
}

fn hosts(cluster: &Cluster, node: &Node) -> Result<String, ContentError> {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    for (address, names) in lines(cluster, node) {
        if names.iter().any(|name| name.is_empty() || name.contains(|c: char| c.is_whitespace() || "#".contains(c))) {
            let reason = format!("{names:?} has a name that no hosts file can hold");
            return Err(ContentError::Format { path: "/etc/hosts".to_owned(), reason });
        }
        let _ = writeln!(text, "{address} {}", names.join(" "));
    }
    Ok(text)
}

/// This node, the control planes and etcd members, the endpoint, the registry, the description's own lines.
fn lines<'a>(cluster: &'a Cluster, node: &'a Node) -> Vec<(IpAddr, Vec<&'a str>)> {
    let is_other = |other: &&Node| other.name != node.name;
    let control_planes = cluster.control_planes().filter(is_other);
    let members = cluster.etcd_members().filter(is_other);
    let mut nodes: Vec<&Node> = std::iter::once(node).chain(control_planes).collect();
    for member in members {
        if nodes.iter().all(|known| known.name != member.name) {
            nodes.push(member);
        }
    }
    let nodes = nodes.into_iter().flat_map(|node| node.ips().map(|ip| (ip, vec![node.name.as_str()])));
    let own = cluster.hosts.iter().map(|host| (host.address.0, host.names.iter().map(String::as_str).collect()));
    nodes.chain(endpoint(cluster)).chain(registry(cluster)).chain(own).collect()
}

/// The endpoint's name. Without an address it is the control plane itself, or a balancer that the site's DNS knows.
fn endpoint(cluster: &Cluster) -> Vec<(IpAddr, Vec<&str>)> {
    let Some(name) = &cluster.endpoint.name else { return Vec::new() };
    let mut addresses = cluster.endpoint.addresses.clone();
    if addresses.is_empty() && cluster.endpoint.mode == EndpointMode::Node {
        addresses.extend(cluster.control_planes().next().map(Node::ip));
    }
    addresses.into_iter().map(|address| (address, vec![name.as_str()])).collect()
}

fn registry(cluster: &Cluster) -> Option<(IpAddr, Vec<&str>)> {
    let registry = cluster.registry.as_ref().filter(|registry| registry.host.parse::<IpAddr>().is_err())?;
    Some((registry.address?, vec![registry.host.as_str()]))
}
