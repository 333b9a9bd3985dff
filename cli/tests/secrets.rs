//! Who holds which private key, judged by the keys themselves and not by the names of files.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::payload::Payload;
use support::program::{empty_folder, succeed};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");

/// Every secret of a state folder: the base64 body of each private key and each symmetric key, by its file's name and place.
fn secrets(state: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![state.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(state).unwrap().display().to_string();
            let bodies = bodies(&text);
            if bodies.is_empty() && name.ends_with(".key") {
                found.insert(name.clone(), text.trim().to_owned());
            }
            let numbered = bodies.into_iter().enumerate();
            found.extend(numbered.map(|(index, body)| (format!("{name}#{index}"), body)));
        }
    }
    found
}

/// The base64 bodies of the PEM private keys in a text, without line ends.
fn bodies(text: &str) -> Vec<String> {
    let keys = text.split("PRIVATE KEY-----").skip(1).step_by(2);
    let body = |key: &str| key[..key.find("-----END").unwrap()].split_whitespace().collect();
    keys.map(body).collect()
}

/// Everything that a payload says, also behind one layer of base64, without white space.
fn readable(payload: &Path) -> String {
    let text = Payload::read(payload).texts().collect::<Vec<_>>().join("\n");
    let decoded: Vec<String> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)))
        .filter(|word| word.len() >= 64)
        .filter_map(|word| data_encoding::BASE64.decode(word.as_bytes()).ok())
        .filter_map(|bytes| String::from_utf8(bytes).ok())
        .collect();
    format!("{text}\n{}", decoded.join("\n")).replace("\\n", "").split_whitespace().collect()
}

/// Renders `ha3` into a folder of its own and gives the folder.
fn rendered(name: &str, more: &[&str]) -> PathBuf {
    let folder = empty_folder(&format!("secrets/{name}"));
    let mut command = Command::new(KFIMG);
    succeed(command.args(["render", "--profile", "ha3", "--registry", "reg.local"]).args(more).current_dir(&folder));
    folder
}

/// Names of the secrets that a node's payload holds.
fn held(folder: &Path, secrets: &BTreeMap<String, String>, node: &str) -> Vec<String> {
    let payload = readable(&folder.join("out/nodes").join(node).join("ignition.json"));
    secrets.iter().filter(|(_, key)| payload.contains(key.as_str())).map(|(name, _)| name.clone()).collect()
}

fn is_own(name: &str, node: &str) -> bool {
    name.starts_with(&format!("nodes/{node}.pem#"))
}

#[test]
fn a_worker_holds_its_own_two_keys_and_no_other() {
    let folder = rendered("worker", &[]);
    let secrets = secrets(&folder.join("ha3.state"));
    assert_eq!(secrets.len(), 3 + 2 + 1 + 3 * 12 + 2 * 2, "{:?}", secrets.keys());
    for worker in ["worker1", "worker2"] {
        let held = held(&folder, &secrets, worker);
        assert_eq!(held.len(), 2, "{worker}: {held:?}");
        assert!(held.iter().all(|name| is_own(name, worker)), "{worker}: {held:?}");
    }
}

#[test]
fn a_control_plane_holds_its_own_keys_and_what_control_planes_share() {
    let folder = rendered("control-plane", &[]);
    let secrets = secrets(&folder.join("ha3.state"));
    for node in ["master1", "master2", "master3"] {
        let shared: Vec<String> =
            held(&folder, &secrets, node).into_iter().filter(|name| !is_own(name, node)).collect();
        let is_shared = |name: &String| {
            ["ca.key", "service-account", "encryption"].iter().any(|part| name.contains(part))
                && !name.contains("etcd")
                && !name.contains("front-proxy")
                && !name.contains("admin")
        };
        assert!(shared.iter().all(is_shared), "{node}: {shared:?}");
        assert_eq!(shared.len(), 3, "{node}: {shared:?}");
    }
}

#[test]
fn the_authoritys_key_stays_away_when_it_is_told_to() {
    let folder = rendered("no-ca-key", &["--set", "pki.caKeyOnNodes=false"]);
    let secrets = secrets(&folder.join("ha3.state"));
    for node in ["master1", "master2", "master3"] {
        let held = held(&folder, &secrets, node);
        assert!(!held.iter().any(|name| name.contains("ca.key")), "{node}: {held:?}");
        assert!(held.iter().any(|name| is_own(name, node)), "{node}: {held:?}");
    }
}

#[test]
fn nothing_that_the_program_says_holds_a_key() {
    let folder = rendered("talk", &[]);
    let secrets = secrets(&folder.join("ha3.state"));
    let commands: [&[&str]; 4] = [
        &["render", "-v", "--profile", "ha3", "--output-format", "json"],
        &["pki", "show", "-v", "--profile", "ha3"],
        &["validate", "-v", "--profile", "ha3", "--explain"],
        &["images", "-v", "--profile", "ha3", "--why"],
    ];
    for arguments in commands {
        let output = Command::new(KFIMG).args(arguments).current_dir(&folder).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        let said: String = said.split_whitespace().collect();
        let leaked: Vec<&String> =
            secrets.iter().filter(|(_, key)| said.contains(*key)).map(|(name, _)| name).collect();
        assert!(leaked.is_empty(), "{arguments:?}: {leaked:?}");
    }
}
