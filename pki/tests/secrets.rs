//! Where key material must not be: in `Debug`, in summaries, with the wrong node.

#![allow(clippy::unwrap_used, reason = "tests")]

mod openssl;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use kfimg_pki::{Credential, Credentials, Kubeconfig, NodeCredentials, Request, Secret, State};

fn fresh(folder: &Path, request: &Request) -> State {
    let now = Timestamp::now();
    let (mut state, _) = State::open(folder, "fake", now).unwrap().ensure(request, now).unwrap();
    state.commit().unwrap();
    state
}

/// Every secret of a state: what each file with keys holds of them, by a name of its own.
fn secrets(folder: &Path) -> BTreeMap<String, String> {
    let parts = openssl::take_apart(folder);
    let mut found = BTreeMap::new();
    add_keys(parts.path(), "", &mut found);
    found
}

fn add_keys(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = format!("{prefix}{}", entry.file_name().unwrap().to_str().unwrap());
        if entry.is_dir() {
            add_keys(&entry, &(name + "/"), found);
        } else if name.ends_with(".key") {
            found.insert(name, fs::read_to_string(&entry).unwrap());
        }
    }
}

/// Parts of each secret that cannot stand anywhere by chance: from a PEM key, octets of the private number; an
/// encryption key.
fn key_material(folder: &Path) -> BTreeSet<String> {
    let part = |text: String| {
        let first = text.lines().next().unwrap();
        text.lines().nth(1).map_or(&first[..20], |line| &line[48..]).to_owned()
    };
    secrets(folder).into_values().map(part).collect()
}

#[test]
fn debug_of_no_public_type_shows_key_material() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let request = Request::fake(1, 1);
    let state = fresh(&folder, &request);
    let credentials = state.credentials();
    let (master, worker) = (credentials.node("master-1").unwrap(), credentials.node("worker-1").unwrap());
    let admin = credentials.administrator().unwrap();
    let kubeconfig = Kubeconfig::embedded("fake", "https://10.1.0.1:6443", "kubernetes-admin", "ca", admin);
    let texts = [
        format!("{state:?}"),
        format!("{credentials:?}"),
        format!("{master:?}"),
        format!("{worker:?}"),
        format!("{admin:?}"),
        format!("{kubeconfig:?}"),
        format!("{:?}", kubeconfig.to_yaml().unwrap()),
        format!("{:?}", Secret::new(fs::read_to_string(folder.join("pki/ca.key")).unwrap())),
        format!("{:?}", state.summary(Timestamp::now())),
        fs::read_to_string(folder.join("state.json")).unwrap(),
    ];
    let material = key_material(&folder);
    assert_eq!(material.len(), 12 + 2 + 3 + 1 + 1 + 1, "every key is its own");
    for text in texts {
        assert!(!text.contains("PRIVATE KEY"), "{text}");
        for secret in &material {
            assert!(!text.contains(secret.as_str()), "{text}");
            // A list of numbers would be as bad.
            let bytes: Vec<_> = secret.bytes().take(8).map(|byte| byte.to_string()).collect();
            assert!(!text.contains(&bytes.join(", ")), "{text}");
        }
    }
}

/// Every secret text that one node is given.
fn given(node: &NodeCredentials<'_>) -> BTreeSet<String> {
    let key = |credential: &Credential| credential.key_pem().expose().to_owned();
    let mut given = BTreeSet::new();
    if let Some(kubelet) = node.kubelet() {
        given.extend([key(kubelet.client), key(kubelet.serving)]);
    }
    if let Some(etcd) = node.etcd() {
        given.extend([key(etcd.server), key(etcd.peer), key(etcd.healthcheck_client)]);
    }
    if let Some(plane) = node.control_plane() {
        let leaves = [
            plane.apiserver,
            plane.apiserver_kubelet_client,
            plane.apiserver_etcd_client,
            plane.front_proxy_client,
            plane.controller_manager,
            plane.scheduler,
            plane.addons,
        ];
        given.extend(leaves.map(key));
        given.extend(plane.cluster_ca_key.map(|secret| secret.expose().to_owned()));
        given.insert(plane.service_account.signing_pem.expose().to_owned());
        given.extend(plane.encryption.iter().map(|key| key.base64.expose().to_owned() + "\n"));
    }
    given
}

