//! The network of a node, for systemd-networkd and systemd-resolved.
//!
//! The order of the files matters: networkd and udev take the first one that matches, over all folders, so the names
//! begin with `05-` and win over those of netplan (`10-netplan-…`) and of distributions (`zz-default.network`).
//! NetworkManager and cloud-init are not spoken to: a host that is configured by one of them is not kfimg's.

mod address;
mod link;
mod online;
mod pods;
mod resolver;

use super::units::{Ini, enable_system_unit};
use super::{Content, ContentError, Context};
use kfimg_profiles::cluster::{Node, NodeNetwork};

/// Folder of networkd's and udev's files.
const FOLDER: &str = "/etc/systemd/network";
const NETWORKD: &str = "/etc/systemd/networkd.conf.d/10-kfimg.conf";

/// Writes the interfaces, what networkd leaves alone, and the resolver.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let node = context.node;
    link::write(node, content)?;
    put(content, &format!("05-kfimg-{}.network", node.network.address_interface()), address::text(node))?;
    if node.is_kubernetes_node() {
        pods::write(content)?;
    }
    // Routes and rules of the network plug-in and of keepalived are not networkd's to remove.
    let keep = Ini::new()
        .section("Network")
        .key("ManageForeignRoutes", "no")
        .key("ManageForeignRoutingPolicyRules", "no")
        .finish(NETWORKD)?;
    content.tree.file(NETWORKD, 0o644, keep)?;
    enable_system_unit(content, "systemd-networkd.service", "multi-user.target")?;
    online::write(&node.network, content)?;
    resolver::write(context, content)
}

/// Writes a file into networkd's folder.
fn put(content: &mut Content, name: &str, text: Ini) -> Result<(), ContentError> {
    let path = format!("{FOLDER}/{name}");
    let text = text.finish(&path)?;
    Ok(content.tree.file(&path, 0o644, text)?)
}

/// `[Match]` of the interface below a VLAN: the bond, the card of the node's MAC, or the card of that name.
///
/// A MAC is better than a name, as a card may fail to get its name (another card may have it for a moment). VLANs and
/// bridges share their card's MAC; they are of another type.
fn match_interface(text: Ini, node: &Node) -> Ini {
    let NodeNetwork { interface, bond, .. } = &node.network;
    let text = text.section("Match");
    match (bond, node.mac) {
        (None, Some(mac)) => text.key("MACAddress", mac).key("Type", "ether"),
        _ => text.key("Name", interface),
    }
}
