//! Network interfaces: names, VLANs, bonds, MTU.

use std::collections::BTreeSet;

use super::{Subject, at};
use crate::description::{Bond, NodeNetwork};
use crate::document::Path;
use crate::problem::Report;

/// The longest name of an interface (`IFNAMSIZ` of Linux less the closing zero).
const LONGEST_NAME: usize = 15;
/// The smallest MTU that IPv6 works with (RFC 8200, section 5).
const IPV6_MTU: u32 = 1280;
/// Bytes that VXLAN adds to a packet: 50 over IPv4, 70 over IPv6.
const VXLAN_OVERHEAD: u32 = 50;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    for (path, node) in subject.parts() {
        part(&path.key("network"), &node.network, report);
    }
    for machine in &subject.machines {
        let network = &machine.node.network;
        let own = &machine.own.network;
        if let (Some(name), Some(vlan)) = (&network.interface, &network.vlan) {
            let whole = format!("{name}.{}", vlan.id);
            if whole.len() > LONGEST_NAME && name.len() <= LONGEST_NAME {
                report
                    .error(
                        "invalid-interface",
                        machine.at_origin(own.interface.is_some(), "network.interface"),
                        format!("the VLAN's interface `{whole}` has a name of {} characters", whole.len()),
                    )
                    .help(format!("write a shorter name: {LONGEST_NAME} characters are allowed, with the VLAN"));
            }
        }
        let has_ipv6 =
            machine.node.address.iter().flat_map(|addresses| addresses.get()).any(|address| address.ip.is_ipv6());
        if has_ipv6 && network.mtu.is_some_and(|mtu| (68..IPV6_MTU).contains(&mtu)) {
            report
                .error(
                    "invalid-mtu",
                    machine.at_origin(own.mtu.is_some(), "network.mtu"),
                    "IPv6 needs an MTU of at least 1280 bytes",
                )
                .help("write 1280 or more");
        }
        overlay_mtu(subject, network.mtu, report);
    }
    if let Some(mtu) = subject.description.networking.flannel.mtu.filter(|mtu| !(576..=65_485).contains(mtu)) {
        report
            .error("invalid-mtu", at("networking.flannel.mtu"), format!("pods cannot have an MTU of {mtu} bytes"))
            .help("write 576 to 65485, or leave it out: flannel derives it");
    }
}

fn overlay_mtu(subject: &Subject<'_>, machine: Option<u32>, report: &mut Report) {
    let flannel = &subject.description.networking.flannel;
    let (Some(pods), crate::description::FlannelBackend::Vxlan) = (flannel.mtu, flannel.backend) else { return };
    let machine = machine.unwrap_or(1500);
    if pods <= 65_485 && pods + VXLAN_OVERHEAD > machine {
        report
            .warning(
                "overlay-mtu",
                at("networking.flannel.mtu"),
                format!(
                    "an MTU of {pods} bytes for pods does not fit into {machine} bytes: VXLAN adds {VXLAN_OVERHEAD}"
                ),
            )
            .help(format!(
                "write {} or less, or leave it out: flannel derives it",
                machine.saturating_sub(VXLAN_OVERHEAD)
            ));
    }
}

fn part(path: &Path, network: &NodeNetwork, report: &mut Report) {
    if let Some(name) = &network.interface {
        interface_name(path.key("interface"), name, report);
    }
    if let Some(vlan) = network.vlan.as_ref().filter(|vlan| !(1..=4094).contains(&vlan.id)) {
        report
            .error("invalid-vlan", path.key("vlan").key("id"), format!("{} is no VLAN id", vlan.id))
            .help("write a number from 1 to 4094");
    }
    if let Some(mtu) = network.mtu.filter(|mtu| !(576..=65_535).contains(mtu)) {
        report
            .error("invalid-mtu", path.key("mtu"), format!("an interface cannot well have an MTU of {mtu} bytes"))
            .help("write 576 to 65535; most networks have 1500 or 9000");
    }
    if let Some(members) = &network.bond {
        bond(&path.key("bond"), members, network.interface.as_deref(), report);
    }
}

fn interface_name(path: Path, name: &str, report: &mut Report) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let wrong = match name {
        "" => Some("is empty".to_owned()),
        "." | ".." | "lo" | "all" | "default" => Some(format!("is `{name}`, which means something else to Linux")),
        _ if name.len() > LONGEST_NAME => Some(format!("has {} characters", name.len())),
        _ => name.chars().find(|c| !is_plain(*c)).map(|c| format!("has the character `{c}`")),
    };
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(wrong) = wrong.or_else(|| is_number.then(|| "is a number".to_owned())) {
        report
            .error("invalid-interface", path, format!("the name of the interface {wrong}"))
            .help(format!("write 1 to {LONGEST_NAME} letters, digits, `-`, `_` and `.`, such as eth0"));
    }
}

fn bond(path: &Path, bond: &Bond, interface: Option<&str>, report: &mut Report) {
    match bond.interfaces.len() + bond.macs.len() {
        0 => {
            report
                .error("invalid-bond", path, "the bond has no cards")
                .help("write `interfaces: [eth0, eth1]`, or `macs` with their Ethernet addresses");
        }
        1 => {
            report
                .warning("bond-of-one", path, "the bond has one card, whose loss it cannot bear")
                .help("add a second one");
        }
        _ => {}
    }
    let mut names = BTreeSet::new();
    for (index, name) in bond.interfaces.iter().enumerate() {
        let setting = path.key("interfaces").index(index);
        interface_name(setting.clone(), name, report);
        if !names.insert(name) {
            report.error("duplicate-bond-card", &setting, format!("`{name}` is given twice")).help("remove one");
        }
        if interface.unwrap_or("bond0") == name {
            report
                .error("invalid-bond", &setting, format!("`{name}` is the name of the bond itself"))
                .help("write another `network.interface`, such as bond0");
        }
    }
    let mut macs = BTreeSet::new();
    for (index, mac) in bond.macs.iter().enumerate() {
        let setting = path.key("macs").index(index);
        if !macs.insert(mac) {
            report.error("duplicate-bond-card", &setting, format!("{mac} is given twice")).help("remove one");
        } else if mac.is_multicast() {
            report
                .error("unusable-mac", &setting, format!("{mac} belongs to no single card"))
                .help("write the card's own address");
        }
    }
}
