//! Certificates as openssl sees them, compared with kubeadm's.

#![allow(clippy::unwrap_used, reason = "tests")]

mod openssl;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use kfimg_pki::{KeyAlgorithm, Request, San, State};

/// Subject and extended usages of each certificate of `master-1`, as `kubeadm init` makes them (kubeadm v1.36), with the
/// differences that `table.rs` names. Names are `node`, `etcd`, `api` or none.
const EXPECTED: [(&str, &str, &str, &str, &str); 12] = [
    ("apiserver", "ca", "CN = kube-apiserver", "server", "api"),
    ("apiserver-kubelet-client", "ca", "CN = kube-apiserver-kubelet-client", "client", ""),
    ("apiserver-etcd-client", "etcd-ca", "CN = kube-apiserver-etcd-client", "client", ""),
    ("front-proxy-client", "front-proxy-ca", "CN = front-proxy-client", "client", ""),
    ("etcd-server", "etcd-ca", "CN = master-1", "server client", "etcd"),
    ("etcd-peer", "etcd-ca", "CN = master-1", "server client", "etcd"),
    ("etcd-healthcheck-client", "etcd-ca", "CN = kube-etcd-healthcheck-client", "client", ""),
    ("controller-manager", "ca", "CN = system:kube-controller-manager", "client", ""),
    ("scheduler", "ca", "CN = system:kube-scheduler", "client", ""),
    ("addons", "ca", "O = system:masters, CN = kfimg-addons:master-1", "client", ""),
    ("kubelet-client", "ca", "O = system:nodes, CN = system:node:master-1", "client", ""),
    ("kubelet-serving", "ca", "O = system:nodes, CN = system:node:master-1", "server", "node"),
];

const NODE_NAMES: &str = "DNS:master-1 IP:10.1.0.1 IP:FD00:0:0:0:0:0:0:1";
const LOOPBACK: &str = "DNS:localhost IP:127.0.0.1 IP:0:0:0:0:0:0:0:1";
const API: &str = "DNS:kubernetes DNS:kubernetes.default DNS:kubernetes.default.svc IP:192.168.49.150";

fn issue(folder: &Path, algorithm: KeyAlgorithm) -> Request {
    let mut request = Request::fake(1, 1);
    request.policy.algorithm = algorithm;
    request.api_server_names.insert(San::Ip("192.168.49.150".parse().unwrap()));
    let now = Timestamp::now();
    let (mut state, warnings) = State::open(folder, &request.cluster, now).unwrap().ensure(&request, now).unwrap();
    assert!(warnings.is_empty());
    assert!(state.commit().unwrap());
    request
}

fn words(list: &[&str]) -> Vec<String> {
    let mut words: Vec<_> = list.iter().flat_map(|words| words.split_whitespace()).map(str::to_owned).collect();
    words.sort();
    words
}

/// Extensions by their title, as `openssl x509 -text` prints them.
fn extensions(folder: &Path, file: &str) -> BTreeMap<String, String> {
    let list = "basicConstraints,keyUsage,extendedKeyUsage,subjectAltName,subjectKeyIdentifier,authorityKeyIdentifier";
    let text = openssl::must(folder, &format!("x509 -noout -in {file} -ext {list}"));
    let lines: Vec<_> = text.lines().collect();
    let title = |line: &str| line.trim().trim_start_matches("X509v3 ").trim_end().trim_end_matches(':').to_owned();
    let pairs = lines.windows(2).filter(|pair| !pair[0].starts_with("    ") && pair[1].starts_with("    "));
    pairs.map(|pair| (title(pair[0]), pair[1].trim().to_owned())).collect()
}

fn verify(folder: &Path, ca: &str, file: &str, purpose: &str) -> Result<String, String> {
    let bundle = format!("pki/{ca}.crt");
    openssl::run(folder, &["verify", "-x509_strict", "-purpose", purpose, "-CAfile", &bundle, "-untrusted", file, file])
}

fn check_leaf(folder: &Path, row: (&str, &str, &str, &str, &str), rsa: bool) {
    let (stem, ca, subject, usages, names) = row;
    let file = format!("nodes/master-1/{stem}.crt");
    assert_eq!(openssl::must(folder, &format!("x509 -noout -subject -in {file}")).trim(), format!("subject={subject}"));
    for (usage, purpose) in [("server", "sslserver"), ("client", "sslclient")] {
        let verified = verify(folder, ca, &file, purpose);
        assert_eq!(verified.is_ok(), usages.contains(usage), "{stem} as {purpose}: {verified:?}");
    }
    for other in ["ca", "etcd-ca", "front-proxy-ca"].into_iter().filter(|other| *other != ca) {
        assert!(verify(folder, other, &file, "any").is_err(), "{stem} must not be trusted by {other}");
    }
    let extensions = extensions(folder, &file);
    let key_usage = if rsa { "Digital Signature, Key Encipherment" } else { "Digital Signature" };
    assert_eq!(extensions["Key Usage: critical"], key_usage, "{stem}");
    assert_eq!(extensions["Basic Constraints: critical"], "CA:FALSE", "{stem}");
    assert!(extensions.contains_key("Subject Key Identifier") && extensions.contains_key("Authority Key Identifier"));
    let expected = match names {
        "node" => words(&[NODE_NAMES]),
        "etcd" => words(&[NODE_NAMES, LOOPBACK]),
        "api" => words(&[NODE_NAMES, LOOPBACK, API]),
        _ => Vec::new(),
    };
    let found = extensions.get("Subject Alternative Name").cloned().unwrap_or_default();
    assert_eq!(words(&[&found.replace("IP Address", "IP").replace(',', " ")]), expected, "{stem}");
}

