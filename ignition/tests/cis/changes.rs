//! Changes of a cluster or of a tree. Which checks they are for is in the tables beside this file.

use kfimg_ignition::tree::{Entry, File, NodeTree, Owner};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::Argument;
use kfimg_profiles::resolve::rendered;
use serde_json::{Value, json};

/// A change.
pub(crate) enum Change {
    /// Of the cluster, as a description could make it.
    Cluster(fn(&mut Cluster)),
    /// Of a file's mode.
    Mode(&'static str, u32),
    /// Of a file's owner.
    Owner(&'static str),
    /// Of a text within a file: what stands there, and what stands there then.
    Text(&'static str, &'static str, &'static str),
    /// A file more, with a mode.
    More(&'static str, u32),
    /// A file more, of somebody else.
    MoreOf(&'static str),
}

impl Change {
    /// The change of a cluster, if it is one.
    pub(crate) fn cluster(&self) -> Option<fn(&mut Cluster)> {
        match self {
            Self::Cluster(change) => Some(*change),
            _ => None,
        }
    }

    /// The tree after the change; as it was where the file is not there.
    pub(crate) fn apply(&self, tree: NodeTree) -> NodeTree {
        let somebody = Owner { uid: 1000, gid: 1000 };
        match *self {
            Self::Cluster(_) => tree,
            Self::Mode(path, mode) => with_file(&tree, path, |file| file.mode = mode),
            Self::Owner(path) => with_file(&tree, path, |file| file.owner = somebody),
            Self::Text(path, from, to) => with_file(&tree, path, |file| {
                let text = std::str::from_utf8(&file.content).unwrap();
                assert!(text.contains(from), "{path} has no {from}");
                file.content = text.replacen(from, to, 1).into_bytes();
            }),
            Self::More(path, mode) => with_more(tree, path, mode, Owner::ROOT),
            Self::MoreOf(path) => with_more(tree, path, 0o600, somebody),
        }
    }
}

fn with_more(mut tree: NodeTree, path: &str, mode: u32, owner: Owner) -> NodeTree {
    tree.insert(path, Entry::File(File { mode, owner, content: Vec::new(), secret: false })).unwrap();
    tree
}

fn with_file(tree: &NodeTree, path: &str, change: impl Fn(&mut File)) -> NodeTree {
    let mut changed = NodeTree::new();
    for (at, entry) in tree.entries() {
        let mut entry = entry.clone();
        if let Entry::File(file) = &mut entry
            && at.as_str() == path
        {
            change(file);
        }
        changed.insert(at.as_str(), entry).unwrap();
    }
    changed
}

pub(crate) fn push(arguments: &mut Vec<Argument>, name: &str, value: &str) {
    arguments.push(Argument { name: name.to_owned(), value: value.to_owned() });
}

pub(crate) fn api_server(cluster: &mut Cluster, name: &str, value: &str) {
    push(&mut cluster.api_server.extra_args, name, value);
}

pub(crate) fn manager(cluster: &mut Cluster, name: &str, value: &str) {
    push(&mut cluster.controller_manager.extra_args, name, value);
}

pub(crate) fn scheduler(cluster: &mut Cluster, name: &str, value: &str) {
    push(&mut cluster.scheduler.extra_args, name, value);
}

pub(crate) fn etcd(cluster: &mut Cluster, name: &str, value: &str) {
    push(&mut cluster.etcd.extra_args, name, value);
}

pub(crate) fn kubelet(cluster: &mut Cluster, name: &str, value: &str) {
    push(&mut cluster.kubelet.extra_args, name, value);
}

pub(crate) fn without_rotation(cluster: &mut Cluster) {
    cluster.controller_manager.feature_gates.insert("RotateKubeletServerCertificate".to_owned(), false);
}

/// An object of the user's.
pub(crate) fn apply(cluster: &mut Cluster, value: &Value) {
    cluster.manifests.push(rendered("own.yaml", &value.to_string()).unwrap());
}

pub(crate) fn role(group: &str, resource: &str, verb: &str) -> Value {
    let rules = json!([{"apiGroups": [group], "resources": [resource], "verbs": [verb]}]);
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "own"}, "rules": rules})
}

pub(crate) fn binding(role: &str, kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "own"},
        "roleRef": {"kind": "ClusterRole", "name": role},
        "subjects": [{"kind": kind, "name": name, "namespace": "kube-system"}],
    })
}

/// A Deployment in whose pod nothing is to be seen but what is given: settings of the pod and of its container.
pub(crate) fn deployment(pod: &Value, container: &Value) -> Value {
    let mut spec = json!({
        "automountServiceAccountToken": false, "serviceAccountName": "own", "securityContext": {"runAsNonRoot": true},
        "containers": [{"name": "own", "image": "docker.io/library/own:1", "securityContext": {"capabilities": {"drop": ["ALL"]}}}],
    });
    let merge = |into: &mut Value, from: &Value| {
        into.as_object_mut().unwrap().extend(from.as_object().unwrap().clone());
    };
    merge(&mut spec["containers"][0], container);
    merge(&mut spec, pod);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "own", "namespace": "kube-system"},
        "spec": {"template": {"spec": spec}},
    })
}
