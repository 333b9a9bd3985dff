//! Routers of machines.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::addresses::{families_repeat, outside, range, unusable};
use super::{Machine, Subject, and_others, at, number};
use crate::cluster::NodeAddress;
use crate::document::Path;
use crate::problem::Report;
use crate::resolve::nodes::in_subnet;

/// Nodes whose gateway, written at one place, lies outside their subnet.
type Outside<'a> = BTreeMap<(Path, IpAddr, IpNet), Vec<&'a Machine<'a>>>;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let node_subnet = subject.description.networking.node_subnet.as_ref();
    let mut without: Vec<&Machine<'_>> = Vec::new();
    let mut outsiders = Outside::new();
    for machine in &subject.machines {
        let written = machine.node.address.as_ref().map(|addresses| addresses.get()).unwrap_or_default();
        // An address outside of the machines' network was named before; the gateway is likely right.
        let placed: Vec<NodeAddress> = (written.iter())
            .filter(|address| outside(address.ip, node_subnet).is_none())
            .filter_map(|address| in_subnet(*address, node_subnet))
            .collect();
        let is_dynamic = machine.node.network.dhcp.unwrap_or(false);
        match &machine.node.network.gateway {
            None if !is_dynamic && !placed.is_empty() => without.push(machine),
            None => {}
            Some(_) if is_dynamic => with_dhcp(machine, report),
            Some(gateway) if families_repeat(gateway.get().iter().map(|gateway| gateway.ip)) => {
                report
                    .error("address-families", setting(machine), "there is at most one gateway of each family")
                    .help("keep one IPv4 and one IPv6 address");
            }
            Some(gateway) => {
                for gateway in gateway.get() {
                    if form(machine, *gateway, report) {
                        place(machine, gateway.ip, &placed, &mut outsiders, report);
                    }
                }
            }
        }
    }
    no_gateway(&without, report);
    tell_outsiders(&outsiders, report);
}

fn setting(machine: &Machine<'_>) -> Path {
    machine.at_origin(machine.own.network.gateway.is_some(), "network.gateway")
}

fn no_gateway(machines: &[&Machine<'_>], report: &mut Report) {
    let Some(first) = machines.first() else { return };
    let message = format!("{} {} no gateway", and_others(machines), number(machines, "has", "have"));
    report
        .warning("no-gateway", first.at("network.gateway"), message)
        .help("write `network.gateway`: without a default route programs of the node itself cannot reach services");
}

fn with_dhcp(machine: &Machine<'_>, report: &mut Report) {
    report
        .error("gateway-with-dhcp", setting(machine), "the gateway comes by DHCP, and one is written as well")
        .note(machine.at_origin(machine.own.network.dhcp.is_some(), "network.dhcp"), "DHCP is on")
        .help("write `gateway: null`, or `dhcp: false`");
}

/// Whether a gateway is an address that a router can have, without a prefix length.
fn form(machine: &Machine<'_>, gateway: crate::description::values::Address, report: &mut Report) -> bool {
    let ip = gateway.ip;
    if gateway.prefix.is_some() {
        report
            .error("unexpected-prefix", setting(machine), format!("the gateway {gateway} has a prefix length"))
            .help(format!("write `{ip}`"));
        return false;
    }
    match unusable(ip) {
        None => true,
        // Routers announce themselves by link-local addresses in IPv6.
        Some(wrong) if ip.is_ipv6() && wrong.contains("link-local") => false,
        Some(wrong) => {
            report
                .error("unusable-address", setting(machine), format!("the gateway {ip} {wrong}"))
                .help("write the router's address");
            false
        }
    }
}

fn place<'a>(
    machine: &'a Machine<'a>,
    ip: IpAddr,
    placed: &[NodeAddress],
    outsiders: &mut Outside<'a>,
    report: &mut Report,
) {
    let Some(own) = placed.iter().find(|address| address.ip.is_ipv4() == ip.is_ipv4()) else {
        if !placed.is_empty() {
            let message = format!("the gateway {ip} serves no address of {}", machine.shown());
            report
                .error("gateway-family", setting(machine), message)
                .note(machine.at("address"), "the node's addresses")
                .help("write a gateway of the family of the node's address, or give the node an address of both");
        }
        return;
    };
    if own.ip == ip {
        report
            .error(
                "gateway-is-node",
                setting(machine),
                format!("the gateway {ip} is the address of {} itself", machine.shown()),
            )
            .note(machine.at("address"), "the node's address")
            .help("write the router's address");
    } else if !own.subnet().contains(&ip) {
        outsiders.entry((setting(machine), ip, own.subnet())).or_default().push(machine);
    }
}

fn tell_outsiders(outsiders: &Outside<'_>, report: &mut Report) {
    for ((path, ip, subnet), machines) in outsiders {
        let message = format!("the gateway {ip} does not lie in the subnet {subnet} of {}", and_others(machines));
        let draft = report.error("gateway-outside-subnet", path, message);
        let draft = match machines.first() {
            Some(first) => draft.note(first.at("address"), "the node's address"),
            None => draft,
        };
        draft
            .note(at("networking.nodeSubnet"), "the machines' network")
            .help(format!("write a gateway{}, or correct the node's address", range(*subnet)));
    }
}