#[test]
fn every_certificate_is_kubeadms_and_openssl_accepts_it_for_its_purposes_only() {
    for (algorithm, rsa) in [(KeyAlgorithm::EcdsaP256, false), (KeyAlgorithm::Rsa2048, true)] {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("state");
        issue(&folder, algorithm);
        let parts = openssl::take_apart(&folder);
        for row in EXPECTED {
            check_leaf(parts.path(), row, rsa);
        }
        let files = fs::read_dir(parts.path().join("nodes/master-1")).unwrap().count();
        assert_eq!(files, 2 * EXPECTED.len(), "a certificate that the table does not know");
        let text = openssl::must(parts.path(), "x509 -noout -text -in nodes/master-1/apiserver.crt");
        assert!(text.contains(if rsa { "Public-Key: (2048 bit)" } else { "NIST CURVE: P-256" }), "{text}");
    }
}

#[test]
fn authorities_may_sign_leaves_only_and_have_kubeadms_names() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    issue(&folder, KeyAlgorithm::EcdsaP256);
    for (stem, name) in [("ca", "kubernetes"), ("etcd-ca", "etcd-ca"), ("front-proxy-ca", "front-proxy-ca")] {
        let file = format!("pki/{stem}.crt");
        verify(&folder, stem, &file, "any").unwrap();
        let subject = openssl::must(&folder, &format!("x509 -noout -subject -in {file}"));
        assert_eq!(subject.trim(), format!("subject=CN = {name}"));
        let extensions = extensions(&folder, &file);
        assert_eq!(extensions["Basic Constraints: critical"], "CA:TRUE, pathlen:0");
        assert_eq!(extensions["Key Usage: critical"], "Digital Signature, Certificate Sign, CRL Sign");
    }
}

#[test]
fn keys_belong_to_their_certificates_and_no_two_are_the_same() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    issue(&folder, KeyAlgorithm::EcdsaP256);
    let parts = openssl::take_apart(&folder);
    let mut public_keys = Vec::new();
    let stems = EXPECTED.iter().map(|row| format!("nodes/master-1/{}", row.0));
    let others =
        ["nodes/worker-1/kubelet-client", "nodes/worker-1/kubelet-serving", "pki/admin", "pki/ca", "pki/etcd-ca"];
    for stem in stems.chain(others.map(str::to_owned)) {
        let of_certificate = openssl::must(parts.path(), &format!("x509 -noout -pubkey -in {stem}.crt"));
        assert_eq!(openssl::must(parts.path(), &format!("pkey -pubout -in {stem}.key")), of_certificate, "{stem}");
        public_keys.push(of_certificate);
    }
    let count = public_keys.len();
    public_keys.sort();
    public_keys.dedup();
    assert_eq!(public_keys.len(), count);
}

#[test]
fn serial_numbers_and_dates_are_as_promised() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let before = Timestamp::now().as_second();
    issue(&folder, KeyAlgorithm::EcdsaP256);
    let rows = State::open_existing(&folder).unwrap().summary(Timestamp::from_second(before).unwrap());
    let parts = openssl::take_apart(&folder);
    let day = 86_400;
    for row in rows {
        let stem = row.node.as_ref().map_or(format!("pki/{}", row.name), |node| format!("nodes/{node}/{}", row.name));
        let serial = openssl::must(parts.path(), &format!("x509 -noout -serial -in {stem}.crt"));
        assert_eq!(serial.trim().len(), "serial=".len() + 32, "{serial}: 16 octets");
        assert!((before - day..=before - day + 60).contains(&row.not_before.as_second()), "{stem}");
        let years = if row.authority { 3650 } else { 1095 };
        assert!((before + years * day..=before + years * day + 60).contains(&row.not_after.as_second()), "{stem}");
        assert_eq!(row.days_left, years, "{stem}");
        let fingerprint = openssl::must(parts.path(), &format!("x509 -noout -fingerprint -sha256 -in {stem}.crt"));
        assert!(fingerprint.replace(':', "").to_lowercase().contains(&row.sha256), "{stem}");
    }
}

#[test]
fn service_account_keys_fit_each_other() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let request = issue(&folder, KeyAlgorithm::EcdsaP256);
    let now = Timestamp::now();
    let (state, _) = State::open(&folder, "fake", now).unwrap().ensure(&request, now).unwrap();
    let credentials = state.credentials();
    let node = credentials.node("master-1").unwrap();
    let keys = &node.control_plane().unwrap().service_account;
    let public = openssl::must(&folder, "pkey -pubout -in pki/service-account-1.key");
    assert_eq!(keys.public_pem, public);
    assert_eq!(keys.signing_pem.expose(), fs::read_to_string(folder.join("pki/service-account-1.key")).unwrap());
}

#[test]
fn openssl_lists_what_is_in_a_nodes_file() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    issue(&folder, KeyAlgorithm::EcdsaP256);
    let list = openssl::must(&folder, "storeutl -noout nodes/master-1.pem");
    assert!(list.contains(&format!("Total found: {}", 2 * EXPECTED.len())), "{list}");
}
