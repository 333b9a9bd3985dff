//! Every profile by every channel, by the command lines of `docs/channels.md`: what they write is taken by whom it is meant for.
//!
//! Machines that are made of it, and boot from it, are in `vsphere`, `pxe` and qemu-tests.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::document::{read, walk};
use support::program::{both, empty_folder, find, run, succeed};

/// Every profile, and the number of its machines.
const PROFILES: [(&str, usize); 6] =
    [("single", 1), ("single-vip", 3), ("ha3", 5), ("ha5", 7), ("external-lb", 5), ("external-etcd", 8)];
const CHANNELS: [&str; 5] = ["ignition", "nocloud", "config-drive", "guestinfo", "pxe"];

/// The folder in which the commands of the document ran, once.
fn outputs() -> &'static Path {
    static OUTPUTS: OnceLock<PathBuf> = OnceLock::new();
    OUTPUTS.get_or_init(|| {
        let folder = empty_folder("channels");
        assert_eq!(walk("channels.md", &read("channels.md"), &folder), PROFILES.len());
        folder
    })
}

/// Each machine's folder of payloads, with the profile's output.
fn machines() -> Vec<(PathBuf, PathBuf)> {
    let mut all = Vec::new();
    for (profile, count) in PROFILES {
        let output = outputs().join(profile);
        let nodes: Vec<PathBuf> =
            fs::read_dir(output.join("nodes")).unwrap().map(|node| node.unwrap().path()).collect();
        assert_eq!(nodes.len(), count, "{profile}");
        all.extend(nodes.into_iter().map(|node| (node, output.clone())));
    }
    all
}

#[test]
fn the_document_has_a_command_for_each_profile_and_channel() {
    let document = read("channels.md");
    let said = succeed(Command::new(env!("CARGO_BIN_EXE_kfimg")).args(["profiles", "--output-format", "json"]));
    let profiles: serde_json::Value = serde_json::from_str(&said).unwrap();
    let profiles: BTreeSet<&str> =
        profiles.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(profiles, PROFILES.iter().map(|(name, _)| *name).collect());
    for profile in profiles {
        let mut lines =
            document.lines().filter(|line| line.starts_with(&format!("$ kfimg render --profile {profile} ")));
        let (line, none) = (lines.next().unwrap(), lines.next());
        assert!(none.is_none(), "{profile} has one line");
        for channel in CHANNELS {
            assert!(line.contains(&format!(" --channel {channel} ")), "{profile}: {channel}");
        }
        assert!(document.contains(&format!("\n| `{profile}` | ")), "{profile} has a row of boots");
    }
    let help = succeed(Command::new(env!("CARGO_BIN_EXE_kfimg")).args(["render", "--help"]));
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains(&format!("possible values: {}]", CHANNELS.join(", "))), "{help}");
}

fn is_ignition(file: &Path) {
    let said = run(Command::new(find("ignition-validate")).arg(file));
    assert!(said.status.success() && both(&said).is_empty(), "{}: {}", file.display(), both(&said));
}

#[test]
fn ignition_takes_every_machine_of_every_profile() {
    machines().iter().for_each(|(node, _)| is_ignition(&node.join("ignition.json")));
}

/// Checks an image's file system and copies files out of it.
fn out_of(image: &Path, label: &str, files: &[&str], to: &Path) {
    let checked = run(Command::new(find("fsck.fat")).args(["-n", "-V"]).arg(image));
    assert!(checked.status.success(), "{}: {}", image.display(), both(&checked));
    let said = succeed(Command::new(find("mlabel")).arg("-s").arg("-i").arg(image).arg("::"));
    assert!(said.contains(&format!("Volume label is {label}")), "{}: {said}", image.display());
    let files = files.iter().map(|file| format!("::{file}"));
    succeed(Command::new(find("mcopy")).args(["-n", "-o", "-i"]).arg(image).args(files).arg(to));
}

#[test]
fn every_drive_is_one_and_holds_the_payload() {
    let folder = empty_folder("channels-drives");
    for (node, _) in machines() {
        let copied = |name: &str| fs::read(folder.join(name)).unwrap();
        let files = ["user-data", "meta-data", "network-config"];
        out_of(&node.join("seed.img"), "CIDATA", &files, &folder);
        for file in files {
            assert_eq!(copied(file), fs::read(node.join(file)).unwrap(), "{}: {file}", node.display());
        }
        out_of(&node.join("config-drive.img"), "config-2", &["openstack/latest/user_data"], &folder);
        // What ignition-validate takes.
        assert_eq!(copied("user_data"), fs::read(node.join("ignition.json")).unwrap(), "{}", node.display());
    }
}

#[test]
fn guestinfo_unpacks_to_the_payload() {
    for (node, output) in machines() {
        let value = output.join("vmware").join(node.file_name().unwrap()).join("guestinfo.ignition.config.data");
        let unpack = "base64 -d \"$1\" | gzip -dc | cmp - \"$2\"";
        succeed(Command::new("sh").args(["-euc", unpack, "sh"]).arg(value).arg(node.join("ignition.json")));
    }
    for (profile, _) in PROFILES {
        succeed(Command::new("sh").arg("-n").arg(outputs().join(profile).join("vmware/deploy.sh")));
    }
}

#[test]
fn dnsmasq_takes_the_example_of_every_profile() {
    for (profile, _) in PROFILES {
        let output = outputs().join(profile);
        succeed(Command::new(find("dnsmasq")).arg("--test").arg("-C").arg(output.join("pxe/dnsmasq.conf")));
        let chooser = fs::read_to_string(output.join("pxe/boot.ipxe")).unwrap();
        for node in fs::read_dir(output.join("nodes")).unwrap() {
            let node = node.unwrap().file_name().into_string().unwrap();
            assert!(output.join(format!("pxe/node-{node}.ipxe")).is_file(), "{profile}: {node}");
            assert!(chooser.contains(&format!("\nitem {node} ")), "{profile}: {node}: {chooser}");
        }
    }
}

#[test]
#[ignore = "needs root and the Debians that `make cloud-init-test` makes"]
fn cloud_inits_schema_takes_every_machine_of_every_profile() {
    let home = std::env::var_os("HOME").map_or_else(|| "/root".into(), PathBuf::from);
    let cache = std::env::var_os("KFIMG_CACHE").map_or_else(|| home.join(".cache/kfimg"), PathBuf::from);
    // One after the other in one machine: cloud-init takes a second to begin.
    let script = r#"mount --bind "$2" "$1/mnt"
        chroot "$1" sh -euc 'for file in /mnt/*/nodes/*/user-data; do cloud-init schema --config-file $file; done'"#;
    for release in ["bookworm", "trixie"] {
        let debian = cache.join(format!("interop/cloud-init-{release}-2"));
        assert!(debian.is_dir(), "{} is missing: `make cloud-init-test` makes it first", debian.display());
        let mut judge = Command::new(find("unshare"));
        let said = succeed(judge.args(["--mount", "sh", "-euc", script, "sh"]).arg(&debian).arg(outputs()));
        assert_eq!(said.lines().filter(|line| line.contains("Valid")).count(), machines().len(), "{release}: {said}");
    }
}
