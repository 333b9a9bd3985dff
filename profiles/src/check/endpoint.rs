//! The API endpoint: who holds its address, and whether that can work.

use std::net::IpAddr;

use super::addresses::{families_repeat, range, reserved_in, unusable};
use super::{Machine, Subject, at, syntax};
use crate::cluster::NodeAddress;
use crate::description::values::Addresses;
use crate::description::{Endpoint, EndpointMode};
use crate::problem::Report;
use crate::resolve::nodes::in_subnet;
use crate::resolve::router_id;

const ADDRESS: &str = "controlPlaneEndpoint.address";
const ROUTER_ID: &str = "controlPlaneEndpoint.vip.virtualRouterId";
const RESERVED: &str = "controlPlaneEndpoint.vip.reservedVirtualRouterIds";

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let endpoint = &subject.description.control_plane_endpoint;
    name(subject, endpoint, report);
    match endpoint.mode {
        EndpointMode::External => external_mode(subject, endpoint, report),
        EndpointMode::Node => node_mode(subject, endpoint, report),
        EndpointMode::Vip => vip_mode(subject, endpoint, report),
    }
}

fn name(subject: &Subject<'_>, endpoint: &Endpoint, report: &mut Report) {
    let Some(name) = &endpoint.name else { return };
    let setting = at("controlPlaneEndpoint.name");
    if syntax::is_ip(name) {
        report
            .error("invalid-name", setting, format!("`{name}` is an address, not a name"))
            .help("write it as `controlPlaneEndpoint.address`");
    } else if let Some(wrong) = syntax::host(name).or_else(|| syntax::subdomain(name)) {
        report.error("invalid-name", setting, format!("the endpoint's name {wrong}")).help(
            "use lower-case letters, digits and `-`, with dots between parts; no scheme, no port: it is always 6443",
        );
    } else if let Some(machine) = subject.machines.iter().find(|machine| machine.node.name.as_ref() == Some(name)) {
        report
            .error("name-is-node", setting, format!("the endpoint's name `{name}` is the name of a node"))
            .note(machine.at("name"), "the node")
            .help("write another name: hosts files cannot say both");
    } else if endpoint.address.is_none() && endpoint.mode != EndpointMode::Vip && !has_name_servers(subject) {
        report
            .warning("name-without-address", setting, format!("nothing here says which address `{name}` has"))
            .help("write `controlPlaneEndpoint.address`, or make sure that DNS knows the name wherever it is used");
    }
}

/// Whether every machine knows a DNS server, by itself or by DHCP.
pub(super) fn has_name_servers(subject: &Subject<'_>) -> bool {
    subject.machines.iter().all(|machine| {
        let network = &machine.node.network;
        network.dhcp.unwrap_or(false) || !network.nameservers.is_empty()
    })
}

fn node_mode(subject: &Subject<'_>, endpoint: &Endpoint, report: &mut Report) {
    if let Some(addresses) = &endpoint.address {
        is_well_formed(addresses, report);
    }
    let count = subject.control_planes().count();
    if count > 1 {
        report
            .error(
                "endpoint-needs-vip",
                at("controlPlaneEndpoint.mode"),
                format!("{count} control planes have no common address"),
            )
            .help(
                "write `controlPlaneEndpoint: {mode: vip, address: ADDRESS}` with a free address of their subnet, or \
                 `mode: external` with the address of a load balancer",
            );
    }
    without_vip("node", endpoint, report);
}

/// A balancer of somebody else's: all that is known of it is where it answers.
fn external_mode(subject: &Subject<'_>, endpoint: &Endpoint, report: &mut Report) {
    without_vip("external", endpoint, report);
    match &endpoint.address {
        Some(addresses) if is_well_formed(addresses, report) => {
            addresses.get().iter().any(|address| is_of_a_node(subject, address.ip, report));
        }
        Some(_) => {}
        None if endpoint.name.is_none() => {
            report
                .error(
                    "missing-setting",
                    at(ADDRESS),
                    "mode `external` needs the address or the name at which the load balancer answers",
                )
                .help("write `controlPlaneEndpoint.address`, `controlPlaneEndpoint.name`, or both");
        }
        None => {}
    }
}

