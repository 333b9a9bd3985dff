//! What a node gets: one file a component, each writing into the node's tree.
//!
//! The table [`COMPONENTS`] is the design's table "What a node gets". How content travels is not decided here.

mod accounts;
mod addons;
mod api_server;
mod certificates;
mod cluster;
mod containerd;
mod controller_manager;
mod data_disk;
mod etcd;
mod haproxy;
mod identity;
mod inputs;
mod keepalived;
mod kernel;
mod kubeconfig;
mod kubelet;
mod network;
mod plan;
mod pod;
mod reporting;
mod scheduler;
mod seal;
mod split;
mod sysext;
mod time;
mod tls;
mod units;
mod users;
mod yaml;

pub use cluster::ClusterContent;
pub use containerd::upstream_hosts;
pub use plan::Stamp;
pub use reporting::takes_report_token;
pub use split::Fetched;

use crate::tree::{NodeTree, TreeError};
use addons::Addons;
use kfimg_agent::plan::{Plan, SecretCopy};
use kfimg_images::{Catalog, Component as ImageComponent, ImageList, Pins, Reason, Reference, Remark};
use kfimg_pki::NodeCredentials;
use kfimg_profiles::cluster::{Cluster, Node};
use kfimg_profiles::description::Role;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Everything that the content of one node depends on.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The cluster as the node may know it; see [`ClusterContent::with_context`].
    cluster: &'a Cluster,
    /// The node.
    node: &'a Node,
    /// The node's keys and certificates, by its role.
    credentials: &'a NodeCredentials<'a>,
    /// Images of the cluster's Kubernetes version.
    catalog: &'a Catalog,
    /// The digests that images are pinned to.
    pins: &'a Pins,
    /// The addons, rendered once for all nodes.
    addons: &'a Addons,
    /// Upstream registries that images may come from.
    upstream_hosts: &'a BTreeSet<String>,
    /// The cluster's identity.
    uid: &'a str,
    /// The cluster may be founded until this second since 1970.
    bootstrap_not_after: i64,
    /// SHA-256 of what all nodes have in common.
    cluster_digest: [u8; 32],
}

impl Context<'_> {
    /// SHA-256 of everything that the node's content is made from: equal digests mean equal content.
    pub fn digest(&self) -> [u8; 32] {
        inputs::of_node(self)
    }

    /// The catalog's image of a component, at the cluster's Kubernetes version, pinned.
    pub(crate) fn image(&self, component: ImageComponent) -> Reference {
        self.pins.pin(&self.catalog.image(component, self.cluster.version.patch))
    }

    /// Whether the node runs an etcd member.
    pub(crate) fn is_etcd_member(&self) -> bool {
        self.cluster.is_etcd_member(self.node)
    }
}

/// Something in a file of the user's that a person should look at: what looks like an image and may be none, or an image
/// that is another one tomorrow.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{file}:{line}: {remark}")]
pub struct Question {
    /// The file, as the description names it.
    pub file: String,
    /// The line where the object starts, from 1.
    pub line: usize,
    /// What it is.
    pub remark: Remark,
}

/// Why content could not be written.
#[derive(Debug, Error)]
pub enum ContentError {
    /// Two components disagree, or a path of the description is unusable.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A value could not be written in its format.
    #[error("writing {path}: {reason}")]
    Format {
        /// Path on the node.
        path: String,
        /// What the writer said.
        reason: String,
    },
    /// A credential that the role needs is missing: a mistake in the caller.
    #[error("{node}: no {credential} was issued; this is a bug of kfimg")]
    Credential {
        /// The node.
        node: String,
        /// What is missing.
        credential: String,
    },
    /// An image reference of the description is malformed.
    #[error("image {reference}: {reason}")]
    Image {
        /// As written.
        reference: String,
        /// What is wrong.
        reason: String,
    },
}

