//! Golden output: all that one node of each role gets in each profile, so that a change shows in review.
//!
//! What is drawn at random or follows from the clock is replaced by a word. `make golden` writes the files anew.

#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::payload::{Entry, Payload};
use support::program::{empty_folder, succeed};

const NODES: [(&str, &str); 9] = [
    ("single", "master1"),
    ("single-vip", "master1"),
    ("ha3", "master1"),
    ("ha3", "worker1"),
    ("ha5", "master5"),
    ("external-lb", "master1"),
    ("external-etcd", "etcd1"),
    ("external-etcd", "master1"),
    ("dual-stack", "master1"),
];

/// What the description of the last row changes in `ha3`.
const DUAL_STACK: &str = "
networking:
  podSubnet: 10.244.0.0/16,fd00:10:244::/56
  serviceSubnet: 10.96.0.0/16,fd00:10:96::/112
  nodeSubnet: 192.168.49.0/24,fd00:49::/64
controlPlaneEndpoint: {address: '192.168.49.150,fd00:49::150'}
nodeDefaults: {network: {gateway: '192.168.49.1,fd00:49::1'}}
nodes:
  - {name: master1, address: '192.168.49.151,fd00:49::151'}
  - {name: master2, address: '192.168.49.152,fd00:49::152'}
  - {name: master3, address: '192.168.49.153,fd00:49::153'}
  - {name: worker1, address: '192.168.49.161,fd00:49::161'}
  - {name: worker2, address: '192.168.49.162,fd00:49::162'}
";

fn rendered(name: &str) -> PathBuf {
    let folder = empty_folder(&format!("golden/{name}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    command.current_dir(&folder).args(["render", "--registry", "reg.local", "--state", "state", "--profile"]);
    if name == "dual-stack" {
        fs::write(folder.join("site.yaml"), DUAL_STACK).unwrap();
        command.args(["ha3", "--site", "site.yaml"]);
    } else {
        command.arg(name);
    }
    succeed(&mut command);
    folder
}

/// The payload as people read it.
fn readable(payload: &Payload) -> String {
    let mut text = String::new();
    for (path, entry) in payload.entries() {
        match entry {
            Entry::Link(target) => {
                let _ = writeln!(text, "=== {path} -> {target}");
            }
            Entry::Directory(mode) => {
                let _ = writeln!(text, "=== {path}/ {mode:04o}");
            }
            Entry::File(mode, content) => {
                let _ = writeln!(text, "=== {path} {mode:04o}\n{}", content.trim_end_matches('\n'));
            }
        }
    }
    text
}

/// Replaces what no two first renders have in common.
fn without_chance(text: &str, uid: &str) -> String {
    let mut output = String::new();
    let mut in_pem = false;
    for line in text.lines() {
        let was_in_pem = in_pem;
        in_pem = (in_pem || line.contains("-----BEGIN ")) && !line.contains("-----END ");
        if was_in_pem {
            continue;
        }
        output.push_str(&without_words(&line.replace(uid, "(uid)")));
        output.push('\n');
    }
    output
}

const CHANCE: [&str; 7] = [
    "-data: ",
    "secret: ",
    "\"machineId\": ",
    "\"renderTime\": ",
    "\"notBefore\": ",
    "\"notAfter\": ",
    "\"bootstrapNotAfter\": ",
];

fn without_words(line: &str) -> String {
    let is_machine_id = line.len() == 32 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_machine_id {
        return "(machine-id)".to_owned();
    }
    match CHANCE.iter().find_map(|key| line.find(key).map(|start| start + key.len())) {
        Some(end) => format!("{}(drawn){}", &line[..end], if line.ends_with(',') { "," } else { "" }),
        None => line.to_owned(),
    }
}

#[test]
fn every_role_of_every_profile_gets_what_the_golden_files_show() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("KFIMG_UPDATE_GOLDEN").is_some();
    let mut differing = Vec::new();
    for (profile, node) in NODES {
        let folder = rendered(profile);
        let payload = Payload::read(&folder.join("out/nodes").join(node).join("ignition.json"));
        let uid = payload.plan()["cluster"]["uid"].as_str().unwrap().to_owned();
        let text = without_chance(&readable(&payload), &uid);
        let path = golden.join(format!("{profile}-{node}.txt"));
        if update {
            fs::create_dir_all(&golden).unwrap();
            fs::write(&path, &text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            let actual = folder.join("actual.txt");
            fs::write(&actual, &text).unwrap();
            let diff = Command::new("diff").arg("-u").arg(&path).arg(&actual).output().unwrap();
            differing.push(String::from_utf8_lossy(&diff.stdout).into_owned());
        }
    }
    assert!(differing.is_empty(), "run `make golden` if this is meant:\n{}", differing.join("\n"));
}
