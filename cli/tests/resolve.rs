//! `--resolve`: names are looked up once, when people say so, and what was found reaches the payloads and is recorded.
//!
//! The system looks them up, in a hosts file of the test's own.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use support::payload::Payload;
use support::program::{as_root, both, empty_folder, run, succeed};

const HOSTS: &str = "127.0.0.1 localhost\n192.168.49.199 api.example.com\n192.168.49.9 reg.example.com\n192.168.49.7 time.example.com\n";
const SITE: &str = "
controlPlaneEndpoint: {mode: vip, address: null, name: api.example.com}
registry: {host: reg.example.com}
time: {servers: [time.example.com]}
";

fn folder(name: &str) -> PathBuf {
    let folder = empty_folder(&format!("resolve/{name}"));
    fs::write(folder.join("site.yaml"), SITE).unwrap();
    fs::write(folder.join("hosts"), HOSTS).unwrap();
    folder
}

/// Runs kfimg where that file is the system's.
fn kfimg(folder: &Path, line: &str) -> Output {
    let kfimg = env!("CARGO_BIN_EXE_kfimg");
    let script = format!("mount --bind hosts /etc/hosts; exec '{kfimg}' {line}");
    run(as_root("unshare").args(["--mount", "sh", "-euc", &script]).current_dir(folder))
}

#[test]
fn a_name_for_the_virtual_address_is_looked_up_and_recorded() {
    let folder = folder("found");
    let said = kfimg(&folder, "render --profile ha3 --site site.yaml --resolve");
    assert!(said.status.success(), "{}", both(&said));
    let manifest = fs::read_to_string(folder.join("out/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let recorded = serde_json::json!({
        "api.example.com": "192.168.49.199", "reg.example.com": "192.168.49.9", "time.example.com": "192.168.49.7",
    });
    assert_eq!(manifest["resolved"], recorded);
    let payload = Payload::read(&folder.join("out/nodes/master1/ignition.json"));
    let holds = |path: &str, text: &str| {
        let file = payload.files().iter().find(|(name, _)| name.contains(path)).unwrap_or_else(|| panic!("{path}")).1;
        assert!(String::from_utf8_lossy(file).contains(text), "{path} lacks {text}");
    };
    holds("keepalived.conf", "192.168.49.199");
    holds("/etc/hosts", "192.168.49.9");
    holds("timesyncd", "192.168.49.7");
}

#[test]
fn without_the_option_no_name_is_looked_up_and_an_unknown_one_is_an_error_of_its_setting() {
    let folder = folder("refused");
    let plain = kfimg(&folder, "render --profile ha3 --site site.yaml");
    assert_eq!(plain.status.code(), Some(3), "{}", both(&plain));
    assert!(!both(&plain).contains("192.168.49.199") && !folder.join("out").exists(), "{}", both(&plain));
    let lost = kfimg(&folder, "render --profile ha3 --site site.yaml --set registry.host=lost.invalid --resolve");
    let text = both(&lost);
    assert_eq!(lost.status.code(), Some(3), "{text}");
    assert!(text.contains("`lost.invalid` cannot be looked up") && text.contains("leave out `--resolve`"), "{text}");
    assert!(!folder.join("out").exists());
    // The file is one of the test's own.
    assert!(!succeed(std::process::Command::new("cat").arg("/etc/hosts")).contains("192.168.49.199"));
}
