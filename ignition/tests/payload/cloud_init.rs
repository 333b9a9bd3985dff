//! cloud-init's files: what stands in them, and what the shell and GNU tar make of them.

use crate::site::{Site, text as file_text};
use crate::tools::{find, hostile, is_folder, succeed_with, text};
use kfimg_ignition::payload::cloud_init;
use kfimg_ignition::tree::{Entry, NodeTree, User};
use kfimg_profiles::cluster::{Cluster, DiskChoice, Node};
use kfimg_profiles::description::{Bond, BondMode};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn node() -> Node {
    Cluster::fake().node("master1").unwrap().clone()
}

fn yaml(bytes: &[u8]) -> Value {
    serde_saphyr::from_str(std::str::from_utf8(bytes).unwrap()).unwrap()
}

fn user_data(tree: &NodeTree) -> (String, Value) {
    let files = cloud_init(tree, &node());
    (String::from_utf8(files.user_data.clone()).unwrap(), yaml(&files.user_data))
}

/// The archive's base64, as it stands in the command.
fn archive(config: &Value) -> String {
    let script = config["bootcmd"][0].as_str().unwrap();
    let (_, rest) = script.split_once("<<'END'").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("\nEND\n").unwrap().0.to_owned()
}

#[test]
fn gnu_tar_finds_every_entry_with_its_mode_owner_and_content() {
    for tree in [hostile(), Site::new(Cluster::fake()).tree("master1")] {
        let folder = tempfile::tempdir().unwrap();
        let (_, config) = user_data(&tree);
        // `--no-same-owner` for who runs this as root; owners are looked at below, and on a whole system in `cloud_init.rs`.
        let unpack = "base64 -d | tar -xzmpC \"$1\" --no-same-owner --delay-directory-restore 2>&1";
        let said = succeed_with(
            Command::new("sh").args(["-ec", unpack, "sh"]).arg(folder.path()),
            archive(&config).as_bytes(),
        );
        assert_eq!(text(&said), "");
        for (path, entry) in tree.entries() {
            let place = folder.path().join(path.as_str().trim_start_matches('/'));
            let found = place.symlink_metadata().unwrap_or_else(|error| panic!("{place:?}: {error}"));
            let mode = found.permissions().mode() & 0o7777;
            match entry {
                Entry::Link(link) => {
                    assert_eq!(std::fs::read_link(&place).unwrap().to_str(), Some(link.target.as_str()));
                }
                Entry::Directory(directory) => {
                    assert_eq!((is_folder(&place), mode), (true, directory.mode), "{place:?}");
                }
                Entry::File(file) => {
                    assert_eq!((mode, found.len()), (file.mode, file.content.len() as u64), "{place:?}");
                    std::fs::set_permissions(&place, PermissionsExt::from_mode(0o600)).unwrap();
                    assert!(std::fs::read(&place).unwrap() == file.content, "{place:?}");
                }
            }
        }
        let list = "base64 -d | tar -tzv --numeric-owner";
        let list = text(&succeed_with(Command::new("sh").args(["-ec", list]), archive(&config).as_bytes()));
        assert_eq!(list.lines().count(), tree.entries().count(), "{list}");
        assert!(list.lines().all(|line| line.split_whitespace().nth(1) == Some("0/0")), "{list}");
    }
}

#[test]
fn the_command_is_a_script_and_the_payload_plain_ascii() {
    for tree in [hostile(), Site::new(Cluster::fake()).tree("worker1")] {
        let (document, config) = user_data(&tree);
        assert!(document.starts_with("#cloud-config\n# ") && document.is_ascii());
        let script = config["bootcmd"][0].as_str().unwrap();
        succeed_with(Command::new("sh").arg("-n"), script.as_bytes());
        succeed_with(Command::new(find("bash")).args(["--posix", "-n"]), script.as_bytes());
        let listed = document.lines().skip(2).take_while(|line| line.starts_with("# ")).count();
        assert_eq!(listed, tree.entries().count());
    }
}

#[test]
fn the_same_tree_gives_the_same_payload_and_another_one_another_instance() {
    let site = Site::new(Cluster::fake());
    let (tree, other) = (site.tree("master1"), site.tree("worker1"));
    let files = cloud_init(&tree, &node());
    assert_eq!(files, cloud_init(&tree.clone(), &node()));
    assert_ne!(files.meta_data, cloud_init(&other, &node()).meta_data);
    let meta = yaml(&files.meta_data);
    let sum = text(&succeed_with(&mut Command::new("sha256sum"), &files.user_data));
    let id = format!("master1-{}", sum.split_whitespace().next().unwrap());
    assert_eq!(meta, json!({ "instance-id": id, "local-hostname": "master1", "dsmode": "local" }));
    let guestinfo = yaml(&files.guestinfo_metadata);
    assert_eq!((&guestinfo["instance-id"], &guestinfo["network"]), (&json!(id), &yaml(&files.network_config)));
}