fn files(folder: &Path, list: &[&str]) -> BTreeSet<String> {
    let secrets = secrets(folder);
    list.iter().map(|file| secrets[*file].clone()).collect()
}

fn of(credentials: &Credentials, node: &str) -> BTreeSet<String> {
    given(&credentials.node(node).unwrap())
}

#[test]
fn no_node_gets_more_than_its_own_and_the_common_keys_of_its_role() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let credentials = fresh(&folder, &Request::fake(3, 2)).credentials();
    let own = ["nodes/worker-1/kubelet-client.key", "nodes/worker-1/kubelet-serving.key"];
    assert_eq!(of(&credentials, "worker-1"), files(&folder, &own));
    assert!(of(&credentials, "worker-1").is_disjoint(&of(&credentials, "worker-2")));

    let common = ["pki/ca.key", "pki/service-account-1.key", "pki/encryption-1.key"];
    let common = files(&folder, &common);
    let (first, second) = (of(&credentials, "master-1"), of(&credentials, "master-2"));
    assert_eq!(first.len(), 12 + common.len());
    assert_eq!(first.intersection(&second).cloned().collect::<BTreeSet<_>>(), common);
    let withheld = files(&folder, &["pki/etcd-ca.key", "pki/front-proxy-ca.key", "pki/admin.key"]);
    for node in ["master-1", "master-2", "master-3", "worker-1", "worker-2"] {
        assert!(of(&credentials, node).is_disjoint(&withheld), "{node}");
    }
    assert!(credentials.node("stranger").is_err());
}

#[test]
fn the_cluster_ca_key_can_stay_off_every_node() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let mut request = Request::fake(1, 0);
    request.policy.ca_key_on_nodes = false;
    let credentials = fresh(&folder, &request).credentials();
    assert!(credentials.node("master-1").unwrap().control_plane().unwrap().cluster_ca_key.is_none());
    assert!(of(&credentials, "master-1").is_disjoint(&files(&folder, &["pki/ca.key"])));
}

#[test]
fn a_dedicated_etcd_member_has_etcds_keys_only() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let mut request = Request::fake(2, 0);
    request.nodes[0].etcd_member = false;
    request.nodes[1].role = kfimg_pki::Role::Etcd;
    let credentials = fresh(&folder, &request).credentials();
    let own = ["etcd-server", "etcd-peer", "etcd-healthcheck-client"].map(|stem| format!("nodes/master-2/{stem}.key"));
    assert_eq!(of(&credentials, "master-2"), files(&folder, &own.each_ref().map(String::as_str)));
    assert!(credentials.node("master-2").unwrap().kubelet().is_none());
    assert!(credentials.node("master-1").unwrap().etcd().is_none());
}

#[test]
fn an_embedded_kubeconfig_carries_certificate_and_key() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let credentials = fresh(&folder, &Request::fake(1, 0)).credentials();
    let admin = credentials.administrator().unwrap();
    let config = Kubeconfig::embedded("fake", "https://[fd00::1]:6443", "kubernetes-admin", "CA", admin);
    let text = config.tls_server_name("kubernetes").to_yaml().unwrap();
    let base64 = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    for part in [
        "server: https://[fd00::1]:6443".to_owned(),
        "tls-server-name: kubernetes".to_owned(),
        format!("certificate-authority-data: {}", base64("CA")),
        format!("client-certificate-data: {}", base64(admin.certificate_pem())),
        format!("client-key-data: {}", base64(admin.key_pem().expose())),
        "current-context: kubernetes-admin@fake".to_owned(),
    ] {
        assert!(text.expose().contains(&part), "{part}\n{}", text.expose());
    }
}
