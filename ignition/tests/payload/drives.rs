//! Drives, as mtools, `fsck.fat` and `blkid` find them.

use crate::site::Site;
use crate::tools::{file, find, hostile, succeed, text};
use kfimg_agent::medium::{INDEX, Medium, payload};
use kfimg_ignition::payload::{AllInOne, CloudInit, DoesNotFit, Machine, cloud_init, config_drive, nocloud_seed};
use kfimg_profiles::cluster::{Cluster, Node};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn node() -> Node {
    Cluster::fake().node("master1").unwrap().clone()
}

fn copied(image: &Path, name: &str) -> Vec<u8> {
    succeed(Command::new(find("mcopy")).arg("-i").arg(image).args([&format!("::{name}"), "-"]))
}

fn is_sound(image: &Path, label: &str) {
    succeed(Command::new(find("fsck.fat")).args(["-n", "-v"]).arg(image));
    let told = text(&succeed(Command::new(find("blkid")).args(["-p", "-o", "export"]).arg(image)));
    for expected in [format!("LABEL={label}"), format!("LABEL_FATBOOT={label}"), "TYPE=vfat".to_owned()] {
        assert!(told.lines().any(|line| line == expected), "{expected} is not in {told}");
    }
    // Without complaints about its geometry, on standard error.
    let minfo = Command::new(find("minfo")).arg("-i").arg(image).arg("::").output().unwrap();
    assert!(minfo.status.success() && minfo.stderr.is_empty(), "{}", text(&minfo.stderr));
}

#[test]
fn a_seed_holds_the_three_files_under_the_label_that_cloud_init_looks_for() {
    let site = Site::new(Cluster::fake());
    let files = cloud_init(&site.tree("master1"), &node());
    let folder = tempfile::tempdir().unwrap();
    let image = file(&folder, "seed.img", &nocloud_seed(&files));
    is_sound(&image, "CIDATA");
    assert_eq!(copied(&image, "user-data"), files.user_data);
    assert_eq!(copied(&image, "meta-data"), files.meta_data);
    assert_eq!(copied(&image, "network-config"), files.network_config);
    let listing = text(&succeed(Command::new(find("mdir")).args(["-b", "-i"]).arg(&image).arg("::")));
    assert_eq!(listing.lines().count(), 3, "{listing}");
}

#[test]
fn a_seed_is_as_small_as_its_content_and_the_same_every_time() {
    let sized = |bytes: usize| CloudInit {
        user_data: (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect(),
        meta_data: b"a".to_vec(),
        network_config: b"b".to_vec(),
        guestinfo_metadata: Vec::new(),
    };
    let folder = tempfile::tempdir().unwrap();
    for bytes in [0, 1, 511, 16 << 10, 60_001, 1 << 20, (2 << 20) + 77, 5 << 20, 40 << 20] {
        let files = sized(bytes);
        let seed = nocloud_seed(&files);
        assert_eq!(seed, nocloud_seed(&files), "{bytes}");
        // Two tables with two bytes for each half kilobyte, and a track.
        assert!(seed.len() <= bytes + bytes / 100 + (32 << 10), "{bytes} bytes in {}", seed.len());
        let image = file(&folder, "seed.img", &seed);
        is_sound(&image, "CIDATA");
        assert_eq!(copied(&image, "user-data"), files.user_data, "{bytes}");
    }
    let serial = |files: &CloudInit| nocloud_seed(files)[39..43].to_vec();
    assert_ne!(serial(&sized(1)), serial(&sized(2)), "the serial number tells two contents apart");
}

#[test]
fn a_config_drive_names_the_node_and_its_card() {
    let node = node();
    let folder = tempfile::tempdir().unwrap();
    let image = file(&folder, "drive.img", &config_drive(&node, b"{\"ignition\": {}}"));
    is_sound(&image, "config-2");
    let object = |name: &str| -> Value { serde_json::from_slice(&copied(&image, name)).unwrap() };
    assert_eq!(copied(&image, "openstack/latest/user_data"), b"{\"ignition\": {}}");
    let meta = object("openstack/latest/meta_data.json");
    assert_eq!((&meta["hostname"], &meta["meta"]["dsmode"]), (&json!("master1"), &json!("local")));
    assert!(meta["uuid"].as_str().unwrap().starts_with("master1-"), "{meta}");
    let network = object("openstack/latest/network_data.json");
    let links: Vec<_> = network["links"].as_array().unwrap().iter().map(|link| &link["name"]).collect();
    let named = node.mac.map(|_| json!(node.network.interface));
    assert_eq!(links, named.iter().collect::<Vec<_>>());
}

#[test]
fn no_secret_is_in_what_is_printed_of_a_payload() {
    let files = cloud_init(&hostile(), &node());
    let printed = format!("{files:?}");
    assert!(printed.contains("user_data") && !printed.contains("cloud-config") && printed.len() < 1000, "{printed}");
}

/// So many machines with payloads of different sizes, the first of them empty.
fn machines(count: usize) -> Vec<Machine> {
    let card =
        |number: usize| format!("52:54:00:{:02x}:{:02x}:{:02x}", number >> 16 & 255, number >> 8 & 255, number & 255);
    let machine = |number: usize| Machine {
        node: format!("worker-of-the-third-hall-{number}"),
        cards: vec![card(number)],
        size: number as u64 * 7 % 9000,
        digest: number.to_string(),
    };
    (0..count).map(machine).collect()
}

fn payload_of(node: &str, machines: &[Machine]) -> Vec<u8> {
    let size = machines.iter().find(|machine| machine.node == node).unwrap().size;
    node.bytes().cycle().take(usize::try_from(size).unwrap()).collect()
}

#[test]
fn a_drive_for_all_holds_each_payload_under_the_name_that_the_agent_chooses() {
    let folder = tempfile::tempdir().unwrap();
    for count in [1, 9, 10, 255, 256, 1200] {
        let machines = machines(count);
        let drive = || {
            let mut bytes = Vec::new();
            let made = AllInOne::new("demo", &machines).unwrap();
            made.write(&mut bytes, |node| Ok(payload_of(node, &machines))).unwrap();
            bytes
        };
        let bytes = drive();
        assert!(bytes == drive(), "{count}: the same every time");
        let image = file(&folder, "all.img", &bytes);
        is_sound(&image, "KFIMG-ALL");
        let index: Medium = serde_json::from_slice(&copied(&image, INDEX)).unwrap();
        let copies = folder.path().join(format!("copies{count}"));
        std::fs::create_dir(&copies).unwrap();
        succeed(Command::new(find("mcopy")).args(["-s", "-n", "-i"]).arg(&image).arg("::nodes").arg(&copies));
        for machine in &machines {
            let cards = machine.cards.iter().cloned().collect();
            let node = index.choose(&cards).unwrap();
            assert_eq!(
                std::fs::read(copies.join(payload(node))).unwrap(),
                payload_of(&machine.node, &machines),
                "{node}"
            );
        }
    }
}

#[test]
fn a_drive_for_all_is_refused_where_it_would_be_too_large_or_other_than_it_was_planned() {
    let mut machines = machines(3);
    let made = AllInOne::new("demo", &machines).unwrap();
    let error = made.write(&mut Vec::new(), |_| Ok(vec![1; 3])).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    machines[0].size = 3 << 30;
    let refused = AllInOne::new("demo", &machines).unwrap_err();
    assert_eq!(refused, DoesNotFit { machines: 3, bytes: (3 << 30) + 7 + 14 });
    machines[0].size = 1 << 30;
    assert!(AllInOne::new("demo", &machines).is_ok());
}
