//! Files and defaults: what a description becomes.

use super::{FileReader, Input, MAX_FILE_BYTES, resolve};
use crate::builtin;
use crate::cluster::{Cluster, DiskChoice};
use crate::description::Description;
use crate::document::{Sources, decode, parse_one};
use crate::problem::Report;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Files(BTreeMap<PathBuf, Vec<u8>>);

impl FileReader for Files {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        match self.0.get(path) {
            Some(bytes) if bytes == b"locked" => Err(io::ErrorKind::PermissionDenied.into()),
            Some(bytes) => Ok(bytes[..bytes.len().min(limit + 1)].to_vec()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// The profile `ha3` with more settings, in a file of the folder `place`: the cluster, and the codes of what is wrong.
fn resolved(settings: &str, files: &[(&str, &[u8])]) -> (Option<Cluster>, Vec<&'static str>) {
    let text = format!("{}\n{settings}", builtin::find("ha3").map_or("", |profile| profile.text));
    let mut sources = Sources::new();
    let mut report = Report::new();
    let source = sources.add("site.yaml", "site", Path::new("place"), &text);
    let tree = Arc::new(parse_one(&sources, source, &mut report).expect("the settings are YAML"));
    report.set_tree(Arc::clone(&tree));
    let description: Description = decode(&tree, &sources, &mut report);
    let reader = Files(files.iter().map(|(path, bytes)| (PathBuf::from(path), bytes.to_vec())).collect());
    let input = Input { description: &description, tree: &tree, reader: &reader };
    let cluster = resolve(input, &mut sources, &mut report);
    (cluster, report.problems().iter().map(|problem| problem.code).collect())
}

#[test]
fn what_is_not_said_has_its_documented_default() {
    let cluster = resolved("", &[]).0.unwrap();
    let text = format!("{cluster:?}");
    for default in [
        "max_pods: 110",
        "pod_pids_limit: 4096",
        "quota_backend_bytes: 8589934592",
        "bootstrap_window: 31536000s",
        "snapshot_interval: 21600s",
        "snapshot_retain: 12",
        "max_age: 30, max_backup: 10, max_size: 100",
        "certificate_validity: 94608000s",
        "ca_validity: 315360000s",
        "ca_key_on_nodes: true",
        "timezone: \"UTC\"",
        "snapshotter: \"overlayfs\"",
        "service_node_port_range: \"30000-32767\"",
        "admission_enable: [\"NodeRestriction\"]",
        "kubelet_preferred_address_types: [\"InternalIP\", \"ExternalIP\", \"Hostname\"]",
        "node_cidr_mask_size_ipv4: 24",
        "dns_domain: \"cluster.local\"",
        "shutdown_grace_period: 60s",
        "virtual_router_id: 140",
        "metrics_server: Some(MetricsServer { replicas: 1 })",
    ] {
        assert!(text.contains(default), "{default} in\n{text}");
    }
    assert_eq!(cluster.dns.replicas, 2);
    assert_eq!(cluster.nodes[0].data_disk.as_ref().unwrap().choice, DiskChoice::Size { min: 20 << 30, max: None });
}

#[test]
fn files_are_found_beside_the_text_that_names_them_and_held_to_their_limits() {
    let large = vec![b'x'; MAX_FILE_BYTES + 1];
    let cases: [(&[u8], &[&str]); 5] = [
        (b"locked", &["unreadable-file"]),
        (&large, &["file-too-large"]),
        (b"\xff\xfe", &["file-not-text"]),
        (b"a\0b", &["file-not-text"]),
        (b"apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n", &[]),
    ];
    for (content, expected) in cases {
        let (cluster, codes) = resolved("manifests: [own/objects.yaml]\n", &[("place/own/objects.yaml", content)]);
        assert_eq!(codes, expected);
        assert_eq!(cluster.is_some(), expected.is_empty());
    }
    assert_eq!(resolved("manifests: [objects.yaml]\n", &[("objects.yaml", b"x: y")]).1, ["missing-file"]);
}

#[test]
fn objects_come_out_of_lists_with_their_lines() {
    let list = "kind: List\napiVersion: v1\nitems:\n- kind: List\n  apiVersion: v1\n  items:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {mode: 0644}}\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n";
    let (cluster, codes) = resolved("manifests: [list.yaml]\n", &[("place/list.yaml", list.as_bytes())]);
    assert!(codes.is_empty());
    let objects = &cluster.unwrap().manifests[0].objects;
    assert_eq!(objects.iter().map(|object| object.line).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(objects[0].value["data"]["mode"], 420, "as kubectl reads it");

    let large =
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {{x: {}}}}}", "y".repeat(1 << 20));
    assert_eq!(resolved("manifests: [list.yaml]\n", &[("place/list.yaml", large.as_bytes())]).1, ["object-too-large"]);
}

#[test]
fn node_defaults_hold_where_a_node_says_nothing() {
    let text = builtin::find("ha3").unwrap().text.replace("nodes:\n", "nodes:\n  - {name: w, role: worker, address: 10.0.0.7/8, labels: {b: own}, dataDisk: {path: /dev/sdb}, network: {gateway: 10.0.0.1}}\n");
    let text = text.replace(
        "nodeDefaults:\n",
        "nodeDefaults:\n  labels: {a: default, b: default}\n  taints: [{key: x, effect: NoExecute}]\n",
    );
    let mut sources = Sources::new();
    let mut report = Report::new();
    let source = sources.add("a", "a", Path::new(""), &text);
    let tree = parse_one(&sources, source, &mut report).unwrap();
    let description: Description = decode(&tree, &sources, &mut report);
    let nodes = super::nodes::nodes(&description).unwrap();
    let node = &nodes[0];
    assert_eq!((node.labels["a"].as_str(), node.labels["b"].as_str()), ("default", "own"));
    assert_eq!(node.data_disk.as_ref().unwrap().choice, DiskChoice::Path("/dev/sdb".into()));
    assert_eq!((node.taints.len(), nodes[1].taints.len()), (1, 2), "control planes keep their own taint");
    assert_eq!(node.addresses[0].to_string(), "10.0.0.7/8");
    assert_eq!((node.network.gateways[0].to_string(), node.network.interface.as_str()), ("10.0.0.1".into(), "eth0"));
}
