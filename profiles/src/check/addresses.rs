//! Addresses of machines: usable ones, in their subnet, of the families that the cluster has.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::{Machine, Subject, and_others, at, number};
use crate::cluster::NodeAddress;
use crate::description::values::Networks;
use crate::problem::Report;
use crate::resolve::nodes::in_subnet;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let node_subnet = subject.description.networking.node_subnet.as_ref();
    let mut without_prefix: Vec<(&Machine<'_>, IpAddr)> = Vec::new();
    let mut usable: Vec<(&Machine<'_>, IpAddr)> = Vec::new();
    for machine in &subject.machines {
        let addresses = machine.node.address.as_ref().map(|addresses| addresses.get()).unwrap_or_default();
        if families_repeat(addresses.iter().map(|address| address.ip)) {
            report
                .error(
                    "address-families",
                    machine.at("address"),
                    "a node has one IPv4 address, one IPv6 address, or one of each",
                )
                .help("remove the others");
            continue;
        }
        for address in addresses {
            match in_subnet(*address, node_subnet) {
                Some(placed) if is_usable(machine, placed, report) => usable.push((machine, address.ip)),
                Some(_) => {}
                None => without_prefix.push((machine, address.ip)),
            }
        }
    }
    missing_prefix(&without_prefix, report);
    let networks = node_subnet.map(Networks::get).unwrap_or_default();
    // That a family has two networks is told once, not again for each machine outside one of them.
    if !families_repeat(networks.iter().map(IpNet::addr)) {
        networks.iter().for_each(|network| lie_in(*network, &usable, report));
    }
    name_servers(subject, report);
}

fn missing_prefix(nodes: &[(&Machine<'_>, IpAddr)], report: &mut Report) {
    let Some((first, ip)) = nodes.first() else { return };
    let machines: Vec<&Machine<'_>> = nodes.iter().map(|(machine, _)| *machine).collect();
    let example = if ip.is_ipv4() { 24 } else { 64 };
    let address = number(&machines, "address has", "addresses have");
    let message = format!("the {address} no prefix length: {}", and_others(&machines));
    report
        .error("missing-prefix", first.at("address"), message)
        .help(format!("write `{ip}/{example}`, or set `networking.nodeSubnet`"));
}

fn is_usable(machine: &Machine<'_>, placed: NodeAddress, report: &mut Report) -> bool {
    let ip = placed.ip;
    let wrong = unusable(ip).map(|wrong| (wrong, "write the address of the machine's card".to_owned()));
    let reserved = || reserved_in(placed).map(|wrong| (wrong, format!("write an address{}", range(placed.subnet()))));
    let wrong = wrong.or_else(reserved);
    if let Some((wrong, help)) = &wrong {
        report.error("unusable-address", machine.at("address"), format!("{ip} {wrong}")).help(help);
    }
    wrong.is_none()
}

/// Many machines none of which lies in the machines' network are told in one: then the network is the wrong one.
fn lie_in(network: IpNet, addresses: &[(&Machine<'_>, IpAddr)], report: &mut Report) {
    let of_family = addresses.iter().filter(|(_, ip)| ip.is_ipv4() == network.addr().is_ipv4());
    let (inside, outside): (Vec<_>, Vec<_>) = of_family.partition(|(_, ip)| network.contains(ip));
    let setting = at("networking.nodeSubnet");
    let shown = network.trunc();
    if let ([(first, _), _, _, ..], []) = (&outside[..], &inside[..]) {
        let machines: Vec<&Machine<'_>> = outside.iter().map(|(machine, _)| *machine).collect();
        let message = format!("{} do not lie in the machines' network {shown}", and_others(&machines));
        report
            .error("address-outside-subnet", setting, message)
            .note(first.at("address"), "the first of them")
            .help(format!("write the network that they share, or addresses{}", range(network)));
        return;
    }
    for (machine, ip) in outside {
        report
            .error(
                "address-outside-subnet",
                machine.at("address"),
                format!("{ip} does not lie in the machines' network {shown}"),
            )
            .note(setting.clone(), "the machines' network")
            .help(format!("write an address{}, or correct `networking.nodeSubnet`", range(network)));
    }
}

/// The machines' network of an address's family, if the address does not lie in it.
pub(super) fn outside(ip: IpAddr, node_subnet: Option<&Networks>) -> Option<IpNet> {
    let networks = node_subnet.map(Networks::get).unwrap_or_default();
    networks.iter().find(|net| net.addr().is_ipv4() == ip.is_ipv4()).filter(|net| !net.contains(&ip)).copied()
}

/// ` from A to B`: the addresses that machines of a network can have.
pub(super) fn range(subnet: IpNet) -> String {
    let mut hosts = subnet.hosts();
    match (hosts.next(), subnet) {
        (Some(first), IpNet::V4(net)) if net.prefix_len() < 31 => {
            let last = Ipv4Addr::from(u32::from(net.broadcast()) - 1);
            format!(" from {first} to {last}")
        }
        _ => format!(" of {}", subnet.trunc()),
    }
}

/// Why an address serves no machine, if so.
pub(super) fn unusable(ip: IpAddr) -> Option<&'static str> {
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let is_mapped = matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
    let kinds = [
        (ip.is_unspecified(), "stands for no address"),
        (ip.is_loopback(), "is a loopback address"),
        (ip.is_multicast(), "is a multicast address"),
        (ip == IpAddr::V4(Ipv4Addr::BROADCAST), "is the broadcast address"),
        (is_link_local, "is a link-local address"),
        (is_mapped, "is an IPv4 address in IPv6 clothes"),
    ];
    kinds.into_iter().find(|(is, _)| *is).map(|(_, wrong)| wrong)
}

/// Why an address serves no machine of its subnet, if so.
pub(super) fn reserved_in(address: NodeAddress) -> Option<&'static str> {
    let subnet = address.subnet();
    let has_room = subnet.max_prefix_len() - subnet.prefix_len() > 1;
    let kinds = [
        (has_room && address.ip == subnet.network(), "is the address of its network"),
        (
            has_room && subnet.network().is_ipv4() && address.ip == subnet.broadcast(),
            "is the broadcast address of its network",
        ),
    ];
    kinds.into_iter().find(|(is, _)| *is).map(|(_, wrong)| wrong)
}

/// Whether there are more than two addresses, or two of one family.
pub(super) fn families_repeat(addresses: impl Iterator<Item = IpAddr>) -> bool {
    let families: Vec<bool> = addresses.map(|address| address.is_ipv4()).collect();
    families.len() > 2 || (families.len() == 2 && families[0] == families[1])
}

fn name_servers(subject: &Subject<'_>, report: &mut Report) {
    for (path, node) in subject.parts() {
        for (index, server) in node.network.nameservers.iter().enumerate() {
            if let Some(wrong) = unusable(server.0).filter(|wrong| !wrong.contains("link-local")) {
                report
                    .error(
                        "unusable-address",
                        path.key("network").key("nameservers").index(index),
                        format!("{server} {wrong}"),
                    )
                    .help("write the address of a DNS server of the site");
            }
        }
    }
}
