//! The 65 automated checks of the CIS Kubernetes Benchmark 1.12, as kube-bench numbers and judges them (`cfg/cis-1.12`),
//! held against what is rendered. kube-bench itself judges running nodes; its manual checks are not here.

#![allow(clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "each test takes a part of it")]
mod site;

use kfimg_ignition::tree::{Entry, NodeTree, Owner};
use serde_json::Value;
use site::Site;

const API_SERVER: &str = "/etc/kfimg/manifests/kube-apiserver.yaml";
const CONTROLLER_MANAGER: &str = "/etc/kubernetes/manifests/kube-controller-manager.yaml";
const SCHEDULER: &str = "/etc/kubernetes/manifests/kube-scheduler.yaml";
const ETCD: &str = "/etc/kfimg/manifests/etcd.json";
/// The kubelet's unit copies it to `/var/lib/kubelet/config.yaml` with the same mode.
const KUBELET: &str = "/etc/kubernetes/kubelet-config.yaml";
const KUBELET_UNIT: &str = "/etc/systemd/system/kubelet.service";

/// What must hold.
enum Rule {
    /// A file that nobody but its owner may read or write.
    Private(&'static str),
    /// A file of root's.
    Root(&'static str),
    /// Everything below a folder is root's.
    RootBelow(&'static str),
    /// `systemd-tmpfiles` keeps the folder so: `d <folder> 0700 <etcd> <etcd>`.
    Folder(&'static str),
    /// A flag of a static pod.
    Flag(&'static str, &'static str, Test),
    /// A value of the kubelet's configuration, by JSON pointer.
    Kubelet(&'static str, Test),
    /// A value of kube-proxy's configuration.
    KubeProxy(&'static str, Test),
}

/// What a value must be.
#[derive(Clone, Copy)]
enum Test {
    Set,
    Unset,
    Is(&'static str),
    /// Left out, or another value.
    Not(&'static str),
    /// Left out, or this value.
    OrDefault(&'static str),
    /// A comma-separated list with this entry.
    Has(&'static str),
    /// A comma-separated list without this entry, or left out.
    Lacks(&'static str),
    AtLeast(u64),
}

use Rule::{Flag, Folder, KubeProxy, Kubelet, Private, Root, RootBelow};
use Test::{AtLeast, Has, Is, Lacks, Not, OrDefault, Set, Unset};

/// Checks of a control plane that is an etcd member.
const CONTROL_PLANE: &[(&str, Rule)] = &[
    ("1.1.1", Private(API_SERVER)),
    ("1.1.2", Root(API_SERVER)),
    ("1.1.3", Private(CONTROLLER_MANAGER)),
    ("1.1.4", Root(CONTROLLER_MANAGER)),
    ("1.1.5", Private(SCHEDULER)),
    ("1.1.6", Root(SCHEDULER)),
    ("1.1.7", Private(ETCD)),
    ("1.1.8", Root(ETCD)),
    ("1.1.11", Folder("/var/lib/etcd")),
    ("1.1.12", Folder("/var/lib/etcd")),
    ("1.1.13", Private("/etc/kubernetes/admin.conf")),
    ("1.1.14", Root("/etc/kubernetes/admin.conf")),
    ("1.1.15", Private("/etc/kubernetes/scheduler.conf")),
    ("1.1.16", Root("/etc/kubernetes/scheduler.conf")),
    ("1.1.17", Private("/etc/kubernetes/controller-manager.conf")),
    ("1.1.18", Root("/etc/kubernetes/controller-manager.conf")),
    ("1.1.19", RootBelow("/etc/kubernetes/pki/")),
    ("1.2.2", Flag(API_SERVER, "token-auth-file", Unset)),
    ("1.2.4", Flag(API_SERVER, "kubelet-client-certificate", Set)),
    ("1.2.4", Flag(API_SERVER, "kubelet-client-key", Set)),
    ("1.2.5", Flag(API_SERVER, "kubelet-certificate-authority", Set)),
    ("1.2.6", Flag(API_SERVER, "authorization-mode", Lacks("AlwaysAllow"))),
    ("1.2.7", Flag(API_SERVER, "authorization-mode", Has("Node"))),
    ("1.2.8", Flag(API_SERVER, "authorization-mode", Has("RBAC"))),
    ("1.2.10", Flag(API_SERVER, "enable-admission-plugins", Lacks("AlwaysAdmit"))),
    ("1.2.12", Flag(API_SERVER, "disable-admission-plugins", Lacks("ServiceAccount"))),
    ("1.2.13", Flag(API_SERVER, "disable-admission-plugins", Lacks("NamespaceLifecycle"))),
    ("1.2.14", Flag(API_SERVER, "enable-admission-plugins", Has("NodeRestriction"))),
    ("1.2.15", Flag(API_SERVER, "profiling", Is("false"))),
    ("1.2.16", Flag(API_SERVER, "audit-log-path", Set)),
    ("1.2.17", Flag(API_SERVER, "audit-log-maxage", AtLeast(30))),
    ("1.2.18", Flag(API_SERVER, "audit-log-maxbackup", AtLeast(10))),
    ("1.2.19", Flag(API_SERVER, "audit-log-maxsize", AtLeast(100))),
    ("1.2.21", Flag(API_SERVER, "service-account-lookup", OrDefault("true"))),
    ("1.2.22", Flag(API_SERVER, "service-account-key-file", Set)),
    ("1.2.23", Flag(API_SERVER, "etcd-certfile", Set)),
    ("1.2.23", Flag(API_SERVER, "etcd-keyfile", Set)),
    ("1.2.24", Flag(API_SERVER, "tls-cert-file", Set)),
    ("1.2.24", Flag(API_SERVER, "tls-private-key-file", Set)),
    ("1.2.25", Flag(API_SERVER, "client-ca-file", Set)),
    ("1.2.26", Flag(API_SERVER, "etcd-cafile", Set)),
    ("1.2.30", Flag(API_SERVER, "service-account-extend-token-expiration", Is("false"))),
    ("1.3.2", Flag(CONTROLLER_MANAGER, "profiling", Is("false"))),
    ("1.3.3", Flag(CONTROLLER_MANAGER, "use-service-account-credentials", Not("false"))),
    ("1.3.4", Flag(CONTROLLER_MANAGER, "service-account-private-key-file", Set)),
    ("1.3.5", Flag(CONTROLLER_MANAGER, "root-ca-file", Set)),
    ("1.3.6", Flag(CONTROLLER_MANAGER, "feature-gates", Lacks("RotateKubeletServerCertificate=false"))),
    ("1.3.7", Flag(CONTROLLER_MANAGER, "bind-address", Is("127.0.0.1"))),
    ("1.4.1", Flag(SCHEDULER, "profiling", Is("false"))),
    ("1.4.2", Flag(SCHEDULER, "bind-address", Is("127.0.0.1"))),
    ("2.1", Flag(ETCD, "cert-file", Set)),
    ("2.1", Flag(ETCD, "key-file", Set)),
    ("2.2", Flag(ETCD, "client-cert-auth", Is("true"))),
    ("2.3", Flag(ETCD, "auto-tls", OrDefault("false"))),
    ("2.4", Flag(ETCD, "peer-cert-file", Set)),
    ("2.4", Flag(ETCD, "peer-key-file", Set)),
    ("2.5", Flag(ETCD, "peer-client-cert-auth", Is("true"))),
    ("2.6", Flag(ETCD, "peer-auto-tls", OrDefault("false"))),
    // kube-proxy's configuration is part of an addon, which control planes apply.
    ("4.3.1", KubeProxy("/metricsBindAddress", OrDefault("127.0.0.1:10249"))),
];

/// Checks of every node of the cluster.
const NODE: &[(&str, Rule)] = &[
    ("4.1.1", Private(KUBELET_UNIT)),
    ("4.1.2", Root(KUBELET_UNIT)),
    ("4.1.5", Private("/etc/kubernetes/kubelet.conf")),
    ("4.1.6", Root("/etc/kubernetes/kubelet.conf")),
    ("4.1.9", Private(KUBELET)),
    ("4.1.10", Root(KUBELET)),
    ("4.2.1", Kubelet("/authentication/anonymous/enabled", Is("false"))),
    ("4.2.2", Kubelet("/authorization/mode", Is("Webhook"))),
    ("4.2.3", Kubelet("/authentication/x509/clientCAFile", Set)),
    ("4.2.6", Kubelet("/makeIPTablesUtilChains", OrDefault("true"))),
    ("4.2.10", Kubelet("/rotateCertificates", OrDefault("true"))),
];

impl Rule {
    fn holds(&self, tree: &NodeTree) -> bool {
        match self {
            Private(path) => site::file(tree, path).mode & 0o177 == 0,
            Root(path) => site::file(tree, path).owner == Owner::ROOT,
            RootBelow(folder) => {
                let mut below = tree.entries().filter(|(path, _)| path.as_str().starts_with(folder)).peekable();
                below.peek().is_some() && below.all(|(_, entry)| is_roots(entry))
            }
            Folder(folder) => {
                let uid = user_id(site::text(tree, "/etc/sysusers.d/kfimg.conf"), "etcd");
                let rule = format!("d {folder} 0700 {uid} {uid} -");
                site::text(tree, "/etc/tmpfiles.d/kfimg-etcd.conf").lines().any(|line| line == rule)
            }
            Flag(manifest, name, test) => match site::flags(tree, manifest, name).as_slice() {
                [] => test.holds(None),
                [value] => test.holds(Some(value)),
                _ => false,
            },
            Kubelet(pointer, test) => test.holds(value(&site::object(tree, KUBELET), pointer).as_deref()),
            KubeProxy(pointer, test) => test.holds(value(&kube_proxy(tree), pointer).as_deref()),
        }
    }
}

impl Test {
    fn holds(self, value: Option<&str>) -> bool {
        let list = || value.unwrap_or_default().split(',').collect::<Vec<_>>();
        match self {
            Set => value.is_some_and(|value| !value.is_empty()),
            Unset => value.is_none(),
            Is(only) => value == Some(only),
            Not(refused) => value != Some(refused),
            OrDefault(default) => value.is_none_or(|value| value == default),
            Has(entry) => list().contains(&entry),
            Lacks(entry) => !list().contains(&entry),
            AtLeast(least) => value.and_then(|value| value.parse::<u64>().ok()).is_some_and(|value| value >= least),
        }
    }
}

fn is_roots(entry: &Entry) -> bool {
    match entry {
        Entry::File(file) => file.owner == Owner::ROOT,
        Entry::Directory(directory) => directory.owner == Owner::ROOT,
        Entry::Link(_) => true,
    }
}

fn user_id(sysusers: &str, name: &str) -> u32 {
    let line = sysusers.lines().find_map(|line| line.strip_prefix(&format!("u {name} ")));
    line.and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap()
}

fn value(object: &Value, pointer: &str) -> Option<String> {
    object.pointer(pointer).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The `KubeProxyConfiguration` in the addon's ConfigMap.
fn kube_proxy(tree: &NodeTree) -> Value {
    let addons = tree.entries().filter(|(path, _)| path.as_str().starts_with("/etc/kfimg/addons/"));
    let objects = addons.flat_map(|(path, _)| {
        let list = site::object(tree, path.as_str());
        list["items"].as_array().cloned().unwrap_or_default()
    });
    let texts = objects.filter_map(|object| Some(object["data"].as_object()?.clone())).flatten();
    let mut configurations = texts.filter_map(|(_, text)| serde_saphyr::from_str::<Value>(text.as_str()?).ok());
    configurations.find(|object| object["kind"] == "KubeProxyConfiguration").unwrap()
}

#[test]
fn every_automated_check_is_held() {
    let mut ids: Vec<&str> = CONTROL_PLANE.iter().chain(NODE).map(|(id, _)| *id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 65);
    let site = Site::with(|_| {});
    for (node, tables) in [("master1", &[CONTROL_PLANE, NODE][..]), ("worker1", &[NODE])] {
        let tree = site.tree(node);
        let failed: Vec<&str> = tables
            .iter()
            .flat_map(|table| table.iter())
            .filter(|(_, rule)| !rule.holds(&tree))
            .map(|(id, _)| *id)
            .collect();
        assert!(failed.is_empty(), "{node} fails {failed:?}");
    }
}

/// A check that nothing can fail proves nothing.
#[test]
fn tests_of_values_can_fail() {
    let table = [
        (Set, Some("a"), None),
        (Unset, None, Some("a")),
        (Is("a"), Some("a"), Some("b")),
        (Not("a"), None, Some("a")),
        (OrDefault("a"), None, Some("b")),
        (Has("a"), Some("b,a"), Some("b")),
        (Lacks("a"), None, Some("b,a")),
        (AtLeast(30), Some("30"), Some("29")),
    ];
    for (test, good, bad) in table {
        assert!(test.holds(good) && !test.holds(bad), "{good:?} {bad:?}");
    }
}
