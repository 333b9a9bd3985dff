//! Both channels leave the same system.

use crate::site::Site;
use crate::system::{Changed, debian};
use crate::tools::{find, hostile, succeed, text};
use kfimg_ignition::payload::{CloudInit, IgnitionVersion, cloud_init, ignition};
use kfimg_ignition::tree::NodeTree;
use kfimg_profiles::cluster::{Cluster, DiskChoice, Node};
use kfimg_profiles::description::User;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The oldest cloud-init that kfimg supports, 22.4, and that of a newer Debian.
const RELEASES: [&str; 2] = ["bookworm", "trixie"];
const MAC: &str = "52:54:00:12:34:56";

/// What only one of the two has: memories of cloud-init, of Ignition, and of the programs that edit accounts.
const OWN: [&str; 12] = [
    "/etc/.ignition-result.json",
    "/etc/.updated",
    "/etc/cloud/kfimg",
    "/etc/gshadow-",
    "/etc/group-",
    "/etc/netplan/50-cloud-init.yaml",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/ssh/ssh_host_",
    "/etc/subgid-",
    "/etc/subuid-",
    "/var/",
];

fn node() -> Node {
    let mut node = Cluster::fake().node("master1").unwrap().clone();
    node.mac = Some(MAC.parse().unwrap());
    node.network.interface = "eth0".to_owned();
    node
}