#[test]
fn the_network_is_networkds_and_only_a_name_is_cloud_inits() {
    let mac = "52:54:00:12:34:56";
    let interfaces = vec!["ens1".to_owned(), "ens2".to_owned()];
    let bonded = Bond { interfaces, macs: Vec::new(), mode: BondMode::default() };
    let card = json!({ "match": { "macaddress": mac }, "set-name": "eth0", "dhcp4": false, "dhcp6": false });
    let cases = [
        (Some(mac), None, json!({ "version": 2, "ethernets": { "eth0": card } })),
        (None, None, json!({ "version": 2, "ethernets": { "eth0": { "dhcp4": false, "dhcp6": false } } })),
        (Some(mac), Some(bonded), json!({ "version": 2 })),
    ];
    for (mac, bond, expected) in cases {
        let mut node = node();
        node.mac = mac.map(|mac| mac.parse().unwrap());
        (node.network.interface, node.network.bond) = ("eth0".to_owned(), bond);
        let files = cloud_init(&NodeTree::new(), &node);
        assert_eq!(yaml(&files.network_config), expected);
        // YAML 1.1 reads an Ethernet address of decimal digits as a number to the base 60.
        let quoted = text(&files.network_config).contains(&format!("\"{}\"", mac.unwrap_or_default()));
        assert!(quoted || expected["ethernets"]["eth0"]["match"].is_null(), "{}", text(&files.network_config));
    }
}

#[test]
fn users_are_made_as_ignition_makes_them() {
    let mut tree = NodeTree::new();
    let user = |name: &str, hash: Option<&str>, groups: &[&str]| User {
        name: name.to_owned(),
        ssh_authorized_keys: vec![format!("ssh-ed25519 AAAA {name}: #1 'ü\u{2028}'")],
        password_hash: hash.map(str::to_owned),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    for user in [user("admin", Some("$6$a$b/c."), &["sudo", "adm"]), user("null", None, &[]), user("root", None, &[])] {
        tree.user(user).unwrap();
    }
    let (document, config) = user_data(&tree);
    assert!(document.is_ascii() || document.contains('ü'));
    let key = |name: &str| vec![format!("ssh-ed25519 AAAA {name}: #1 'ü\u{2028}'")];
    let expected = json!([
        { "name": "admin", "lock_passwd": false, "hashed_passwd": "$6$a$b/c.", "groups": ["sudo", "adm"],
          "ssh_authorized_keys": key("admin") },
        { "name": "null", "lock_passwd": false, "passwd": "*", "ssh_authorized_keys": key("null") },
        { "name": "root", "lock_passwd": false, "ssh_authorized_keys": key("root") },
    ]);
    assert_eq!(config["users"], expected);
    assert_eq!(user_data(&NodeTree::new()).1["users"], json!([[]]), "nor is the distribution's own user made");
}

#[test]
fn a_machine_boots_again_only_where_a_partition_hides_what_runs() {
    let with = |choice: Option<DiskChoice>| {
        let site = Site::with(|cluster| match (choice, &mut cluster.nodes[0].data_disk) {
            (Some(choice), Some(disk)) => disk.choice = choice,
            (_, disk) => *disk = None,
        });
        site.tree("master1")
    };
    let start = "systemctl --no-block start default.target";
    let (_, config) = user_data(&with(None));
    assert_eq!(config["power_state"], Value::Null);
    assert!(config["bootcmd"][0].as_str().unwrap().contains(&format!("\n  {start}\n")));
    for choice in [DiskChoice::Size { min: 1 << 30, max: None }, DiskChoice::Path("/dev/sdb".to_owned())] {
        let tree = with(Some(choice));
        let (document, config) = user_data(&tree);
        let condition = config["power_state"]["condition"][2].as_str().unwrap();
        assert!(condition.starts_with("! { findmnt -nS /dev/disk/by-partlabel/kfimg-data -M /var >"), "{condition}");
        assert!(file_text(&tree, "/etc/systemd/system/var.mount").contains("/dev/disk/by-partlabel/kfimg-data\n"));
        assert!(config["bootcmd"][0].as_str().unwrap().contains(&format!("\n    {start}\n  fi\n")));
        assert!(document.contains(" /etc/systemd/system/kfimg-data.service\n"), "the agent makes the partition");
    }
}
