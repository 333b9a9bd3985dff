//! What lies below the interface with the address: the card's name, the bond and its members, the VLAN.

use super::{match_interface, put};
use crate::content::units::Ini;
use crate::content::{Content, ContentError};
use kfimg_profiles::cluster::{Node, NodeNetwork};
use kfimg_profiles::description::{Bond, BondMode};

/// Writes whatever of it the node has.
pub(super) fn write(node: &Node, content: &mut Content) -> Result<(), ContentError> {
    let interface = &node.network.interface;
    match &node.network.bond {
        Some(bond) => write_bond(node, bond, content)?,
        None if node.mac.is_some() => put(content, &format!("05-kfimg-{interface}.link"), name(node))?,
        None => {}
    }
    if let Some(id) = node.network.vlan {
        let vlan = node.network.address_interface();
        put(content, &format!("05-kfimg-{interface}.network"), below_vlan(node, &vlan))?;
        put(content, &format!("05-kfimg-{vlan}.netdev"), vlan_device(&node.network, &vlan, id))?;
    }
    Ok(())
}

/// Gives the card of the node's MAC the interface's name (`systemd.link(5)`). The names that distributions give stay
/// beside it.
fn name(node: &Node) -> Ini {
    match_interface(Ini::new(), node)
        .section("Link")
        .key("Name", &node.network.interface)
        .key("AlternativeNamesPolicy", "database onboard slot path mac")
}

fn write_bond(node: &Node, bond: &Bond, content: &mut Content) -> Result<(), ContentError> {
    let interface = &node.network.interface;
    put(content, &format!("05-kfimg-{interface}.netdev"), bond_device(node, bond))?;
    if !bond.macs.is_empty() {
        // Members of a bond share one MAC; the one that was burnt in tells them apart.
        let macs: Vec<String> = bond.macs.iter().map(ToString::to_string).collect();
        let text = Ini::new().section("Match").key("PermanentMACAddress", macs.join(" ")).key("Type", "ether");
        put(content, &format!("05-kfimg-{interface}-macs.network"), member(text, interface))?;
    }
    if !bond.interfaces.is_empty() {
        let text = Ini::new().section("Match").key("Name", bond.interfaces.join(" "));
        put(content, &format!("05-kfimg-{interface}-names.network"), member(text, interface))?;
    }
    Ok(())
}

/// A card of the bond. The boot does not wait for it: one of them is enough.
fn member(text: Ini, bond: &str) -> Ini {
    text.section("Link").key("RequiredForOnline", "no").section("Network").key("Bond", bond)
}

fn bond_device(node: &Node, bond: &Bond) -> Ini {
    let balanced = matches!(bond.mode, BondMode::Lacp | BondMode::BalanceXor);
    Ini::new()
        .section("NetDev")
        .key("Name", &node.network.interface)
        .key("Kind", "bond")
        // The switch and the DHCP server see the same MAC whichever card comes first.
        .optional("MACAddress", node.mac.or_else(|| bond.macs.first().copied()))
        .section("Bond")
        .key("Mode", mode(bond.mode))
        .key("MIIMonitorSec", "100ms")
        .optional("TransmitHashPolicy", balanced.then_some("layer3+4"))
}

/// `Mode=` of `systemd.netdev(5)`.
fn mode(mode: BondMode) -> &'static str {
    match mode {
        BondMode::ActiveBackup => "active-backup",
        BondMode::Lacp => "802.3ad",
        BondMode::BalanceTlb => "balance-tlb",
        BondMode::BalanceAlb => "balance-alb",
        BondMode::BalanceXor => "balance-xor",
    }
}

fn vlan_device(network: &NodeNetwork, name: &str, id: u16) -> Ini {
    Ini::new()
        .section("NetDev")
        .key("Name", name)
        .key("Kind", "vlan")
        .optional("MTUBytes", network.mtu)
        .section("VLAN")
        .key("Id", id)
}

/// The interface below the VLAN carries no address of its own.
fn below_vlan(node: &Node, vlan: &str) -> Ini {
    match_interface(Ini::new(), node)
        .section("Link")
        .optional("MTUBytes", node.network.mtu)
        .key("RequiredForOnline", "no")
        .section("Network")
        .key("VLAN", vlan)
        .key("LinkLocalAddressing", "no")
        .key("IPv6AcceptRA", "no")
}
