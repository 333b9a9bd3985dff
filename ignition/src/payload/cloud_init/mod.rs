//! cloud-init, from 22.4 (Debian 12) on: user-data, meta-data and network-config of one node
//! (<https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html>).
//!
//! cloud-init starts when systemd has read its units already and may have set the kernel, the clock and the names of cards;
//! Ignition ends before that. So the user-data does three things beside laying the tree down: it comes before the network
//! (`dsmode: local`), it has systemd read everything anew and start what the new units want, and where the tree mounts a data
//! partition over cloud-init's own state it boots once more. `docs/cloud-init.md` tells the order of a first boot.
//!
//! What carries these files (a disk, a hypervisor) is not decided here, and nothing here knows Kubernetes.

mod archive;
mod documents;
mod network;
mod read;
mod script;
mod users;

pub use read::read_cloud_init;

use crate::tree::NodeTree;
use data_encoding::HEXLOWER;
use documents::{MetaData, guestinfo_metadata, meta_data, user_data};
use kfimg_profiles::cluster::Node;
use network::NetworkConfig;
use sha2::{Digest, Sha256};
use std::fmt;

/// The files that cloud-init wants for one node.
#[derive(Clone, Eq, PartialEq)]
pub struct CloudInit {
    /// `#cloud-config`. It holds the node's secrets.
    pub user_data: Vec<u8>,
    /// Identity of the node and of this payload, YAML.
    pub meta_data: Vec<u8>,
    /// Names of the cards, version 2. Addresses are networkd's, in the tree.
    pub network_config: Vec<u8>,
    /// `guestinfo.metadata` of VMware: identity and cards in one, YAML.
    pub guestinfo_metadata: Vec<u8>,
}

impl fmt::Debug for CloudInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudInit")
            .field("user_data", &format_args!("{} bytes", self.user_data.len()))
            .field("meta_data", &String::from_utf8_lossy(&self.meta_data))
            .field("network_config", &String::from_utf8_lossy(&self.network_config))
            .finish_non_exhaustive()
    }
}

/// A node's tree for cloud-init. Of the node itself its name and its cards are read.
pub fn cloud_init(tree: &NodeTree, node: &Node) -> CloudInit {
    let user_data = user_data(tree, &node.name);
    let id = instance_id(&node.name, &user_data);
    let identity = MetaData::new(&id, &node.name);
    let cards = NetworkConfig::of(node);
    CloudInit {
        meta_data: meta_data(&identity),
        network_config: cards.document(),
        guestinfo_metadata: guestinfo_metadata(&identity, &cards),
        user_data,
    }
}

/// `<node>-<SHA-256 of the user-data>`: another payload is another instance, and cloud-init runs anew.
pub(super) fn instance_id(name: &str, user_data: &[u8]) -> String {
    format!("{name}-{}", HEXLOWER.encode(&Sha256::digest(user_data)))
}

/// A card that gets its name by its Ethernet address: both as text.
pub(super) fn named_card(node: &Node) -> Option<(String, &str)> {
    let mac = node.mac.filter(|_| node.network.bond.is_none())?;
    Some((mac.to_string(), &node.network.interface))
}
