//! A cluster's life through one state folder: members come and go, versions rise, certificates are renewed. What changes in
//! the payloads, and for whom.
//!
//! How machines take the changes is tested with real ones.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use support::payload::{Entry, Payload};
use support::program::{both, empty_folder, run};

const GROWN: &str = "
etcd: {members: 5}
nodes:
  - {name: master4, role: control-plane, address: 192.168.49.154}
  - {name: master5, role: control-plane, address: 192.168.49.155}
";
const SHRUNK: &str = "
nodes:
  - {name: master2, $patch: delete}
  - {name: master3, $patch: delete}
  - {name: master4, role: control-plane, address: 192.168.49.154}
  - {name: master5, role: control-plane, address: 192.168.49.155}
";

/// One cluster's folder.
struct Site {
    folder: PathBuf,
}

impl Site {
    fn new(name: &str) -> Self {
        Self { folder: empty_folder(&format!("life/{name}")) }
    }

    fn kfimg(&self, layer: &str, words: &[&str]) -> Output {
        fs::write(self.folder.join("site.yaml"), format!("clusterName: demo\n{layer}")).unwrap();
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        run(kfimg.current_dir(&self.folder).args(words).args(["--profile", "ha3", "--site", "site.yaml"]))
    }

    fn render(&self, layer: &str) -> BTreeMap<String, Payload> {
        let output = self.kfimg(layer, &["render"]);
        assert!(output.status.success(), "{layer}\n{}", both(&output));
        let nodes = fs::read_dir(self.folder.join("out/nodes")).unwrap().map(|entry| entry.unwrap());
        nodes
            .map(|node| {
                let name = node.file_name().into_string().unwrap();
                (name, Payload::read(&node.path().join("ignition.json")))
            })
            .collect()
    }

    /// Certificates and keys of a node, as the state holds them.
    fn certificates(&self, node: &str) -> String {
        fs::read_to_string(self.folder.join(format!("demo.state/nodes/{node}.pem"))).unwrap()
    }
}

/// Each node's number.
fn generations(nodes: &BTreeMap<String, Payload>) -> String {
    nodes.iter().map(|(name, payload)| format!("{name}={} ", payload.plan()["generation"])).collect()
}

fn members(payload: &Payload) -> Vec<String> {
    let plan = payload.plan();
    let members = plan["etcd"]["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|member| member["name"].as_str().unwrap().to_owned()).collect()
}

fn file<'a>(payload: &'a Payload, path: &str) -> &'a str {
    match payload.entries().find(|(found, _)| *found == path) {
        Some((_, Entry::File(_, text))) => text,
        _ => panic!("no {path}"),
    }
}