/// Nodes of `ha3`, one with users and a disk that is named, and one that is nothing but traps.
fn trees() -> Vec<(&'static str, NodeTree)> {
    let ha3 = Site::new(Cluster::fake());
    let key = |name: &str| vec![format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA {name}'s own: #1")];
    let user = |name: &str, hash: Option<&str>, groups: &[&str], sudo| User {
        name: name.to_owned(),
        ssh_authorized_keys: key(name),
        password_hash: hash.map(str::to_owned),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        sudo,
    };
    let peopled = Site::with(|cluster| {
        cluster.users = vec![
            user("admin", Some("$6$salt$0123456789abcdefghijklmnopqrstuvwxyz./"), &["sudo", "adm"], true),
            user("audit", None, &[], false),
            user("root", None, &[], false),
        ];
        if let Some(disk) = &mut cluster.nodes[0].data_disk {
            disk.choice = DiskChoice::Path("/dev/sdb".to_owned());
        }
    });
    vec![
        ("control plane", ha3.tree("master1")),
        ("worker", ha3.tree("worker1")),
        ("users", peopled.tree("master1")),
        ("hostile", hostile()),
    ]
}

fn applied(release: &str, tree: &NodeTree) -> (Changed, Changed, String) {
    let debian = debian(release);
    // A disk is not partitioned here, and Ignition would be told to.
    let (by_cloud_init, said) = Changed::by_cloud_init(&debian, &cloud_init(tree, &node()), MAC);
    (by_cloud_init, Changed::by_ignition(&debian, &ignition(tree, IgnitionVersion::V3_3)), said)
}

#[test]
#[ignore = "needs root, mmdebstrap and Debian's archive: `make interop`"]
fn cloud_init_and_ignition_leave_the_same_system() {
    for release in RELEASES {
        for (name, tree) in trees() {
            let (cloud_init, ignition, said) = applied(release, &tree);
            let what = format!("{release}, {name}");
            judge_run(&what, &said);
            let extra: BTreeSet<String> = units(&tree).collect();
            assert_eq!(differences(&cloud_init, &ignition, &extra), Vec::<String>::new(), "{what}");
            let accounts = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid"];
            for file in accounts.into_iter().filter(|file| ignition.path(file).exists()) {
                assert_eq!(lines(&cloud_init, file), lines(&ignition, file), "{what}: {file}");
            }
            for user in tree.users() {
                assert_eq!(keys(&cloud_init, &user.name), user.ssh_authorized_keys, "{what}");
                assert_eq!(keys(&ignition, &user.name), user.ssh_authorized_keys, "{what}");
            }
            for path in &extra {
                assert!(cloud_init.path(path).is_file(), "{what}: {path}");
            }
        }
    }
}

/// cloud-init found nothing to complain about, and the card bears its name.
fn judge_run(what: &str, said: &str) {
    let [links, log, result]: [&str; 3] = said.splitn(3, "---\n").collect::<Vec<_>>().try_into().unwrap();
    assert!(links.contains(": eth0@cable:") && !links.contains("ens192"), "{what}: {links}");
    let bad: Vec<&str> =
        log.lines().filter(|line| ["WARNING", "ERROR", "Traceback"].iter().any(|word| line.contains(word))).collect();
    assert_eq!(bad, Vec::<&str>::new(), "{what}");
    assert!(result.contains("\"errors\": []") && result.contains("DataSourceNoCloud"), "{what}: {result}");
}

/// Units that only a channel without Ignition needs.
fn units(tree: &NodeTree) -> impl Iterator<Item = String> {
    let partition = tree.data_partition().into_iter();
    partition.flat_map(|partition| &partition.units).map(|(path, _)| path.as_str().to_owned())
}

/// What differs, but for what only one of the two can have.
fn differences(left: &Changed, right: &Changed, extra: &BTreeSet<String>) -> Vec<String> {
    let of = |system: &Changed| -> BTreeMap<String, String> {
        system.listing().into_iter().filter(|(path, _)| is_judged(path)).collect()
    };
    let (left, right) = (of(left), of(right));
    let paths: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let differs = |path: &&&String| {
        left.get(**path) != right.get(**path) && !extra.iter().any(|unit| unit.starts_with(path.as_str()))
    };
    paths
        .iter()
        .filter(differs)
        .map(|path| format!("{path}: {:?} by cloud-init, {:?} by Ignition", left.get(*path), right.get(*path)))
        .collect()
}

fn is_judged(path: &str) -> bool {
    let is_account =
        ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid"].contains(&path);
    let has_keys = path.contains("/.ssh");
    let is_folder_of_changes = ["/etc/cloud", "/etc/netplan", "/var"].contains(&path);
    !is_account && !has_keys && !is_folder_of_changes && !OWN.iter().any(|own| path.starts_with(own))
}

/// Sorted, because the two make users and groups in another order.
fn lines(system: &Changed, file: &str) -> Vec<String> {
    let mut lines: Vec<String> = system.text(file).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// A user's keys, wherever sshd looks for them.
fn keys(system: &Changed, user: &str) -> Vec<String> {
    let home = if user == "root" { "/root".to_owned() } else { format!("/home/{user}") };
    let files =
        ["authorized_keys", "authorized_keys.d/ignition"].map(|file| system.path(&format!("{home}/.ssh/{file}")));
    let texts = files.into_iter().filter_map(|file| std::fs::read_to_string(file).ok());
    let is_key = |line: &&str| !line.is_empty() && !line.starts_with('#');
    texts.flat_map(|text| text.lines().filter(is_key).map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn schema(debian: &Path, files: &CloudInit) -> String {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(folder.path().join("user-data"), &files.user_data).unwrap();
    let script = r#"mount --bind "$2" "$1/mnt"; exec chroot "$1" cloud-init schema --config-file /mnt/user-data"#;
    let mut command = Command::new(find("unshare"));
    command.args(["--mount", "sh", "-euc", script, "sh"]).arg(debian).arg(folder.path());
    text(&succeed(&mut command))
}

#[test]
#[ignore = "needs root, mmdebstrap and Debian's archive: `make interop`"]
fn user_data_is_valid_by_cloud_inits_own_schema() {
    for release in RELEASES {
        for (name, tree) in trees() {
            let said = schema(&debian(release), &cloud_init(&tree, &node()));
            assert!(said.contains("Valid") && !said.to_lowercase().contains("deprecat"), "{release}, {name}: {said}");
        }
    }
}
