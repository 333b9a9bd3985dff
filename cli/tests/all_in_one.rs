//! `kfimg render --all-in-one`: the drive as mtools and fsck.fat read it, chosen from by the agent's own rule; and its warning.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_agent::medium::{INDEX, LABEL, Medium, NotChosen, payload};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::document::{read, walk};
use support::payload::Payload;
use support::program::{both, empty_folder, find, run, succeed};

/// Every machine has cards; one has two of them in a bond.
const SITE: &str = "
nodes:
  - {name: master1, mac: '52:54:00:00:00:11'}
  - {name: master2, mac: '52:54:00:00:00:12'}
  - name: master3
    network:
      bond: {interfaces: [eth0, eth1], macs: ['52:54:00:AA:00:13', '52:54:00:aa:00:14'], mode: active-backup}
  - {name: worker1, mac: '52:54:00:00:00:21'}
  - {name: worker2, mac: '52:54:00:00:00:22'}
";
const MACHINES: [(&str, &str); 6] = [
    ("52:54:00:00:00:11", "master1"),
    ("52:54:00:00:00:12", "master2"),
    ("52:54:00:aa:00:13", "master3"),
    ("52:54:00:aa:00:14", "master3"),
    ("52:54:00:00:00:21", "worker1"),
    ("52:54:00:00:00:22", "worker2"),
];

fn folder(name: &str) -> PathBuf {
    let folder = empty_folder(&format!("all-in-one/{name}"));
    fs::write(folder.join("site.yaml"), SITE).unwrap();
    folder
}

fn render(folder: &Path, words: &[&str]) -> Output {
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    kfimg.args(["render", "-q", "--profile", "ha3", "--registry", "reg.local", "--channel", "config-drive"]);
    run(kfimg.args(words).current_dir(folder))
}

fn copied(image: &Path, name: &str) -> Vec<u8> {
    let said = run(Command::new(find("mcopy")).arg("-i").arg(image).args([&format!("::{name}"), "-"]));
    assert!(said.status.success(), "{name}: {}", both(&said));
    said.stdout
}

/// What a person reads, however it is folded.
fn words(said: &Output) -> String {
    both(said).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn each_machine_finds_its_own_payload_on_the_drive_and_a_stranger_none() {
    let folder = folder("drive");
    let said = render(&folder, &["--site", "site.yaml", "--all-in-one"]);
    assert!(said.status.success(), "{}", both(&said));
    let image = folder.join("out/all-in-one.img");
    assert_eq!(fs::metadata(&image).unwrap().permissions().mode() & 0o777, 0o600);
    succeed(Command::new(find("fsck.fat")).args(["-n", "-v"]).arg(&image));
    let label = succeed(Command::new(find("mlabel")).arg("-s").arg("-i").arg(&image).arg("::"));
    assert!(label.contains(&format!("Volume label is {LABEL}")), "{label}");
    let medium: Medium = serde_json::from_slice(&copied(&image, INDEX)).unwrap();
    for (card, name) in MACHINES {
        let node = medium.choose(&BTreeSet::from(["52:54:00:ff:ff:ff".to_owned(), card.to_owned()])).unwrap();
        assert_eq!(node, name, "{card}");
        let payload = copied(&image, &payload(node));
        assert_eq!(payload, fs::read(folder.join(format!("out/nodes/{node}/ignition.json"))).unwrap(), "{node}");
        assert_eq!(Payload::read(&folder.join(format!("out/nodes/{node}/ignition.json"))).plan()["node"]["name"], name);
    }
    let stranger = BTreeSet::from(["52:54:00:ff:ff:ff".to_owned()]);
    assert_eq!(medium.choose(&stranger), Err(NotChosen::Unknown));

    // The same again, byte for byte; and gone where nobody asks for it.
    let first = fs::read(&image).unwrap();
    assert!(render(&folder, &["--site", "site.yaml", "--all-in-one"]).status.success());
    assert!(fs::read(&image).unwrap() == first);
    let without = render(&folder, &["--site", "site.yaml"]);
    assert!(without.status.success() && !both(&without).contains("all-in-one"), "{}", both(&without));
    assert!(!image.exists());
}

#[test]
fn the_warning_comes_even_when_quiet_and_names_what_is_given_away() {
    let folder = folder("warning");
    let said = words(&render(&folder, &["--site", "site.yaml", "--all-in-one"]));
    for part in [
        "warning: out/all-in-one.img carries the secrets of all 5 machines: of 3 control planes the key of the cluster's authority,",
        "of 3 etcd members",
        "of 5 nodes the kubelet's keys",
        "whoever is root on any machine that it is attached to",
        "erase every copy",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    fs::write(folder.join("passphrase.txt"), "correct horse battery staple\n").unwrap();
    let sealed = render(&folder, &["--site", "site.yaml", "--all-in-one", "--seal", "passphrase:passphrase.txt"]);
    assert!(words(&sealed).contains("one key opens all of them"), "{}", both(&sealed));
}

#[test]
fn machines_that_cannot_be_told_from_each_other_are_named_and_nothing_is_written() {
    let folder = folder("nameless");
    let said = render(&folder, &["--all-in-one"]);
    assert_eq!(said.status.code(), Some(3), "{}", both(&said));
    let text = words(&said);
    for name in ["master1", "master2", "master3", "worker1", "worker2"] {
        assert!(text.contains(&format!("{name}: --all-in-one knows machines by their Ethernet addresses")), "{text}");
    }
    assert!(text.contains("5 nodes without `mac`; nothing was written"), "{text}");
    assert!(!folder.join("out").exists() && !folder.join("ha3.state").exists());
}

#[test]
fn the_pages_own_words_make_the_drive() {
    let folder = empty_folder("all-in-one/document");
    let page = read("image.md");
    let chapter = page.split("\n## ").find(|chapter| chapter.starts_with("One drive for all\n")).unwrap();
    assert_eq!(walk("image.md", chapter, &folder), 1);
    assert!(folder.join("together/all-in-one.img").is_file());
}