/// What the components of one node have written so far.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Files, folders, links, users, the data partition.
    pub tree: NodeTree,
    /// Images that the node will ask for, with the reasons.
    pub images: ImageList,
    /// TCP ports that must be free when the node boots.
    pub(crate) free_ports: BTreeSet<u16>,
    /// Secrets that the agent copies to `/run`.
    pub(crate) copies: Vec<SecretCopy>,
    /// Kernel modules that must be there.
    pub(crate) kernel_modules: BTreeSet<String>,
    /// Kernel settings that must hold.
    pub(crate) sysctls: BTreeMap<String, String>,
    /// Files of addons, in the order in which they are applied.
    pub(crate) addons: Vec<String>,
}

impl Content {
    /// Notes that a static pod of the node runs an image.
    pub(crate) fn runs(&mut self, context: &Context<'_>, pod: &str, image: Reference) {
        self.images.add(image, Reason::static_pod(pod, pod, &context.node.name));
    }
}

/// Writes one component's part of a node.
type Write = fn(&Context<'_>, &mut Content) -> Result<(), ContentError>;

/// Which nodes have a component.
#[derive(Clone, Copy)]
enum On {
    EveryNode,
    KubernetesNodes,
    ControlPlanes,
    EtcdMembers,
    VipHolders,
}

impl On {
    fn includes(self, context: &Context<'_>) -> bool {
        let control_plane = context.node.role == Role::ControlPlane;
        match self {
            Self::EveryNode => true,
            Self::KubernetesNodes => context.node.is_kubernetes_node(),
            Self::ControlPlanes => control_plane,
            Self::EtcdMembers => context.is_etcd_member(),
            Self::VipHolders => control_plane && context.cluster.has_vip(),
        }
    }
}

/// The components of a node. The order is that of the design's table and has no effect.
const COMPONENTS: &[(On, Write)] = &[
    (On::EveryNode, identity::write),
    (On::EveryNode, network::write),
    (On::EveryNode, time::write),
    (On::EveryNode, kernel::write),
    (On::EveryNode, users::write),
    (On::EveryNode, accounts::write),
    (On::EveryNode, data_disk::write),
    (On::EveryNode, sysext::write),
    (On::EveryNode, containerd::write),
    (On::EveryNode, kubelet::write),
    (On::EveryNode, certificates::write),
    (On::KubernetesNodes, haproxy::write),
    (On::EtcdMembers, etcd::write),
    (On::ControlPlanes, kubeconfig::write),
    (On::ControlPlanes, api_server::write),
    (On::ControlPlanes, controller_manager::write),
    (On::ControlPlanes, scheduler::write),
    (On::VipHolders, keepalived::write),
    (On::ControlPlanes, addons::write),
    (On::KubernetesNodes, addons::write_images),
    (On::EveryNode, units::write),
];

/// All that one node gets, but for the number and time of the render.
#[derive(Clone, Debug)]
pub struct NodeContent {
    content: Content,
    plan: Plan,
}

impl NodeContent {
    /// Writes every component of the node.
    ///
    /// # Errors
    /// [`ContentError`]; a validated cluster gives none but for images that the description names.
    pub fn new(context: &Context<'_>) -> Result<Self, ContentError> {
        let mut content = Content::default();
        for (on, write) in COMPONENTS {
            if on.includes(context) {
                write(context, &mut content)?;
            }
        }
        let plan = plan::plan(context, &content);
        Ok(Self { content, plan })
    }

    /// SHA-256 of the content; what a generation stands for.
    pub fn digest(&self) -> [u8; 32] {
        plan::digest(&self.content.tree, &self.plan)
    }

    /// Whether the node applies addons.
    pub fn has_addons(&self) -> bool {
        !self.content.addons.is_empty()
    }

    /// Images that the node will ask for, with the reasons.
    pub fn images(&self) -> &ImageList {
        &self.content.images
    }

    /// The finished tree: the plan gets its number and time.
    ///
    /// # Errors
    /// [`ContentError::Tree`] when a component wrote the plan's path.
    pub fn stamp(self, stamp: Stamp) -> Result<NodeTree, ContentError> {
        let mut tree = self.content.tree;
        plan::write(&mut tree, self.plan, stamp)?;
        Ok(tree)
    }
}