fn images(plan: &Value) -> Vec<String> {
    plan["images"].as_array().unwrap().iter().map(|image| image["reference"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn control_planes_come_and_go_by_the_next_generation() {
    let site = Site::new("members");
    let first = site.render("");
    let kept: Vec<_> = first.keys().map(|node| (node.clone(), site.certificates(node))).collect();

    let grown = site.render(GROWN);
    assert_eq!(
        generations(&grown),
        "master1=2 master2=2 master3=2 master4=2 master5=2 worker1=2 worker2=2 ",
        "every node balances over the new API servers"
    );
    for (node, payload) in &grown {
        if node.starts_with("master") {
            assert_eq!(members(payload), ["master1", "master2", "master3", "master4", "master5"], "{node}");
        }
        let balancer = file(payload, "/etc/kubernetes/haproxy/haproxy.cfg");
        assert!(balancer.contains("192.168.49.155:6443"), "{node}: {balancer}");
        assert_eq!(payload.plan()["cluster"], grown["master1"].plan()["cluster"]);
    }
    for (node, before) in &kept {
        assert_eq!(*before, site.certificates(node), "{node}: nothing is issued again");
    }
    let (old, new) = (first["master1"].plan(), grown["master1"].plan());
    assert_eq!(old["etcd"]["bootstrapNotAfter"], new["etcd"]["bootstrapNotAfter"]);
    assert_eq!(old["cluster"]["incarnation"], new["cluster"]["incarnation"]);

    let shrunk = site.render(SHRUNK);
    assert_eq!(generations(&shrunk), "master1=3 master4=3 master5=3 worker1=3 worker2=3 ");
    for node in ["master1", "master4", "master5"] {
        assert_eq!(members(&shrunk[node]), ["master1", "master4", "master5"], "{node}");
    }
    let traces = ["192.168.49.152", "192.168.49.153", "master2", "master3"];
    for (node, payload) in &shrunk {
        let left = payload.texts().find_map(|text| traces.iter().find(|trace| text.contains(**trace)));
        assert_eq!(left, None, "{node} still knows it");
    }
    assert_eq!(site.certificates("master2"), kept[1].1, "it may come back");
    assert_eq!(
        generations(&site.render(GROWN)),
        "master1=4 master2=2 master3=2 master4=4 master5=4 worker1=4 worker2=4 ",
        "those that come back get the payloads that they had"
    );
}

#[test]
fn an_even_number_of_members_is_refused() {
    let site = Site::new("even");
    site.render("");
    let output = site.kfimg("nodes:\n  - {name: master3, $patch: delete}\n", &["render"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(both(&output).contains("etcd-member-count"), "{}", both(&output));
}

#[test]
fn a_control_plane_is_replaced_by_one_of_another_name() {
    let site = Site::new("replaced");
    site.render("");
    let replaced = site.render(
        "nodes:\n  - {name: master3, $patch: delete}\n  - {name: spare, role: control-plane, address: 192.168.49.159}\n",
    );
    assert_eq!(generations(&replaced), "master1=2 master2=2 spare=2 worker1=2 worker2=2 ");
    assert_eq!(members(&replaced["spare"]), ["master1", "master2", "spare"]);
}

#[test]
fn a_new_worker_changes_no_other_node() {
    let site = Site::new("worker");
    site.render("");
    let more = site.render("nodes:\n  - {name: worker3, role: worker, address: 192.168.49.163}\n");
    assert_eq!(generations(&more), "master1=1 master2=1 master3=1 worker1=1 worker2=1 worker3=2 ");
}

#[test]
fn an_upgrade_changes_images_and_flags_and_neither_identity_nor_certificates() {
    let site = Site::new("upgrade");
    let old = site.render("kubernetesVersion: v1.35.4\n");
    let certificates = site.certificates("master1");
    let plan = old["master1"].plan();
    assert_eq!(plan["cluster"]["kubernetesVersion"], "v1.35.4");
    for image in
        ["registry.k8s.io/kube-apiserver:v1.35.4", "registry.k8s.io/etcd:3.6.6-0", "registry.k8s.io/pause:3.10.1"]
    {
        assert!(images(&plan).iter().any(|found| found == image), "{image} in {:?}", images(&plan));
    }
    let new = site.render("kubernetesVersion: v1.36.3\n");
    assert_eq!(generations(&new), "master1=2 master2=2 master3=2 worker1=2 worker2=2 ");
    let (before, after) = (plan, new["master1"].plan());
    for image in
        ["registry.k8s.io/kube-apiserver:v1.36.3", "registry.k8s.io/etcd:3.6.8-0", "registry.k8s.io/pause:3.10.2"]
    {
        assert!(images(&after).iter().any(|found| found == image), "{image} in {:?}", images(&after));
    }
    let stale = new.values().flat_map(Payload::texts).find(|text| text.contains("1.35.4"));
    assert_eq!(stale, None, "a trace of the old version");
    assert_eq!(before["cluster"]["uid"], after["cluster"]["uid"]);
    assert_eq!(before["etcd"]["members"], after["etcd"]["members"]);
    assert_eq!(certificates, site.certificates("master1"));
    for (version, message) in [("v1.35.9", "goes back a minor version"), ("v1.34.4", "goes back a minor version")] {
        let output = site.kfimg(&format!("kubernetesVersion: {version}\n"), &["render"]);
        assert_eq!(output.status.code(), Some(3), "{}", both(&output));
        assert!(both(&output).contains(message), "{}", both(&output));
    }
    assert_eq!(
        generations(&site.render("kubernetesVersion: v1.36.2\n")).matches("=3").count(),
        5,
        "patches go either way"
    );
}

#[test]
fn a_renewed_certificate_reaches_its_node_by_the_next_generation() {
    let site = Site::new("renewal");
    let first = site.render("");
    let admin = fs::read(site.folder.join("out/admin.kubeconfig")).unwrap();
    let renew = |nodes: &[&str]| {
        let output = site.kfimg("", &[&["pki", "renew"], nodes].concat());
        assert!(output.status.success(), "{}", both(&output));
        both(&output)
    };
    let said = renew(&["worker1"]);
    assert!(said.contains("Renewed 2 certificates of 1 node") && said.contains("one after the other"), "{said}");
    let second = site.render("");
    assert_eq!(generations(&second), "master1=1 master2=1 master3=1 worker1=2 worker2=1 ");
    let path = "/etc/kubernetes/pki/kubelet.crt";
    assert_ne!(file(&first["worker1"], path), file(&second["worker1"], path));
    assert_eq!(
        file(&first["worker1"], "/etc/kubernetes/pki/ca.crt"),
        file(&second["worker1"], "/etc/kubernetes/pki/ca.crt")
    );
    assert_eq!(generations(&site.render("")), generations(&second), "once");
    assert_eq!(fs::read(site.folder.join("out/admin.kubeconfig")).unwrap(), admin);

    let said = renew(&[]);
    assert!(said.contains("of 5 nodes") && said.contains("admin.kubeconfig"), "{said}");
    let third = site.render("");
    assert_eq!(generations(&third), "master1=3 master2=3 master3=3 worker1=3 worker2=3 ");
    assert_ne!(fs::read(site.folder.join("out/admin.kubeconfig")).unwrap(), admin);
    let service_account = "/etc/kubernetes/pki/sa.key";
    assert_eq!(file(&first["master1"], service_account), file(&third["master1"], service_account), "tokens stay good");

    let output = site.kfimg("", &["pki", "renew", "worker2", "--output-format", "json"]);
    let renewed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((renewed[0]["node"].as_str(), renewed.as_array().unwrap().len()), (Some("worker2"), 2));
}
