//! No subcommand of the agent takes more than 10 MiB of memory, whatever lies on the node: each runs on a machine below a folder, to
//! its end or for a few seconds, and the kernel tells the most that it had (`wait4(2)`, `ru_maxrss`, by GNU time).
//!
//! `KFIMG_AGENT` names the program of `make agent`, as `make boot-test` does. The one that cargo built for tests has several times the
//! code, so it may take as much more as it takes to print its help; content that is held in memory is seen all the same. Not here: a
//! passphrase that opens a sealed payload, whose function takes much on purpose (age, `scrypt`); `payload fetch`, which runs Ignition; and
//! `addons` and `snapshot` beyond their first question, which run in the lab.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod members;

use flate2::Compression;
use flate2::write::GzEncoder;
use kfimg_agent::age::{Identity, Seal, seal};
use members::certificates::Authority;
use members::node::{Node, Render};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// KiB.
const MOST: u64 = 10 << 10;
/// A subcommand that serves on, or waits, is ended after so many seconds.
const SECONDS: &str = "4";
/// Bytes of an image's layer: many times the memory.
const LAYER: usize = 48 << 20;
/// Bytes of secrets and of a file from the boot server: as large as a payload may be on most channels, and more.
const SECRETS: usize = 256 << 10;
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

/// A machine below a folder: a member of etcd that waits for two others.
struct Machine {
    folder: tempfile::TempDir,
    node: Node,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::new(folder.path(), 90, 1, &Authority::new());
        let render = Render {
            uid: "uid".to_owned(),
            incarnation: 1,
            generation: 1,
            members: vec![1, 2, 3],
            recover_from: None,
            without: Vec::new(),
            discard: Vec::new(),
            bootstrap_not_after: i64::MAX,
        };
        node.payload(&render, |number| Ipv4Addr::new(127, 42, 90, number).into());
        Self { folder, node }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.node.root.join(path.trim_start_matches('/'))
    }

    fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Changes the plan.
    fn plan(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path("/etc/kfimg/plan.json");
        let mut plan = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut plan);
        std::fs::write(path, plan.to_string()).unwrap();
    }

    /// What a subcommand may take, in KiB.
    fn most(&self) -> u64 {
        if std::env::var_os("KFIMG_AGENT").is_some() { MOST } else { MOST + self.peak(&["--help"]).0 }
    }

    /// The most memory in KiB, and what it said. Programs that it runs count too; those of the machine lie in `bin`.
    fn peak(&self, words: &[&str]) -> (u64, String) {
        let program = std::env::var_os("KFIMG_AGENT").unwrap_or_else(|| env!("CARGO_BIN_EXE_kfimg-agent").into());
        let file = self.folder.path().join("peak");
        let path = format!("{}:{}", self.folder.path().join("bin").display(), std::env::var("PATH").unwrap());
        let mut time = Command::new("/usr/bin/time");
        time.arg("-f").arg("%M").arg("-o").arg(&file).args(["timeout", "--signal=TERM", SECONDS]).arg(program);
        let output = time.arg("--root").arg(&self.node.root).args(words).env("PATH", path).output();
        let output = output.expect("GNU time runs (package time)");
        let text = std::fs::read_to_string(file).unwrap();
        let peak = text.lines().last().and_then(|line| line.parse().ok());
        (peak.unwrap_or_else(|| panic!("{words:?}: {text}")), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A boot server with one file.
fn serve(content: Vec<u8>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let request = BufReader::new(stream.try_clone().unwrap());
            let _ = request.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content));
        }
    });
    url
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn with_a_file_to_fetch(machine: &Machine) {
    let content = vec![b'f'; SECRETS];
    let file = json!({ "path": "/etc/kfimg/addons/60-site.json", "url": serve(content.clone()),
        "sha512": hex(&Sha512::digest(&content)), "size": content.len() });
    machine.plan(|plan| plan["fetch"] = json!([file]));
}

