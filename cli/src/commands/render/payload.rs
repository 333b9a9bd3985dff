//! The files of one node's payload, for every channel that the description names.
//!
//! They depend on the node's tree and on the version of Ignition's specification alone; what depends on the whole cluster is
//! in [`super::delivery`].

use kfimg_ignition::content::{ContentError, NodeContent, Stamp};
use kfimg_ignition::delivery::import_specification;
use kfimg_ignition::payload::{Guestinfo, IGNITION_KEY, IgnitionVersion, guestinfo_ignition, ignition};
use kfimg_ignition::tree::NodeTree;
use kfimg_profiles::cluster::Delivery;
use kfimg_profiles::description::{Channel, GuestinfoTransport, PayloadFormat};

/// How payloads of this render are written.
#[derive(Clone, Copy)]
pub(super) struct Format<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) version: IgnitionVersion,
}

/// One file of a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Ignition,
    GuestinfoIgnition,
    ImportSpecification,
}

impl Format<'_> {
    /// The paths below the output folder.
    pub(super) fn paths(&self, node: &str) -> Vec<String> {
        self.parts().into_iter().map(|part| part.path(node)).collect()
    }

    /// The files: path below the output folder, and content. All are secret.
    pub(super) fn files(&self, node: &str, tree: &NodeTree) -> Vec<(String, Vec<u8>)> {
        self.contents(node, tree).into_iter().map(|(part, content)| (part.path(node), content)).collect()
    }

    fn contents(&self, node: &str, tree: &NodeTree) -> Vec<(Part, Vec<u8>)> {
        let configuration = ignition(tree, self.version);
        let content = |part: Part| {
            let content = match part {
                Part::Ignition => configuration.clone(),
                Part::GuestinfoIgnition => {
                    let [Guestinfo { value, .. }] = guestinfo_ignition(&configuration);
                    value.into_bytes()
                }
                Part::ImportSpecification => {
                    import_specification(node, &guestinfo_ignition(&configuration)).into_bytes()
                }
            };
            (part, content)
        };
        self.parts().into_iter().map(content).collect()
    }

    /// Whether a part of the payload is larger than its channel takes.
    pub(super) fn is_too_large(&self, content: &NodeContent) -> Result<bool, ContentError> {
        let tree = content.clone().stamp(Stamp { generation: u64::MAX, render_time: i64::MAX })?;
        let is_over = |(part, content): (Part, Vec<u8>)| {
            let limit = match part {
                Part::Ignition => self.delivery.user_data_limit,
                Part::GuestinfoIgnition | Part::ImportSpecification => Some(self.delivery.guestinfo_limit),
            };
            limit.is_some_and(|limit| content.len() as u64 > limit)
        };
        Ok(self.contents("", &tree).into_iter().any(is_over))
    }

    fn parts(&self) -> Vec<Part> {
        let delivery = self.delivery;
        let fetches = |format| delivery.has(Channel::Pxe) && delivery.payload == format;
        let mut parts = Vec::new();
        if delivery.has(Channel::Ignition) || fetches(PayloadFormat::Ignition) {
            parts.push(Part::Ignition);
        }
        if delivery.has(Channel::Guestinfo) {
            parts.push(match delivery.guestinfo_transport {
                GuestinfoTransport::ExtraConfig => Part::GuestinfoIgnition,
                GuestinfoTransport::OvfProperties => Part::ImportSpecification,
            });
        }
        parts
    }
}

impl Part {
    fn path(self, node: &str) -> String {
        match self {
            Self::Ignition => format!("nodes/{node}/ignition.json"),
            Self::GuestinfoIgnition => format!("vmware/{node}/{IGNITION_KEY}"),
            Self::ImportSpecification => format!("vmware/{node}/import.json"),
        }
    }
}