fn without_vip(mode: &str, endpoint: &Endpoint, report: &mut Report) {
    let vip = &endpoint.vip;
    if vip.virtual_router_id.is_some() || vip.image.is_some() || !vip.reserved_virtual_router_ids.is_empty() {
        report
            .warning("unused-setting", at("controlPlaneEndpoint.vip"), format!("`vip` has no effect in mode `{mode}`"))
            .at_key()
            .help("remove it, or write `mode: vip`");
    }
}

fn vip_mode(subject: &Subject<'_>, endpoint: &Endpoint, report: &mut Report) {
    router_ids(endpoint, report);
    image(endpoint, report);
    let Some(addresses) = &endpoint.address else {
        report
            .error("missing-setting", at(ADDRESS), "mode `vip` needs the address that the control planes share")
            .help("write `controlPlaneEndpoint.address` with a free address of the control planes' subnet");
        return;
    };
    if !is_well_formed(addresses, report) {
        return;
    }
    for address in addresses.get() {
        if !is_taken(subject, address.ip, report) {
            let mut machines = subject.control_planes();
            machines.all(|machine| in_control_plane_subnet(subject, machine, address.ip, report));
        }
    }
}

/// Whether there is at most one address of each family, each without a prefix length and one that machines can have.
fn is_well_formed(addresses: &Addresses, report: &mut Report) -> bool {
    if families_repeat(addresses.get().iter().map(|address| address.ip)) {
        report
            .error(
                "address-families",
                at(ADDRESS),
                "an endpoint has one IPv4 address, one IPv6 address, or one of each",
            )
            .help("remove the others");
        return false;
    }
    for address in addresses.get() {
        let ip = address.ip;
        if address.prefix.is_some() {
            report
                .error(
                    "unexpected-prefix",
                    at(ADDRESS),
                    format!("the endpoint's address {address} has a prefix length"),
                )
                .help(format!("write `{ip}`"));
            return false;
        }
        if let Some(wrong) = unusable(ip) {
            report
                .error("unusable-address", at(ADDRESS), format!("{ip} {wrong}"))
                .help("write an address at which people can reach the control planes");
            return false;
        }
    }
    true
}

/// Whether the address is that of a machine of the cluster.
fn is_of_a_node(subject: &Subject<'_>, ip: IpAddr, report: &mut Report) -> bool {
    let has = |machine: &&Machine<'_>| {
        let mut own = machine.node.address.iter().flat_map(|addresses| addresses.get());
        own.any(|own| own.ip == ip)
    };
    let Some(machine) = subject.machines.iter().find(has) else { return false };
    let message = format!("the endpoint's address {ip} is the address of {}", machine.shown());
    report
        .error("vip-is-node", at(ADDRESS), message)
        .note(machine.at("address"), "the node's address")
        .help("write an address that no machine has");
    true
}

/// Whether the address belongs to something else already.
fn is_taken(subject: &Subject<'_>, ip: IpAddr, report: &mut Report) -> bool {
    if is_of_a_node(subject, ip, report) {
        return true;
    }
    for machine in &subject.machines {
        let network = &machine.node.network;
        let is_gateway = network.gateway.iter().flat_map(|gateway| gateway.get()).any(|gateway| gateway.ip == ip);
        if is_gateway || network.nameservers.iter().any(|server| server.0 == ip) {
            let (what, key) =
                if is_gateway { ("gateway", "network.gateway") } else { ("name server", "network.nameservers") };
            let own = &machine.own.network;
            let is_own = if is_gateway { own.gateway.is_some() } else { !own.nameservers.is_empty() };
            report
                .error("vip-in-use", at(ADDRESS), format!("the endpoint's address {ip} is that of a {what}"))
                .note(machine.at_origin(is_own, key), format!("the {what}"))
                .help("write an address that nothing else has");
            return true;
        }
    }
    if subject
        .description
        .registry
        .as_ref()
        .and_then(|registry| registry.address)
        .is_some_and(|address| address.0 == ip)
    {
        report
            .error("vip-in-use", at(ADDRESS), format!("the endpoint's address {ip} is that of the registry"))
            .note(at("registry.address"), "the registry's address")
            .help("write an address that nothing else has");
        return true;
    }
    false
}

