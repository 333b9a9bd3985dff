//! An archive of a node whose every secret is known.

use super::{run, stamp};
use crate::fake::Machine;
use crate::root::Root;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

const PLAN: &str = include_str!("../../tests/data/plan-worker.json");

/// The base64 body of a new private key, and the key as PEM.
fn key() -> (String, String) {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let body: Vec<&str> = pem.lines().filter(|line| !line.contains("-----")).collect();
    (body[0].to_owned(), pem)
}

fn unpack(archive: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let entry = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let path = entry.path().unwrap().display().to_string();
        (path.split_once('/').unwrap().1.to_owned(), text)
    };
    archive.entries().unwrap().map(entry).collect()
}

#[test]
fn no_secret_of_a_node_is_in_its_archive() {
    let machine = Machine::with_plan_file(PLAN);
    let (ca, client, kubelet, copy) = (key(), key(), key(), key());
    let hash = "$2b$10$abcdefghijklmnopqrstuuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY";
    let symmetric = "c3ltbWV0cmljIGtleSBvZiB0aGlzIG5vZGUgMTIzNDU2Nzg=";
    let registry = "cmVnaXN0cnk6cGFzc3dvcmQtb2YtdGhlLXNpdGU=";
    let embedded = data_encoding::BASE64.encode(client.1.as_bytes());
    machine.put("/etc/kubernetes/pki/ca.key", &ca.1);
    machine.put("/etc/kubernetes/pki/ca.crt", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    machine.put("/etc/kubernetes/admin.conf", format!("users:\n- user:\n    client-key-data: {embedded}\n"));
    machine.put("/var/lib/kubelet/pki/kubelet-client-current.pem", &kubelet.1);
    machine.put("/run/kfimg/etcd/pki/etcd/server.key", &copy.1);
    machine.put("/etc/kubernetes/apiserver/encryption.yaml", format!("keys:\n- secret: {symmetric}\n"));
    machine.put("/etc/shadow", format!("core:{hash}:19000::::::\n"));
    let hosts = format!("[header]\nAuthorization = \"Basic {registry}\"\n");
    machine.put("/etc/containerd/certs.d/docker.io/hosts.toml", &hosts);
    // Texts that do get in, and say all of it.
    let told = format!("{}\nuser core {hash}\nkey {symmetric}\nbasic {registry}\ndata {embedded}\n", client.1);
    machine.put("/var/log/pods/kube-system_etcd-master1_1/etcd/0.log", &told);
    machine.put("/etc/kubernetes/manifests/own.yaml", format!("{}{}", copy.1, ca.1));
    machine.put("/run/kfimg/boot.json", format!("{{\"message\": \"{}\"}}\n", kubelet.0));
    machine.put("/var/log/pods/default_shop_1/shop/0.log", "a workload's own log");
    let file = machine.folder().join("support.tar.gz");
    run(machine.root(), Some(file.to_str().unwrap())).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let parts = unpack(&std::fs::read(&file).unwrap());
    let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["listing.txt", "files/etc/kfimg/plan.json", "files/etc/kubernetes/pki/ca.crt"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for (name, text) in &parts {
        for secret in
            [&ca.0, &client.0, &kubelet.0, &copy.0, &embedded, hash, symmetric, registry, "workload's", "PRIVATE KEY"]
        {
            assert!(!text.contains(secret) && !text.contains(&secret[..secret.len().min(20)]), "{name} has {secret}");
        }
    }
}

#[test]
fn a_node_with_nothing_gives_an_archive_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("support.tar.gz");
    run(&Root::new(folder.path()), Some(file.to_str().unwrap())).unwrap();
    let parts = unpack(&std::fs::read(&file).unwrap());
    assert_eq!(parts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["listing.txt"]);
}

#[test]
fn an_archive_is_named_after_its_moment() {
    assert_eq!(stamp(1_795_237_267), "20261121T050107Z");
}
