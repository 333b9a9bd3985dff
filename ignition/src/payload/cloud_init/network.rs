//! network-config version 2 (<https://docs.cloud-init.io/en/latest/reference/network-config-format-v2.html>): the names of
//! cards, and nothing else.
//!
//! Addresses, routes, bonds, VLANs and DNS are in the tree, as files of networkd whose names come before all others
//! (`05-kfimg-…`). cloud-init lays them down before networkd starts. If this file had addresses too, ifupdown would set them a
//! second time and fail, a second DHCP client would ask for another lease, and a change of the tree would leave the old
//! address in `/etc/netplan` or `/etc/network/interfaces.d`. But it must name a card: an empty file makes cloud-init ask for
//! DHCP on the first card that it finds. And a `.link` file comes too late for a card that has its name already, so that
//! cloud-init gives it.

use super::documents::yaml;
use super::named_card;
use kfimg_profiles::cluster::Node;
use serde::Serialize;
use std::collections::BTreeMap;

/// The document.
#[derive(Serialize)]
pub(super) struct NetworkConfig<'a> {
    version: u8,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    ethernets: BTreeMap<&'a str, Card>,
}

/// A card without addresses.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Card {
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    which: Option<Match>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_name: Option<String>,
    dhcp4: bool,
    dhcp6: bool,
}

#[derive(Serialize)]
struct Match {
    macaddress: String,
}

impl<'a> NetworkConfig<'a> {
    /// The card of the node's Ethernet address gets its name; other cards keep theirs.
    pub(super) fn of(node: &'a Node) -> Self {
        let plain = Card { which: None, set_name: None, dhcp4: false, dhcp6: false };
        let ethernets = match (named_card(node), &node.network.bond) {
            (Some((macaddress, name)), _) => {
                let which = Some(Match { macaddress });
                BTreeMap::from([(name, Card { which, set_name: Some(name.to_owned()), ..plain })])
            }
            (None, None) => BTreeMap::from([(node.network.interface.as_str(), plain)]),
            (None, Some(_)) => BTreeMap::new(),
        };
        Self { version: 2, ethernets }
    }

    /// The file `network-config`.
    pub(super) fn document(&self) -> Vec<u8> {
        yaml(self).into_bytes()
    }
}
