//! Outputs of one channel alone, of two different ones, with content on a boot server, and with sealed secrets.

use super::support::program::find;
use super::{Place, succeed};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// The least that an output may consist of, channel by channel and format by format.
const CHANNELS: [(&str, &[&str]); 8] = [
    ("ignition", &["--channel", "ignition"]),
    ("nocloud", &["--channel", "nocloud"]),
    ("drive", &["--channel", "config-drive"]),
    ("drive-cloud-init", &["--channel", "config-drive", "--set", "delivery.payload=cloud-init"]),
    ("guestinfo", &["--channel", "guestinfo"]),
    ("guestinfo-cloud-init", &["--channel", "guestinfo", "--set", "delivery.payload=cloud-init"]),
    ("ovf", &["--channel", "guestinfo", "--site", "ovf.yaml"]),
    ("ovf-cloud-init", &["--channel", "guestinfo", "--site", "ovf.yaml", "--set", "delivery.payload=cloud-init"]),
];
const CHANGE: [&str; 2] = ["--set", "kubelet.maxPods=150"];

fn place(name: &str) -> Place {
    let place = Place::new(name);
    place.site("ovf.yaml", "delivery: {guestinfo: {transport: ovf-properties, limit: 1Mi}}\n");
    place
}

fn json(place: &Place, old: &str, new: &str) -> Value {
    serde_json::from_str(&place.said(&["-v", "--output-format", "json", old, new])).unwrap()
}

fn codes(difference: &Value) -> Vec<&str> {
    difference["dangers"].as_array().unwrap().iter().map(|danger| danger["code"].as_str().unwrap()).collect()
}

/// What changed, by the names of the changed nodes.
fn changes(difference: &Value) -> Vec<(String, Value)> {
    let groups = difference["groups"].as_array().unwrap();
    groups.iter().map(|group| (group["nodes"].to_string(), group["changes"].clone())).collect()
}

#[test]
fn every_channel_alone_tells_the_same_change() {
    let place = place("channels");
    let mut expected = None;
    for (name, options) in CHANNELS {
        let (old, new) = (format!("old-{name}"), format!("new-{name}"));
        place.change(&old, options);
        place.render(&new, &[options, &CHANGE].concat());
        let difference = json(&place, &old, &new);
        let expected = expected.get_or_insert_with(|| difference.clone());
        assert_eq!(difference, *expected, "{name}");
        assert!(place.said(&["-v", &old, &new]).contains("+maxPods: 150"), "{name}");
    }
    // Two channels: the same content needs no boot, and a change is told as such.
    for (old, new) in [("ignition", "ovf-cloud-init"), ("drive", "nocloud"), ("ovf", "guestinfo-cloud-init")] {
        let said = place.said(&[&format!("old-{old}"), &format!("old-{new}")]);
        assert!(said.contains("written otherwise") && said.ends_with("No machine has to boot again.\n"), "{said}");
        let crossed = json(&place, &format!("old-{old}"), &format!("new-{new}"));
        let told = changes(&crossed).iter().any(|(_, changes)| changes.to_string().contains("maxPods"));
        assert!(told && codes(&crossed).is_empty(), "{old} {new}: {crossed:#}");
    }
    let crossed = json(&place, "old-ovf", "new-guestinfo");
    assert_eq!(changes(&crossed), changes(&expected.unwrap()), "one format by two channels");
}

#[test]
fn damage_is_named_whatever_the_channel() {
    let place = place("channels-damaged");
    for (name, file) in [
        ("nocloud", "nodes/worker1/user-data"),
        ("drive", "nodes/worker1/config-drive.img"),
        ("guestinfo", "vmware/worker1/guestinfo.ignition.config.data"),
        ("ovf", "vmware/worker1/import.json"),
    ] {
        let options = CHANNELS.iter().find(|(channel, _)| *channel == name).unwrap().1;
        place.change("new", options);
        fs::write(place.folder.join("new").join(file), "damaged").unwrap();
        let output = place.kfimg(&["diff", "new", "new"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{said}");
        assert!(said.contains(&format!("new/{file}: the file is not what")), "{said}");
        fs::remove_dir_all(place.folder.join("new")).unwrap();
    }
}

#[test]
fn what_lies_on_a_boot_server_is_compared_as_if_it_travelled() {
    let place = place("channels-split");
    let object = |value: &str| {
        let noise: String =
            (0..9000_u64).map(|at| format!("{:016x}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large, namespace: default}}\ndata: {{x: '{value}', y: {noise}}}\n"
        )
    };
    place.site(
        "split.yaml",
        "manifests: [large.yaml]\ndelivery: {bootServer: 'http://192.168.49.2:8080', userDataLimit: 128Ki}\n",
    );
    let options = ["--channel", "ignition", "--site", "split.yaml"];
    place.site("large.yaml", &object("1"));
    place.change("one", &options);
    place.site("large.yaml", &object("2"));
    place.render("two", &options);
    assert!(fs::read_dir(place.folder.join("two/content")).unwrap().next().is_some());
    let said = place.said(&["one", "two"]);
    assert!(said.contains("ConfigMap") && said.contains("large") && !said.contains("sha512"), "{said}");
}

#[test]
fn keys_that_come_and_go_are_told_of_sealed_payloads_too() {
    let place = place("channels-sealed");
    succeed(Command::new(find("age-keygen")).args(["-o", "site.key"]).current_dir(&place.folder));
    let recipient = succeed(Command::new(find("age-keygen")).args(["-y", "site.key"]).current_dir(&place.folder));
    place.site("recipients.txt", &recipient);
    let seal = ["--seal", "age:recipients.txt"];
    let renew = |words: &[&str]| {
        let common =
            ["--profile", "ha3", "--registry", "reg.local", "--set", "kubernetesVersion=v1.35.4", "--state", "state"];
        let said = place.kfimg(&[&["pki", "renew", "--what", "encryption"], words, &common].concat());
        assert!(said.status.success(), "{said:?}");
    };
    place.change("sealed", &seal);
    let difference = json(&place, "old", "sealed");
    assert_eq!(codes(&difference), [""; 0], "sealing takes no key away");
    let said = place.said(&["old", "sealed"]);
    assert!(said.contains("sealed secrets") && !said.contains("removed"), "{said}");
    let rotation: [(&str, &str, &[&str], &[&str]); 3] = [
        ("sealed", "added", &[], &[]),
        ("added", "used", &[], &[]),
        ("used", "dropped", &["--drop-old"], &["encryption-key-removed"]),
    ];
    for (old, new, words, expected) in rotation {
        renew(words);
        place.render(new, &seal);
        let difference = json(&place, old, new);
        assert_eq!(codes(&difference), expected, "{new}: {difference:#}");
        // A sealed payload and a plain one are compared by the keys' names, too.
        let plain = format!("plain-{new}");
        place.render(&plain, &[]);
        assert_eq!(codes(&json(&place, old, &plain)), expected, "{plain}");
    }
    for leap in ["used", "plain-used"] {
        assert_eq!(codes(&json(&place, "sealed", leap)), ["encryption-key-added"], "{leap}");
    }
    let secret = fs::read_to_string(place.folder.join("site.key")).unwrap();
    assert!(!place.said(&["-v", "sealed", "dropped"]).contains(secret.lines().last().unwrap()));
}
