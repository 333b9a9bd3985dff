//! Go judges every certificate of the payloads of `ha3`, as the Kubernetes components will: chain, usage, names.
//!
//! openssl judges them in crate `pki`. Keys and the state folder are not looked at here.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use support::node::{NodeRoot, Workplace};
use support::program::{go_folder, succeed_with};

const CLUSTER: &str = "/etc/kubernetes/pki/ca.crt";
const ETCD: &str = "/etc/kubernetes/pki/etcd/ca.crt";
const FRONT_PROXY: &str = "/etc/kubernetes/pki/front-proxy-ca.crt";
const AUTHORITIES: [&str; 3] = [CLUSTER, ETCD, FRONT_PROXY];

/// Names that an API server answers to beside its node's: the service's, the endpoint's, loopback.
const API_SERVER: &[&str] = &[
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    "::1",
    "10.96.0.1",
    "192.168.49.150",
];
const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "::1"];
const NODE_ONLY: &[&str] = &[];

/// Certificate, its authority, what it may be used for, and for servers the names beside the node's own.
type Row = (&'static str, &'static str, &'static [&'static str], Option<&'static [&'static str]>);

const ROWS: &[Row] = &[
    ("/etc/kubernetes/pki/apiserver.crt", CLUSTER, &["server"], Some(API_SERVER)),
    ("/etc/kubernetes/pki/apiserver-kubelet-client.crt", CLUSTER, &["client"], None),
    ("/etc/kubernetes/pki/apiserver-etcd-client.crt", ETCD, &["client"], None),
    ("/etc/kubernetes/pki/front-proxy-client.crt", FRONT_PROXY, &["client"], None),
    ("/etc/kubernetes/pki/etcd/server.crt", ETCD, &["server", "client"], Some(LOOPBACK)),
    ("/etc/kubernetes/pki/etcd/peer.crt", ETCD, &["server", "client"], Some(LOOPBACK)),
    ("/etc/kubernetes/pki/etcd/healthcheck-client.crt", ETCD, &["client"], None),
    ("/etc/kubernetes/pki/kubelet.crt", CLUSTER, &["server"], Some(NODE_ONLY)),
    ("/etc/kubernetes/pki/kubelet-client.pem", CLUSTER, &["client"], None),
];

/// Kubeconfigs of a control plane that carry their certificate; the kubelet's names a file, which is in the table.
const KUBECONFIGS: [&str; 3] =
    ["/etc/kubernetes/admin.conf", "/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf"];

/// Names that no certificate of the cluster may be valid for.
const FOREIGN: [&str; 2] = ["example.org", "192.0.2.1"];

/// A question for the verifier, and whether the answer must be yes.
struct Case {
    question: Value,
    valid: bool,
}

fn case(name: &str, roots: &str, chain: &str, usage: &str, host: &str, valid: bool) -> Case {
    Case { question: json!({"name": name, "roots": roots, "chain": chain, "usage": usage, "host": host}), valid }
}

/// The certificates of a file, without the key that may stand beside them.
fn certificates_of(pem: &str) -> String {
    let blocks = pem.split_inclusive("-----END CERTIFICATE-----\n");
    blocks.filter_map(|block| Some(&block[block.find("-----BEGIN CERTIFICATE-----")?..])).collect()
}

/// All that is asked about one certificate: what it is for, and nothing else.
fn cases(node: &NodeRoot, row: &Row) -> Vec<Case> {
    let (path, authority, usages, names) = *row;
    let (chain, name) = (certificates_of(&node.text(path)), format!("{}: {path}", node.name));
    let ask = |ca: &str, usage: &str, host: &str, valid| {
        let name = format!("{name} as {usage} for `{host}` under {ca}");
        case(&name, &node.text(ca), &chain, usage, host, valid)
    };
    let authorities = AUTHORITIES.iter().filter(|ca| node.path(ca).exists());
    let mut cases: Vec<_> = authorities.map(|ca| ask(ca, "any", "", *ca == authority)).collect();
    cases.extend(["server", "client"].map(|usage| ask(authority, usage, "", usages.contains(&usage))));
    let Some(names) = names else { return cases };
    let plan = node.plan();
    let addresses = plan["node"]["addresses"].as_array().unwrap().iter().map(|address| address.as_str().unwrap());
    let own = addresses.chain([node.name.as_str()]).chain(names.iter().copied());
    cases.extend(own.map(|host| ask(authority, "server", host, true)));
    cases.extend(FOREIGN.map(|host| ask(authority, "server", host, false)));
    cases
}

/// Certificates that kubeconfigs carry, under the authority that the same file names.
fn kubeconfig_cases(name: &str, text: &str) -> Vec<Case> {
    let config: Value = serde_saphyr::from_str(text).expect("a kubeconfig is YAML");
    let pem = |value: &Value| {
        let value = value.as_str()?;
        Some(String::from_utf8(data_encoding::BASE64.decode(value.as_bytes()).unwrap()).unwrap())
    };
    let authority = pem(&config["clusters"][0]["cluster"]["certificate-authority-data"])
        .expect("a kubeconfig carries its authority");
    let Some(chain) = pem(&config["users"][0]["user"]["client-certificate-data"]) else { return Vec::new() };
    let ask = |usage, valid| case(&format!("{name} as {usage}"), &authority, &chain, usage, "", valid);
    vec![ask("client", true), ask("server", false)]
}

#[test]
fn go_accepts_each_certificate_for_its_purpose_and_for_no_other() {
    let workplace = Workplace::render("certificates");
    let nodes = workplace.apply_all();
    let admin = std::fs::read_to_string(workplace.output().join("admin.kubeconfig")).unwrap();
    let mut cases = kubeconfig_cases("admin.kubeconfig", &admin);
    assert_eq!(cases.len(), 2);
    for node in &nodes {
        let rows = ROWS.iter().filter(|row| node.path(row.0).exists());
        cases.extend(rows.flat_map(|row| crate::cases(node, row)));
        for kubeconfig in KUBECONFIGS.iter().filter(|_| node.is_control_plane()) {
            let found = kubeconfig_cases(&format!("{}: {kubeconfig}", node.name), &node.text(kubeconfig));
            assert!(!found.is_empty(), "{}: {kubeconfig} carries no certificate", node.name);
            cases.extend(found);
        }
    }
    let questions: Vec<_> = cases.iter().map(|case| &case.question).collect();
    let verifier = go_folder(&["certverify"]).join("certverify");
    let answers = succeed_with(&mut Command::new(verifier), &json!(questions).to_string());
    let answers: Vec<Value> = serde_json::from_str(&answers).unwrap();
    assert_eq!(answers.len(), cases.len());
    for (case, answer) in cases.iter().zip(&answers) {
        assert_eq!(answer["error"] == "", case.valid, "{answer}");
    }
    assert!(cases.len() > 200, "only {} questions", cases.len());
}

#[test]
fn every_certificate_of_a_node_is_in_the_table() {
    let workplace = Workplace::render("certificate-table");
    let known: BTreeSet<_> = ROWS.iter().map(|row| row.0).chain(AUTHORITIES).collect();
    let mut found = BTreeSet::new();
    for node in workplace.apply_all() {
        let files = ["/etc", "/var"].iter().flat_map(|folder| ["crt", "pem"].map(|kind| node.files(folder, kind)));
        found.extend(files.flatten());
    }
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
}