fn with_a_sealed_payload(machine: &Machine) {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    let mut header = tar::Header::new_ustar();
    header.set_size(SECRETS as u64);
    header.set_mode(0o600);
    header.set_uid(rustix::process::getuid().as_raw().into());
    header.set_gid(rustix::process::getgid().as_raw().into());
    // What can't be compressed, as keys can't.
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let secrets: Vec<u8> = (0..SECRETS).map(|_| noise()).collect();
    archive.append_data(&mut header, "etc/secret", secrets.as_slice()).unwrap();
    let archive = archive.into_inner().unwrap().finish().unwrap();
    let recipients = [IDENTITY.parse::<Identity>().unwrap().recipient()];
    machine.put("/etc/kfimg/sealed.age", seal(&archive, &Seal::Recipients(&recipients), &[5; 32]));
    machine.put("/dev/disk/by-label/KFIMG-KEY/kfimg.key", IDENTITY);
    machine.plan(|plan| plan["sealed"] = json!({ "file": "/etc/kfimg/sealed.age", "paths": ["/etc/secret"] }));
}

/// A bundle with one image, and a containerd that takes it.
fn with_a_bundle(machine: &Machine) {
    let blob = |content: &[u8]| {
        let digest = hex(&Sha256::digest(content));
        machine.put(&format!("/var/lib/kfimg/bundle/blobs/sha256/{digest}"), content);
        json!({ "mediaType": "application/octet-stream", "digest": format!("sha256:{digest}"), "size": content.len() })
    };
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = blob(json!({ "architecture": architecture, "os": "linux" }).to_string().as_bytes());
    let layer = blob(&vec![7; LAYER]);
    let mut manifest = blob(json!({ "schemaVersion": 2, "config": config, "layers": [layer] }).to_string().as_bytes());
    manifest["mediaType"] = json!("application/vnd.oci.image.manifest.v1+json");
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": "reg.test/a:1" });
    manifest["platform"] = json!({ "architecture": architecture, "os": "linux" });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    machine.put("/var/lib/kfimg/bundle/index.json", index.to_string());
    machine.put("/var/lib/kfimg/bundle/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    machine.plan(|plan| plan["images"] = json!([{ "reference": "reg.test/a:1" }]));
    let client = machine.folder.path().join("bin/ctr");
    std::fs::create_dir_all(client.parent().unwrap()).unwrap();
    std::fs::write(&client, "#!/bin/sh\ncase \"$*\" in *import*) cat > /dev/null ;; esac\n").unwrap();
    std::fs::set_permissions(client, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn with_a_command_line(machine: &Machine) {
    machine.put("/proc/cmdline", "quiet ignition.platform.id=qemu\n");
}

fn as_it_is(_: &Machine) {}

/// What the machine has, what is run, and a word that it must have said, to show that it did its work.
type Run<'a> = (fn(&Machine), &'a [&'a str], &'a str);

#[test]
fn no_subcommand_takes_more_than_ten_mebibytes() {
    let runs: [Run<'_>; 16] = [
        (as_it_is, &["data"], "no data disk"),
        (with_a_sealed_payload, &["unseal"], "1 files, by"),
        (as_it_is, &["clock"], "the time is"),
        (as_it_is, &["preflight"], "CONTAINERD_VERSION"),
        (with_a_bundle, &["images"], "1 images of the bundle are there, 1 of them new"),
        (as_it_is, &["etcd"], "waiting for master2, master3"),
        (with_a_file_to_fetch, &["fetch"], "1 files"),
        (as_it_is, &["addons"], "this node applies none"),
        (as_it_is, &["snapshot"], "SNAPSHOT_NOT_A_VOTER"),
        (as_it_is, &["report"], ""),
        (as_it_is, &["support", "-"], ""),
        (as_it_is, &["check-api", "http://127.0.0.1:1/readyz"], ""),
        (with_a_command_line, &["platform"], "payload: looking for it by platform qemu"),
        (with_a_command_line, &["root"], ""),
        (as_it_is, &["payload", "choose"], ""),
        (as_it_is, &["keep"], ""),
    ];
    let mut wrong = Vec::new();
    for (prepare, words, said) in runs {
        let machine = Machine::new();
        prepare(&machine);
        let (peak, text) = machine.peak(words);
        println!("{}: {peak} KiB", words.join(" "));
        if !text.contains(said) {
            wrong.push(format!("{words:?} did not say {said:?}: {text}"));
        }
        if peak > machine.most() {
            wrong.push(format!("{words:?} took {peak} KiB"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The way of measuring is able to fail.
#[test]
fn what_takes_more_is_seen() {
    let machine = Machine::new();
    with_a_sealed_payload(&machine);
    let large = vec![b'x'; 15 << 20];
    machine.put("/etc/kfimg/sealed.age", large);
    let (peak, _) = machine.peak(&["unseal"]);
    assert!(peak > machine.most(), "{peak} KiB with a sealed payload of 15 MiB");
}