fn in_control_plane_subnet(subject: &Subject<'_>, machine: &Machine<'_>, ip: IpAddr, report: &mut Report) -> bool {
    let node_subnet = subject.description.networking.node_subnet.as_ref();
    let own = machine.node.address.iter().flat_map(|addresses| addresses.get());
    let placed =
        own.filter_map(|address| in_subnet(*address, node_subnet)).find(|own| own.ip.is_ipv4() == ip.is_ipv4());
    let Some(placed) = placed else {
        // A machine whose subnet is not known, or that lacks this family, was named before.
        return true;
    };
    if !placed.subnet().contains(&ip) {
        let message = format!(
            "the endpoint's address {ip} does not lie in the subnet {} of {}",
            placed.subnet(),
            machine.shown()
        );
        report
            .error("vip-outside-subnet", at(ADDRESS), message)
            .note(machine.at("address"), "a control plane")
            .help(format!("write a free address{}", range(placed.subnet())));
        return false;
    }
    if let Some(wrong) = reserved_in(NodeAddress { ip, prefix: placed.prefix }) {
        report
            .error("unusable-address", at(ADDRESS), format!("{ip} {wrong}"))
            .help(format!("write a free address{}", range(placed.subnet())));
        return false;
    }
    true
}

fn router_ids(endpoint: &Endpoint, report: &mut Report) {
    let vip = &endpoint.vip;
    let reserved = &vip.reserved_virtual_router_ids;
    for (index, id) in reserved.iter().enumerate().filter(|(_, id)| !(1..=255).contains(*id)) {
        report
            .error("router-id-range", at(RESERVED).index(index), format!("{id} is no virtual router id"))
            .help("write a number from 1 to 255");
    }
    if let Some(id) = vip.virtual_router_id {
        if !(1..=255).contains(&id) {
            report
                .error("router-id-range", at(ROUTER_ID), format!("{id} is no virtual router id"))
                .help("write a number from 1 to 255, or leave it out: it then derives from the address");
        } else if let Some(index) = reserved.iter().position(|other| *other == id) {
            report
                .error(
                    "router-id-reserved",
                    at(ROUTER_ID),
                    format!("the virtual router id {id} is in use by another router"),
                )
                .note(at(RESERVED).index(index), "reserved here")
                .help("write another number from 1 to 255, or leave it out");
        }
        return;
    }
    let Some(address) = endpoint.address.as_ref().and_then(|addresses| addresses.get().first()) else { return };
    match (router_id::derive(address.ip, &[]), router_id::derive(address.ip, reserved)) {
        (_, None) => {
            report
                .error("router-id-reserved", at(RESERVED), "every virtual router id is reserved")
                .help("leave at least one id from 1 to 255 free");
        }
        (Some(first), Some(moved)) if first != moved => {
            let message = format!(
                "the virtual router id {first}, which derives from {}, is reserved; {moved} is used",
                address.ip
            );
            report
                .warning("router-id-moved", at(RESERVED), message)
                .help(format!("write `virtualRouterId: {moved}` so that it stays when this list changes"));
        }
        _ => {}
    }
}

fn image(endpoint: &Endpoint, report: &mut Report) {
    let Some(image) = &endpoint.vip.image else { return };
    let is_reference = !image.is_empty()
        && !image.contains("://")
        && image.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':' | '@'));
    if !is_reference {
        report
            .error("invalid-image", at("controlPlaneEndpoint.vip.image"), format!("`{image}` is no image reference"))
            .help("write it as `registry.example.com/keepalived:2.3.1`");
    }
}
