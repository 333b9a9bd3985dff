//! The files of one node's payload, for every channel that the description names.
//!
//! They depend on the node's tree and on the version of Ignition's specification alone; what depends on the whole cluster is
//! in [`super::delivery`].

use crate::output::PayloadFile;
use kfimg_ignition::content::{ContentError, NodeContent, Stamp};
use kfimg_ignition::delivery::import_specification;
use kfimg_ignition::payload::{
    CloudInit, Guestinfo, IgnitionVersion, cloud_init, config_drive, guestinfo_cloud_init, guestinfo_ignition,
    ignition, nocloud_seed,
};
use kfimg_ignition::tree::NodeTree;
use kfimg_profiles::cluster::{Delivery, Node};
use kfimg_profiles::description::{Channel, GuestinfoTransport, PayloadFormat};
use std::cell::OnceCell;

/// How payloads of this render are written.
#[derive(Clone, Copy)]
pub(super) struct Format<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) version: IgnitionVersion,
    /// One drive carries the payloads of all machines, too.
    pub(super) all_in_one: bool,
}

/// What cloud-init reads as files.
const NOCLOUD: [PayloadFile; 3] = [PayloadFile::UserData, PayloadFile::MetaData, PayloadFile::NetworkConfig];

impl Format<'_> {
    /// The paths below the output folder.
    pub(super) fn paths(&self, node: &str) -> Vec<String> {
        self.parts().into_iter().map(|part| part.path(node)).collect()
    }

    /// The files: path below the output folder, and content. All are secret.
    pub(super) fn files(&self, node: &Node, tree: &NodeTree) -> Vec<(String, Vec<u8>)> {
        let made = Made::new(self, node, tree);
        self.parts().into_iter().map(|part| (part.path(&node.name), made.content(part))).collect()
    }

    /// Whether a part of the payload is larger than its channel takes.
    pub(super) fn is_too_large(&self, node: &Node, content: &NodeContent) -> Result<bool, ContentError> {
        let tree = content.clone().stamp(Stamp { generation: u64::MAX, render_time: i64::MAX })?;
        let made = Made::new(self, node, &tree);
        let is_over = |part: PayloadFile| {
            let largest = |values: &[Guestinfo]| values.iter().map(|value| value.value.len()).max().unwrap_or(0);
            let (bytes, limit) = match part {
                PayloadFile::Ignition | PayloadFile::UserData => {
                    (made.content(part).len(), self.delivery.user_data_limit)
                }
                part if part.is_guestinfo() => (largest(&made.values()), Some(self.delivery.guestinfo_limit)),
                _ => (0, None),
            };
            limit.is_some_and(|limit| bytes as u64 > limit)
        };
        let parts = self.parts();
        let is_guestinfo = parts.iter().any(|part| part.is_guestinfo());
        let all = || made.values().iter().map(|value| value.value.len() as u64).sum::<u64>();
        Ok(parts.into_iter().any(is_over) || is_guestinfo && all() > self.delivery.guestinfo_machine_limit)
    }

    fn parts(&self) -> Vec<PayloadFile> {
        let delivery = self.delivery;
        let fetches = |format| delivery.has(Channel::Pxe) && delivery.payload == format;
        let mut parts = Vec::new();
        if self.all_in_one || delivery.has(Channel::Ignition) || fetches(PayloadFormat::Ignition) {
            parts.push(PayloadFile::Ignition);
        }
        if delivery.has(Channel::Nocloud) || fetches(PayloadFormat::CloudInit) {
            parts.extend(NOCLOUD);
        }
        if fetches(PayloadFormat::CloudInit) {
            parts.push(PayloadFile::VendorData);
        }
        if delivery.has(Channel::Nocloud) {
            parts.push(PayloadFile::Seed);
        }
        if delivery.has(Channel::ConfigDrive) {
            parts.push(PayloadFile::ConfigDrive);
        }
        if delivery.has(Channel::Guestinfo) {
            parts.extend(self.guestinfo());
        }
        parts
    }

    fn guestinfo(&self) -> &'static [PayloadFile] {
        match (self.delivery.guestinfo_transport, self.delivery.payload) {
            (GuestinfoTransport::OvfProperties, _) => &[PayloadFile::ImportSpecification],
            (GuestinfoTransport::ExtraConfig, PayloadFormat::Ignition) => &[PayloadFile::GuestinfoIgnition],
            (GuestinfoTransport::ExtraConfig, PayloadFormat::CloudInit) => {
                &[PayloadFile::GuestinfoUserData, PayloadFile::GuestinfoMetadata]
            }
        }
    }
}

/// A tree in the formats that are asked for, each made once.
struct Made<'a> {
    format: &'a Format<'a>,
    node: &'a Node,
    tree: &'a NodeTree,
    configuration: OnceCell<Vec<u8>>,
    files: OnceCell<CloudInit>,
}

impl<'a> Made<'a> {
    fn new(format: &'a Format<'a>, node: &'a Node, tree: &'a NodeTree) -> Self {
        Self { format, node, tree, configuration: OnceCell::new(), files: OnceCell::new() }
    }

    fn content(&self, part: PayloadFile) -> Vec<u8> {
        match part {
            PayloadFile::Ignition => self.configuration().to_vec(),
            PayloadFile::UserData => self.files().user_data.clone(),
            PayloadFile::MetaData => self.files().meta_data.clone(),
            PayloadFile::NetworkConfig => self.files().network_config.clone(),
            PayloadFile::VendorData => Vec::new(),
            PayloadFile::Seed => nocloud_seed(self.files()),
            PayloadFile::ConfigDrive => config_drive(self.node, self.user_data()),
            PayloadFile::GuestinfoIgnition => {
                let [Guestinfo { value, .. }] = guestinfo_ignition(self.configuration());
                value.into_bytes()
            }
            PayloadFile::GuestinfoUserData => {
                let [Guestinfo { value, .. }, _] = guestinfo_cloud_init(self.files());
                value.into_bytes()
            }
            PayloadFile::GuestinfoMetadata => {
                let [_, Guestinfo { value, .. }] = guestinfo_cloud_init(self.files());
                value.into_bytes()
            }
            PayloadFile::ImportSpecification => import_specification(&self.node.name, &self.values()).into_bytes(),
        }
    }

    /// What the machine's operating system reads.
    fn user_data(&self) -> &[u8] {
        match self.format.delivery.payload {
            PayloadFormat::Ignition => self.configuration(),
            PayloadFormat::CloudInit => &self.files().user_data,
        }
    }

    fn values(&self) -> Vec<Guestinfo> {
        match self.format.delivery.payload {
            PayloadFormat::Ignition => guestinfo_ignition(self.configuration()).to_vec(),
            PayloadFormat::CloudInit => guestinfo_cloud_init(self.files()).to_vec(),
        }
    }

    fn configuration(&self) -> &[u8] {
        self.configuration.get_or_init(|| ignition(self.tree, self.format.version))
    }

    fn files(&self) -> &CloudInit {
        self.files.get_or_init(|| cloud_init(self.tree, self.node))
    }
}
