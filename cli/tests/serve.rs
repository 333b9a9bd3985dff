//! `kfimg serve` as its user sees it: TLS by the cluster's authority, several bundles, signals, errors. openssl is the client.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::content::{BUNDLE_FILE, BundleManifest, Content, Since};
use kfimg_images::fake::FakeBundle;
use kfimg_images::hasher::sha256;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use support::program::{both, empty_folder, run, succeed, succeed_with};
use support::registry::Served;

fn kfimg(folder: &Path, line: &str) -> Command {
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    kfimg.args(line.split_whitespace()).current_dir(folder);
    kfimg
}

fn signal(served: &Served, signal: Signal) {
    let pid = Pid::from_raw(served.child.id().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// A question over TLS, asked by openssl, which verifies name and authority.
fn ask(folder: &Path, served: &Served, name: &str) -> Command {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", served.authority(), "-CAfile", "ha3.state/pki/ca.crt", "-ign_eof", "-quiet"]);
    openssl.args(["-verify_hostname", name, "-verify_return_error"]).current_dir(folder);
    openssl
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: reg.local\r\nConnection: close\r\n\r\n")
}

#[test]
fn the_clusters_authority_vouches_for_the_registry_until_a_signal_ends_it() {
    let folder = empty_folder("serve/state");
    succeed(&mut kfimg(&folder, "render --profile ha3 --registry reg.local"));
    FakeBundle::fake(&folder.join("bundle"));
    let line = "serve --listen 127.0.0.1:0 --tls-state ha3.state --profile ha3 --registry reg.local --name other.local";
    let mut served = Served::start(kfimg(&folder, line).args(["--access-log", "access.log"]));
    assert_eq!((&served.said["images"], &served.said["artifacts"]), (&2.into(), &1.into()));
    assert_eq!(served.said["names"], serde_json::json!(["DNS:other.local", "DNS:reg.local"]));
    let path = "/v2/registry.k8s.io/pause/manifests/3.10.2";
    for name in ["reg.local", "other.local"] {
        let said = succeed_with(&mut ask(&folder, &served, name), &request(path));
        assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
    }
    let wrong = run(&mut ask(&folder, &served, "third.local"));
    assert!(both(&wrong).to_lowercase().contains("hostname mismatch"), "{}", both(&wrong));
    signal(&served, Signal::TERM);
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    let log = fs::read_to_string(folder.join("access.log")).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains(path) && line.contains("\"status\":200")).count(), 2, "{log}");
    let files: Vec<_> =
        fs::read_dir(folder.join("ha3.state/pki")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().all(|file| !file.to_string_lossy().contains("registry")), "no key is kept: {files:?}");
}

#[test]
fn a_second_signal_does_not_wait_for_a_client_that_reads_nothing() {
    let folder = empty_folder("serve/signals");
    let mut bundle = FakeBundle::fake(&folder.join("bundle"));
    let large = vec![7; 32 << 20];
    let image = bundle.image("amd64", &[&large]);
    bundle.name("quay.io/large/image:1", image);
    bundle.finish();
    let mut served = Served::start(&mut kfimg(&folder, "serve --listen 127.0.0.1:0"));
    let mut client = TcpStream::connect(served.authority()).unwrap();
    client.write_all(request(&format!("/v2/quay.io/large/image/blobs/{}", sha256(&large))).as_bytes()).unwrap();
    // The answer began.
    client.peek(&mut [0]).unwrap();
    signal(&served, Signal::INT);
    while TcpStream::connect(served.authority()).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(served.child.try_wait().unwrap().is_none(), "it waits for the client");
    signal(&served, Signal::INT);
    assert_eq!(served.child.wait().unwrap().signal(), Some(Signal::INT.as_raw()));
}

