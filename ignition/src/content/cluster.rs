//! What the nodes of one cluster have in common, made once for all of them.

use super::addons::Addons;
use super::containerd::upstream_hosts;
use super::{ContentError, Context, Question, inputs};
use kfimg_images::{Catalog, Pins};
use kfimg_pki::NodeCredentials;
use kfimg_profiles::cluster::{Cluster, Node};
use kfimg_profiles::description::Role;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

/// The common part of the content of a cluster's nodes.
#[derive(Debug)]
pub struct ClusterContent<'a> {
    catalog: &'a Catalog,
    pins: Pins,
    uid: &'a str,
    bootstrap_not_after: i64,
    addons: Addons,
    upstream_hosts: BTreeSet<String>,
    /// The cluster without workers and without the user's objects and their rules, which are among the addons.
    core: Cluster,
    digest: [u8; 32],
}

/// By everything that a node's content may be made from.
impl Hash for ClusterContent<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.core.hash(state);
        self.pins.hash(state);
        self.addons.digest().hash(state);
        self.upstream_hosts.hash(state);
        self.uid.hash(state);
        self.bootstrap_not_after.hash(state);
    }
}

impl<'a> ClusterContent<'a> {
    /// Makes it, with images by their tags. `uid` is the cluster's identity, `bootstrap_not_after` the last second since
    /// 1970 at which etcd may be founded.
    ///
    /// # Errors
    /// [`ContentError::Image`] for a malformed image that the description names.
    pub fn new(
        cluster: &Cluster,
        catalog: &'a Catalog,
        uid: &'a str,
        bootstrap_not_after: i64,
    ) -> Result<Self, ContentError> {
        Self::pinned(cluster, catalog, Pins::default(), uid, bootstrap_not_after)
    }

    /// As [`ClusterContent::new`], with each image that has a pin by its digest.
    ///
    /// # Errors
    /// As [`ClusterContent::new`].
    pub fn pinned(
        cluster: &Cluster,
        catalog: &'a Catalog,
        pins: Pins,
        uid: &'a str,
        bootstrap_not_after: i64,
    ) -> Result<Self, ContentError> {
        let addons = Addons::new(cluster, catalog, &pins)?;
        let upstream_hosts = upstream_hosts(cluster, catalog)?;
        let mut core = cluster.clone();
        core.nodes.retain(|node| node.role != Role::Worker);
        core.manifests.clear();
        core.charts.clear();
        core.image_paths.clear();
        let digest = [0; 32];
        let mut content = Self { catalog, pins, uid, bootstrap_not_after, addons, upstream_hosts, core, digest };
        content.digest = inputs::of_cluster(&content);
        Ok(content)
    }

    /// What a person should look at in the user's files.
    pub fn questions(&self) -> &[Question] {
        self.addons.questions()
    }

    /// Hands the context of one node to `use_context`.
    ///
    /// In a context the cluster has no workers beside the node itself: what a node gets can so depend on its own settings
    /// and on the control planes only, and stays the same when other workers come, change and go.
    pub fn with_context<T>(
        &self,
        node: &Node,
        credentials: &NodeCredentials<'_>,
        use_context: impl FnOnce(&Context<'_>) -> T,
    ) -> T {
        let with_worker = (node.role == Role::Worker).then(|| {
            let mut cluster = self.core.clone();
            cluster.nodes.push(node.clone());
            cluster
        });
        use_context(&Context {
            cluster: with_worker.as_ref().unwrap_or(&self.core),
            node,
            credentials,
            catalog: self.catalog,
            pins: &self.pins,
            addons: &self.addons,
            upstream_hosts: &self.upstream_hosts,
            uid: self.uid,
            bootstrap_not_after: self.bootstrap_not_after,
            cluster_digest: self.digest,
        })
    }
}
