//! Files and folders that checks of modes and owners are about.

use super::facts::{self, Fact};
use super::kubelet;
use super::node::Node;
use super::program::Program;
use crate::tree::Owner;
use serde_json::Value;

/// Which files and folders.
#[derive(Clone, Copy, Debug)]
pub(super) enum Files {
    /// The manifest of a program, where it waits or where the kubelet looks.
    Manifest(Program),
    /// A file that must be there.
    At(&'static str),
    /// Files of which the first one must be there.
    Among(&'static [&'static str]),
    /// Everything below a folder whose name ends so.
    Below(&'static str, &'static str),
    /// etcd's data, made at boot.
    EtcdData,
    /// The kubelet's unit and what is dropped in beside it.
    KubeletUnit,
    /// The kubelet's configuration, and the copy that its unit makes.
    KubeletConfig,
    /// The authority that the kubelet knows its callers by.
    KubeletClientAuthority,
    /// Configuration of the pods' network, in the tree or copied by an addon's pod.
    Cni,
    /// kube-proxy's kubeconfig as a file.
    ProxyKubeconfig,
}

/// What was found.
pub(super) enum Found {
    Facts(Vec<Fact>),
    /// What must be there and is not.
    Missing(String),
    /// Nothing, and that is fine; why.
    Nothing(&'static str),
}

/// Where plug-ins of the pods' network have their configuration.
const CNI_FOLDER: &str = "/etc/cni/net.d";
const PROXY_KUBECONFIG: &str = "/etc/kubernetes/proxy.conf";

impl Files {
    pub(super) fn find(self, node: &Node<'_>) -> Found {
        let tree = node.tree;
        match self {
            Self::Manifest(program) => match node.program(program) {
                Some(pod) => Found::of(&pod.path, facts::fact(tree, &pod.path)),
                None => Found::Missing(format!("the manifest of {}", program.pod())),
            },
            Self::At(path) => Found::of(path, facts::fact(tree, path)),
            Self::Among(paths) => match facts::fact(tree, paths[0]) {
                Some(_) => Found::Facts(paths.iter().filter_map(|path| facts::fact(tree, path)).collect()),
                None => Found::Missing(paths[0].to_owned()),
            },
            Self::Below(folder, end) => {
                let facts: Vec<Fact> =
                    facts::below(tree, folder).into_iter().filter(|fact| fact.path.ends_with(end)).collect();
                if facts.is_empty() { Found::Missing(format!("{folder}/*{end}")) } else { Found::Facts(facts) }
            }
            Self::EtcdData => etcd_data(node),
            Self::KubeletUnit => {
                let mut facts = facts::below(tree, kubelet::UNIT);
                facts.extend(facts::below(tree, &format!("{}.d", kubelet::UNIT)));
                if facts.is_empty() { Found::Missing(kubelet::UNIT.to_owned()) } else { Found::Facts(facts) }
            }
            Self::KubeletConfig => kubelet_config(node),
            Self::KubeletClientAuthority => match node.kubelet.field("/authentication/x509/clientCAFile") {
                Some(path) => Found::of(&path, facts::fact(tree, &path)),
                None => Found::Nothing("the kubelet knows no authority of clients"),
            },
            Self::Cni => cni(node),
            Self::ProxyKubeconfig => match facts::fact(tree, PROXY_KUBECONFIG) {
                Some(fact) => Found::Facts(vec![fact]),
                None => Found::Nothing("kube-proxy has its kubeconfig from a ConfigMap, not from a file of the node"),
            },
        }
    }
}

impl Found {
    fn of(path: &str, fact: Option<Fact>) -> Self {
        fact.map_or_else(|| Self::Missing(path.to_owned()), |fact| Self::Facts(vec![fact]))
    }
}

/// The folder that etcd is told, as the rule for it makes it.
fn etcd_data(node: &Node<'_>) -> Found {
    let folder = node.program(Program::Etcd).and_then(|pod| pod.value("data-dir"));
    let Some(folder) = folder else { return Found::Missing("--data-dir of etcd".to_owned()) };
    match facts::made_folder(node.tree, &folder) {
        Some(fact) => Found::Facts(vec![fact]),
        None => Found::Missing(format!("a rule of tmpfiles.d for {folder}")),
    }
}

fn kubelet_config(node: &Node<'_>) -> Found {
    let Some(fact) = facts::fact(node.tree, &node.kubelet.config_path) else {
        return Found::Missing("the kubelet's configuration".to_owned());
    };
    // The unit runs as root, so what it installs is root's.
    let copy = node.kubelet.copy.as_ref().map(|copy| Fact {
        path: format!("{} ({})", copy.destination, kubelet::UNIT),
        mode: copy.mode.unwrap_or(0o755),
        owner: Owner::ROOT,
    });
    Found::Facts([fact].into_iter().chain(copy).collect())
}

/// A pod that mounts the folder copies its ConfigMap there, and the copy keeps the mode that the volume gives.
fn cni(node: &Node<'_>) -> Found {
    let mut facts = facts::below(node.tree, CNI_FOLDER);
    for pod in node.applied.pods() {
        let volumes = pod.spec["volumes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mounts = volumes.iter().any(|volume| volume.pointer("/hostPath/path").is_some_and(|at| at == CNI_FOLDER));
        let config_maps = volumes.iter().filter_map(|volume| volume.get("configMap")).filter(|_| mounts);
        facts.extend(config_maps.map(|config_map| Fact {
            path: format!("{} ({})", pod.path, pod.name),
            mode: config_map["defaultMode"].as_u64().and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o644),
            owner: pod_owner(&pod.spec),
        }));
    }
    if facts.is_empty() { Found::Nothing("the plug-in of the pods' network is your own") } else { Found::Facts(facts) }
}

fn pod_owner(spec: &Value) -> Owner {
    let number = |key: &str| spec.pointer(&format!("/securityContext/{key}")).and_then(Value::as_u64).unwrap_or(0);
    let number = |key: &str| u32::try_from(number(key)).unwrap_or(u32::MAX);
    Owner { uid: number("runAsUser"), gid: number("runAsGroup") }
}