#[test]
fn a_download_that_runs_comes_to_its_end_before_the_server_does() {
    let folder = empty_folder("serve/downloads");
    let mut bundle = FakeBundle::new(&folder.join("bundle"));
    // More than any buffer between the two takes.
    let large: Vec<u8> = (0..32 << 20).map(|number: u32| (number % 251) as u8).collect();
    let image = bundle.image("amd64", &[&large]);
    bundle.name("quay.io/large/image:1", image);
    bundle.finish();
    let mut served = Served::start(&mut kfimg(&folder, "serve --listen 127.0.0.1:0 --access-log access.log"));
    let mut client = TcpStream::connect(served.authority()).unwrap();
    let path = format!("/v2/quay.io/large/image/blobs/{}", sha256(&large));
    client.write_all(request(&path).as_bytes()).unwrap();
    client.peek(&mut [0]).unwrap();
    signal(&served, Signal::TERM);
    while TcpStream::connect(served.authority()).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(served.child.try_wait().unwrap().is_none(), "it waits for the client");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert!(answer.starts_with(b"HTTP/1.1 200 OK") && answer[body..] == large, "{} bytes came", answer.len() - body);
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    let log = fs::read_to_string(folder.join("access.log")).unwrap();
    assert!(log.contains(&path) && log.contains("\"status\":200"), "{log}");
}

/// Two bundles: a base, and a delta that stands on it and brings a newer image beside.
fn base_and_delta(folder: &Path) {
    let base = FakeBundle::fake(&folder.join("base"));
    let content = Content::open(base.folder()).unwrap();
    let mut delta = FakeBundle::new(&folder.join("delta"));
    let image = delta.image("amd64", &[b"newer"]);
    delta.name("docker.io/library/nginx:1.29", image);
    delta.finish();
    let file = folder.join("delta").join(BUNDLE_FILE);
    let mut manifest = BundleManifest::parse(&fs::read(&file).unwrap()).unwrap();
    let absent = content.blobs().map(|(digest, _)| digest.clone()).collect();
    manifest.since = Some(Since { receipt: sha256(b"receipt"), absent, held: BTreeMap::new() });
    fs::write(file, manifest.to_bytes()).unwrap();
}

#[test]
fn a_delta_is_served_with_what_it_stands_on() {
    let folder = empty_folder("serve/delta");
    base_and_delta(&folder);
    let alone = run(&mut kfimg(&folder, "serve --listen 127.0.0.1:0 --bundle delta"));
    assert_eq!(alone.status.code(), Some(4), "{}", both(&alone));
    assert!(both(&alone).contains("delta is a delta: it leaves"), "{}", both(&alone));
    let served = Served::start(&mut kfimg(&folder, "serve --listen 127.0.0.1:0 --bundle base --bundle delta"));
    assert_eq!((&served.said["images"], &served.said["faults"]), (&2.into(), &serde_json::json!([])));
}

#[test]
fn what_cannot_be_served_is_named_with_the_documented_exit_code() {
    let folder = empty_folder("serve/errors");
    FakeBundle::fake(&folder.join("bundle"));
    fs::write(folder.join("empty"), "\n").unwrap();
    fs::write(folder.join("password"), "s3cret\n").unwrap();
    fs::create_dir(folder.join("nothing")).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("serve --listen {}", taken.local_addr().unwrap());
    let table = [
        ("serve --tls-cert x", 2, "--tls-key"),
        ("serve --name reg.local", 2, "--tls-state"),
        ("serve --tls-state s --name reg.local:5000", 2, "without a port"),
        ("serve --user site", 2, "--password-file"),
        ("serve --user site --password-file empty", 2, "holds no password"),
        ("serve --user a:b --password-file password", 2, "has no `:`"),
        ("serve --profile ha3", 2, "no `registry`"),
        ("serve --registry reg.local", 2, "--profile or --site"),
        ("serve --bundle none", 4, "none"),
        ("serve --bundle nothing", 4, "no oci-layout"),
        ("serve --tls-state none", 4, "there is no state in none"),
        ("serve --tls-cert password --tls-key password", 4, "no certificate"),
        ("serve --access-log nothing", 4, "nothing"),
        (taken.as_str(), 7, "listening on"),
    ];
    for (line, code, part) in table {
        let said = run(&mut kfimg(&folder, line));
        assert_eq!(said.status.code(), Some(code), "{line}: {}", both(&said));
        assert!(both(&said).contains(part), "{line}: {part} in {}", both(&said));
        assert!(!both(&said).contains("s3cret"), "{line}");
    }
}
