//! containerd's configuration and its mirrors.

use crate::site::{Site, file, object, text};
use kfimg_ignition::tree::NodeTree;
use kfimg_profiles::cluster::{Cluster, InputFile, SecretFile};
use kfimg_profiles::description::{CgroupDriver, Role};

const CONFIG: &str = "/etc/containerd/config.toml";

fn hosts_toml(tree: &NodeTree, folder: &str) -> String {
    text(tree, &format!("/etc/containerd/certs.d/{folder}/hosts.toml")).to_owned()
}

fn worker(change: impl FnOnce(&mut Cluster)) -> NodeTree {
    Site::with(change).tree("worker1")
}

#[test]
fn the_configuration_is_containerds_version_3() {
    let expected = r#"version = 3

[plugins.'io.containerd.cri.v1.images']
snapshotter = "overlayfs"
# Layers are on the disk before an image counts as there: the power may go at any moment.
image_pull_with_sync_fs = true

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "registry.k8s.io/pause:3.10.2"

[plugins.'io.containerd.cri.v1.images'.registry]
config_path = "/etc/containerd/certs.d"

[plugins.'io.containerd.cri.v1.runtime']
disable_apparmor = false

[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = "runc"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "/usr/bin/runc"
SystemdCgroup = true
"#;
    assert_eq!(text(&worker(|_| {}), CONFIG), expected);
}

#[test]
fn settings_of_the_lab_reach_containerd() {
    let tree = worker(|cluster| {
        cluster.kubelet.cgroup_driver = CgroupDriver::Cgroupfs;
        cluster.containerd.disable_apparmor = true;
        cluster.containerd.snapshotter = "native".to_owned();
    });
    let config = text(&tree, CONFIG);
    for line in ["SystemdCgroup = false", "disable_apparmor = true", "snapshotter = \"native\""] {
        assert!(config.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn the_sandbox_image_is_in_the_plan() {
    let plan = object(&worker(|_| {}), "/etc/kfimg/plan.json");
    let images = plan["images"].as_array().unwrap();
    assert!(images.iter().any(|image| image["reference"] == "registry.k8s.io/pause:3.10.2"), "{images:?}");
}

#[test]
fn an_upstream_is_mirrored_without_a_way_around() {
    let expected = r#"server = "https://reg.local/v2/registry.k8s.io"
capabilities = ["pull", "resolve"]
override_path = true
ca = ["/etc/kubernetes/pki/ca.crt"]
"#;
    let tree = worker(|_| {});
    assert_eq!(hosts_toml(&tree, "registry.k8s.io"), expected);
    assert!(hosts_toml(&tree, "_default").starts_with("server = \"https://reg.local/v2/_default\"\n"));
    let own = "server = \"https://reg.local\"\ncapabilities = [\"pull\", \"resolve\"]\nca = [\"/etc/kubernetes/pki/ca.crt\"]\n";
    assert_eq!(hosts_toml(&tree, "reg.local"), own);
    for (path, _) in tree.entries().filter(|(path, _)| path.as_str().ends_with("/hosts.toml")) {
        let text = text(&tree, path.as_str());
        assert!(!text.contains("[host") && text.starts_with("server = \"https://reg.local"), "{path:?}: {text}");
    }
}

#[test]
fn a_plain_registry_has_no_authorities() {
    let tree = worker(|cluster| {
        let registry = cluster.registry.as_mut().unwrap();
        (registry.plain_http, registry.port) = (true, Some(5000));
    });
    let expected = r#"server = "http://reg.local:5000/v2/docker.io"
capabilities = ["pull", "resolve"]
override_path = true
"#;
    assert_eq!(hosts_toml(&tree, "docker.io"), expected);
    assert!(hosts_toml(&tree, "reg.local_5000_").starts_with("server = \"http://reg.local:5000\"\n"));
}

#[test]
fn authorities_and_credentials_reach_the_registry_and_nobody_else() {
    let tree = worker(|cluster| {
        let registry = cluster.registry.as_mut().unwrap();
        registry.certificate_authority = Some(InputFile { path: "ca.pem".to_owned(), content: "PEM\n".to_owned() });
        registry.credentials = Some(("me".to_owned(), SecretFile::new("pw".to_owned(), "pass\n".to_owned())));
    });
    let expected = r#"server = "https://reg.local/v2/quay.io"
capabilities = ["pull", "resolve"]
override_path = true
ca = ["/etc/kubernetes/pki/ca.crt", "/etc/containerd/registry-ca.crt"]

[header]
Authorization = "Basic bWU6cGFzcw=="
"#;
    assert_eq!(hosts_toml(&tree, "quay.io"), expected);
    assert_eq!(text(&tree, "/etc/containerd/registry-ca.crt"), "PEM\n");
    let file = file(&tree, "/etc/containerd/certs.d/quay.io/hosts.toml");
    assert_eq!((file.mode, file.secret), (0o600, true));
}

/// `kfimg serve` shows a certificate of the cluster's authority to whoever pulls, and machines for etcd alone pull as well.
#[test]
fn a_machine_for_etcd_alone_knows_the_clusters_authority_for_the_registry_and_for_nothing_else() {
    let etcd_alone = |change: fn(&mut Cluster)| {
        let change = |cluster: &mut Cluster| {
            cluster.nodes[0].role = Role::Etcd;
            change(cluster);
        };
        Site::with(change).tree("master1")
    };
    let tree = etcd_alone(|_| {});
    assert!(hosts_toml(&tree, "registry.k8s.io").contains("ca = [\"/etc/kubernetes/pki/ca.crt\"]\n"));
    assert!(text(&tree, "/etc/kubernetes/pki/ca.crt").starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(tree.get("/etc/kubernetes/pki/ca.key").is_none());
    for without in [
        etcd_alone(|cluster| cluster.registry = None),
        etcd_alone(|cluster| cluster.registry.as_mut().unwrap().plain_http = true),
    ] {
        assert!(without.get("/etc/kubernetes/pki/ca.crt").is_none());
    }
}

#[test]
fn every_upstream_of_a_known_image_has_a_folder() {
    let tree = worker(|cluster| {
        cluster.endpoint.keepalived_image = Some("images.example.com:5000/keepalived:1".to_owned());
    });
    let expected = "server = \"https://reg.local/v2/images.example.com_5000\"\n";
    assert!(hosts_toml(&tree, "images.example.com_5000_").starts_with(expected));
}

#[test]
fn without_a_registry_upstreams_are_asked_by_name() {
    let tree = worker(|cluster| cluster.registry = None);
    assert!(tree.entries().all(|(path, _)| !path.as_str().starts_with("/etc/containerd/certs.d")));
}
