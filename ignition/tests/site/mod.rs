//! A cluster with its credentials, and the trees of its nodes, for tests of content.

use jiff::Timestamp;
use kfimg_ignition::age::{Passphrase, Seal};
use kfimg_ignition::content::{ClusterContent, NodeContent, Stamp};
use kfimg_ignition::tree::{Entry, File, NodeTree};
use kfimg_images::Catalog;
use kfimg_pki::{Credentials, Request, State, inventory};
use kfimg_profiles::cluster::{Cluster, NodeAddress};
use serde_json::Value;

/// A moment in 2026, in seconds since 1970.
const NOW: i64 = 1_795_000_000;

/// A cluster with its credentials.
pub(crate) struct Site {
    pub(crate) cluster: Cluster,
    credentials: Credentials,
}

impl Site {
    /// Issues what the cluster needs.
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self::asking(&inventory::request(&cluster), cluster, Timestamp::from_second(NOW).unwrap())
    }

    /// Issues what is asked for at a moment of its own.
    pub(crate) fn asking(request: &Request, cluster: Cluster, now: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state"), &cluster.name, now).unwrap();
        let (state, _) = state.ensure(request, now).unwrap();
        Self { credentials: state.credentials(), cluster }
    }

    /// The built-in cluster after a change.
    pub(crate) fn with(change: impl FnOnce(&mut Cluster)) -> Self {
        let mut cluster = Cluster::fake();
        change(&mut cluster);
        Self::new(cluster)
    }

    /// The cluster after a change that needs no other keys.
    pub(crate) fn changed(&self, change: impl FnOnce(&mut Cluster)) -> Self {
        let mut cluster = self.cluster.clone();
        change(&mut cluster);
        Self { cluster, credentials: self.credentials.clone() }
    }

    /// The tree of a node.
    pub(crate) fn tree(&self, node: &str) -> NodeTree {
        stamped(self.content(node))
    }

    /// The tree of a node, its secrets sealed by a passphrase.
    pub(crate) fn sealed_tree(&self, node: &str) -> NodeTree {
        let passphrase = Passphrase::new("correct horse battery staple", [7; 16]).unwrap();
        stamped(self.content(node).seal(&Seal::Passphrase(&passphrase)).unwrap())
    }

    fn content(&self, node: &str) -> NodeContent {
        let credentials = self.credentials.node(node).unwrap();
        let version = self.cluster.version;
        let catalog = Catalog::for_version((version.major, version.minor)).unwrap();
        let uid = self.credentials.cluster_uid();
        let content = ClusterContent::new(&self.cluster, catalog, uid, NOW + 1).unwrap();
        let node = self.cluster.node(node).unwrap();
        content.with_context(node, &credentials, NodeContent::new).unwrap()
    }
}

fn stamped(content: NodeContent) -> NodeTree {
    content.stamp(Stamp { generation: 1, render_time: NOW }).unwrap()
}

/// Every node and the endpoint get an IPv6 address, after the IPv4 one or instead of it.
pub(crate) fn ipv6(cluster: &mut Cluster, dual: bool) {
    let keep = usize::from(dual);
    for (index, node) in cluster.nodes.iter_mut().enumerate() {
        node.addresses.truncate(keep);
        let ip = format!("fd00:49::{}", index + 151).parse().unwrap();
        node.addresses.push(NodeAddress { ip, prefix: 64 });
    }
    cluster.endpoint.addresses.truncate(keep);
    cluster.endpoint.addresses.push("fd00:49::150".parse().unwrap());
    let networking = &mut cluster.networking;
    networking.pod_subnets.truncate(keep);
    networking.pod_subnets.push("fd00:10:244::/56".parse().unwrap());
    networking.service_subnets.truncate(keep);
    networking.service_subnets.push("fd00:10:96::/112".parse().unwrap());
}

/// The file at a path.
pub(crate) fn file<'a>(tree: &'a NodeTree, path: &str) -> &'a File {
    match tree.get(path) {
        Some(Entry::File(file)) => file,
        other => panic!("{path}: no file but {other:?}"),
    }
}

/// The text of the file at a path.
pub(crate) fn text<'a>(tree: &'a NodeTree, path: &str) -> &'a str {
    std::str::from_utf8(&file(tree, path).content).unwrap()
}

/// The object that the YAML or JSON file at a path holds.
pub(crate) fn object(tree: &NodeTree, path: &str) -> Value {
    serde_saphyr::from_str(text(tree, path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Values of a flag in the manifest of a static pod; empty when it is not set.
pub(crate) fn flags(tree: &NodeTree, manifest: &str, name: &str) -> Vec<String> {
    let pod = object(tree, manifest);
    let command = pod["spec"]["containers"][0]["command"].as_array().unwrap();
    let prefix = format!("--{name}=");
    command.iter().filter_map(|word| Some(word.as_str()?.strip_prefix(&prefix)?.to_owned())).collect()
}
