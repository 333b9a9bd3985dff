//! The objects that control planes apply: addons and the user's own.
//!
//! They are the same on all control planes; workers and etcd nodes carry none of them.

use super::facts;
use super::node::{self, ReadError};
use crate::tree::NodeTree;
use serde_json::Value;

/// The objects of a cluster, from the tree of one of its control planes.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    objects: Vec<Object>,
    pods: Vec<Pod>,
    proxy: Option<Proxy>,
}

/// One object and the file that holds it.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) path: String,
    pub(super) value: Value,
}

/// The pods that one object makes, or a static pod.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    pub(super) path: String,
    /// `DaemonSet/kube-proxy`.
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) spec: Value,
    /// Pods of the node itself have no account.
    pub(super) is_static: bool,
}

/// kube-proxy's settings.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    pub(super) path: String,
    /// `metricsBindAddress` of its configuration, then the flag.
    pub(super) metrics_addresses: Vec<String>,
}

impl Applied {
    /// Reads what a control plane applies.
    ///
    /// # Errors
    /// [`ReadError`] for a tree that no render makes.
    pub fn of(control_plane: &NodeTree) -> Result<Self, ReadError> {
        let files = node::read_plan(control_plane)?.addons.map(|addons| addons.files).unwrap_or_default();
        let objects: Vec<Object> = files.iter().flat_map(|path| read(control_plane, path)).collect();
        let pods: Vec<Pod> = objects.iter().filter_map(Pod::of).collect();
        let proxy = proxy(&objects, &pods);
        Ok(Self { objects, pods, proxy })
    }

    /// All objects.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter()
    }

    /// Objects of one kind.
    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(move |object| object.kind() == kind)
    }

    /// Everything that makes pods.
    pub(super) fn pods(&self) -> &[Pod] {
        &self.pods
    }

    /// kube-proxy, unless it is switched off.
    pub(super) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }
}

impl Object {
    pub(super) fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    pub(super) fn metadata(&self, key: &str) -> &str {
        self.value["metadata"][key].as_str().unwrap_or_default()
    }

    /// `ClusterRole/flannel`.
    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.kind(), self.metadata("name"))
    }

    /// Its namespace, also where it is left out.
    pub(super) fn namespace(&self) -> &str {
        match self.metadata("namespace") {
            "" => "default",
            namespace => namespace,
        }
    }

    /// A list at a key.
    pub(super) fn list(&self, key: &str) -> &[Value] {
        self.value[key].as_array().map(Vec::as_slice).unwrap_or_default()
    }
}

impl Pod {
    fn of(object: &Object) -> Option<Self> {
        let pointer = match object.kind() {
            "Pod" => "/spec",
            "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
                "/spec/template/spec"
            }
            "CronJob" => "/spec/jobTemplate/spec/template/spec",
            _ => return None,
        };
        Some(Self {
            path: object.path.clone(),
            name: object.title(),
            namespace: object.namespace().to_owned(),
            spec: object.value.pointer(pointer)?.clone(),
            is_static: false,
        })
    }

    /// A pod of the node itself.
    pub(super) fn of_node(path: &str, object: &Value) -> Self {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let (name, namespace) = (format!("static pod {}", text("name")), text("namespace"));
        Self { path: path.to_owned(), name, namespace, spec: object["spec"].clone(), is_static: true }
    }

    /// Its containers of every kind.
    pub(super) fn containers(&self) -> impl Iterator<Item = &Value> {
        let kinds = ["initContainers", "containers", "ephemeralContainers"];
        kinds.into_iter().filter_map(|kind| self.spec[kind].as_array()).flatten()
    }
}

/// The objects of one file, a `List`.
fn read(tree: &NodeTree, path: &str) -> Vec<Object> {
    let list: Value = facts::text(tree, path).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items.into_iter().map(|value| Object { path: path.to_owned(), value }).collect()
}

/// kube-proxy is whatever runs `kube-proxy`; its configuration is the one in the same file.
fn proxy(objects: &[Object], pods: &[Pod]) -> Option<Proxy> {
    const FLAG: &str = "--metrics-bind-address=";
    let words = |container: &Value| {
        let lists = ["command", "args"].into_iter().filter_map(|key| container[key].as_array().cloned());
        lists.flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let runs_it = |container: &Value| words(container).first().is_some_and(|word| word.ends_with("kube-proxy"));
    let (pod, container) = pods.iter().find_map(|pod| Some((pod, pod.containers().find(|c| runs_it(c))?)))?;
    let flags = words(container).into_iter().filter_map(|word| word.strip_prefix(FLAG).map(str::to_owned));
    let mut metrics_addresses: Vec<String> = flags.collect();
    if metrics_addresses.is_empty() {
        let beside = objects.iter().filter(|object| object.path == pod.path && object.kind() == "ConfigMap");
        metrics_addresses.extend(beside.filter_map(|object| object.value["data"].as_object()).flatten().filter_map(
            |(_, text)| {
                let config: Value = serde_saphyr::from_str(text.as_str()?).ok()?;
                let address =
                    (config["kind"] == "KubeProxyConfiguration").then(|| config["metricsBindAddress"].clone());
                address?.as_str().filter(|address| !address.is_empty()).map(str::to_owned)
            },
        ));
    }
    Some(Proxy { path: pod.path.clone(), metrics_addresses })
}
