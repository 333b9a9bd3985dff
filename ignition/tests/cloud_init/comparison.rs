//! Both channels leave the same system.

use crate::site::Site;
use crate::system::{Changed, SERVER, Source, debian};
use crate::tools::{find, hostile, succeed, text};
use kfimg_ignition::delivery::boot_scripts;
use kfimg_ignition::payload::{CloudInit, IgnitionVersion, cloud_init, config_drive, ignition};
use kfimg_ignition::tree::NodeTree;
use kfimg_profiles::cluster::{Cluster, DiskChoice, Node};
use kfimg_profiles::description::{PayloadFormat, Role, User};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The oldest cloud-init that kfimg supports, 22.4, and that of a newer Debian.
const RELEASES: [&str; 2] = ["bookworm", "trixie"];
const MAC: &str = "52:54:00:12:34:56";

/// What only one of the two has: memories of cloud-init, of Ignition, and of the programs that edit accounts.
const OWN: [&str; 14] = [
    "/etc/.ignition-result.json",
    "/etc/.updated",
    "/etc/cloud/kfimg",
    "/etc/default/locale",
    "/etc/locale.conf",
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

/// A node of the built-in cluster, on the machine of these tests.
fn node(name: &str) -> Node {
    let mut node = Cluster::fake().node(name).unwrap().clone();
    node.mac = Some(MAC.parse().unwrap());
    node.network.interface = "eth0".to_owned();
    node
}

/// Nodes of `ha3`, one for etcd alone, one whose secrets are sealed, one with users and a disk that is named, and one that is nothing but traps.
fn trees() -> Vec<(&'static str, Node, NodeTree)> {
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
    let apart = Site::with(|cluster| cluster.nodes[0].role = Role::Etcd);
    let (master, worker) = (node("master1"), node("worker1"));
    let mut hostile = hostile();
    hostile.file("/etc/hostname", 0o644, "traps.example.net\n").unwrap();
    let mut traps = node("master1");
    traps.name = "traps.example.net".to_owned();
    vec![
        ("control plane", master.clone(), ha3.tree("master1")),
        ("worker", worker, ha3.tree("worker1")),
        ("users", master.clone(), peopled.tree("master1")),
        ("hostile", traps, hostile),
        ("etcd", master.clone(), apart.tree("master1")),
        ("sealed", master, ha3.sealed_tree("master1")),
    ]
}

#[test]
#[ignore = "needs root, mmdebstrap and Debian's archive: `make cloud-init-test`"]
fn cloud_init_and_ignition_leave_the_same_system() {
    for release in RELEASES {
        for (name, node, tree) in trees() {
            let files = cloud_init(&tree, &node);
            is_the_same(&format!("{release}, {name}"), release, &tree, &node, &Source::seed(&files));
        }
    }
}

#[test]
#[ignore = "needs root, mmdebstrap and Debian's archive: `make cloud-init-test`"]
fn a_config_drive_and_guestinfo_leave_it_too() {
    for release in RELEASES {
        let (name, node, tree) = trees().swap_remove(2);
        let CloudInit { user_data, guestinfo_metadata: metadata, .. } = cloud_init(&tree, &node);
        let drive = Source::Drive { image: config_drive(&node, &user_data), seed: "config_drive" };
        is_the_same(&format!("{release}, {name}, config drive"), release, &tree, &node, &drive);
        let guestinfo = Source::Guestinfo { user_data, metadata };
        is_the_same(&format!("{release}, {name}, guestinfo"), release, &tree, &node, &guestinfo);
    }
}

/// What the boot script of a node gives its kernel.
fn command_line(node: &str) -> String {
    let mut cluster = Cluster::fake();
    cluster.delivery.boot_server = Some(SERVER.to_owned());
    cluster.delivery.payload = PayloadFormat::CloudInit;
    let path = format!("pxe/node-{node}.ipxe");
    let script = boot_scripts(&cluster).into_iter().find(|file| file.path == path).unwrap().content;
    let kernel = script.lines().find_map(|line| line.strip_prefix("kernel ")).unwrap();
    kernel.split_once(' ').unwrap().1.replace("${boot-server}", SERVER)
}

#[test]
#[ignore = "needs root, mmdebstrap and Debian's archive: `make cloud-init-test`"]
fn what_the_boot_script_names_leaves_it_too() {
    for release in RELEASES {
        let (name, node, tree) = trees().swap_remove(2);
        let (files, command_line) = (cloud_init(&tree, &node), command_line(&node.name));
        assert!(command_line.contains(&format!("ds=nocloud-net;s={SERVER}/nodes/{}/", node.name)), "{command_line}");
        let fetched = Source::Http { files, node: node.name.clone(), command_line };
        is_the_same(&format!("{release}, {name}, HTTP"), release, &tree, &node, &fetched);
    }
}

/// Applies a tree by both channels. A disk is not partitioned here, by neither.
fn is_the_same(what: &str, release: &str, tree: &NodeTree, node: &Node, source: &Source) {
    let debian = debian(release);
    let (cloud_init, said) = Changed::by_cloud_init(&debian, source, MAC);
    let ignition = Changed::by_ignition(&debian, &ignition(tree, IgnitionVersion::V3_3));
    judge_run(what, &node.name, (release, source), &said);
    let extra: BTreeSet<String> = units(tree).collect();
    assert_eq!(differences(&debian, &cloud_init, &ignition, &extra), Vec::<String>::new(), "{what}");
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

/// cloud-init found nothing to complain about and kept the secrets; the card and the machine bear their names.
fn judge_run(what: &str, name: &str, (release, source): (&str, &Source), said: &str) {
    let [names, readable, log, result]: [&str; 4] = said.splitn(4, "---\n").collect::<Vec<_>>().try_into().unwrap();
    let (early, late) = names.split_once("end\n").unwrap();
    let is_named = |links: &str| links.contains(": eth0@cable:") && !links.contains("ens192");
    let expected = match (source.is_fetched(), release) {
        (false, _) => (true, true),
        // 22.4 fetches no network-config: the card gets its name at the next boot, by the `.link` file.
        (true, "bookworm") => (false, false),
        (true, _) => (false, true),
    };
    assert_eq!((is_named(early), is_named(late)), expected, "{what}: {names}");
    assert_eq!(names.lines().last(), Some(name), "{what}");
    assert_eq!(readable, "", "{what}: others may read secrets");
    let is_bad = |line: &&str| ["WARNING", "ERROR", "Traceback"].iter().any(|word| line.contains(word));
    // Before it has a payload cloud-init has the distribution's own network settings applied, and repeats what these programs say.
    let is_ours = |line: &&str| !(source.is_fetched() && line.contains("netplan"));
    assert_eq!(log.lines().filter(is_bad).filter(is_ours).collect::<Vec<_>>(), Vec::<&str>::new(), "{what}");
    let expected = ["\"errors\": []".to_owned(), format!("DataSource{}", source.name())];
    assert!(expected.iter().all(|expected| result.contains(expected)), "{what}: {result}");
    assert_eq!(result.contains(SERVER), source.is_fetched(), "{what}: {result}");
}

/// Units that only a channel without Ignition needs.
fn units(tree: &NodeTree) -> impl Iterator<Item = String> {
    let partition = tree.data_partition().into_iter();
    partition.flat_map(|partition| &partition.units).map(|(path, _)| path.as_str().to_owned())
}

/// What differs, but for what only one of the two can have.
fn differences(debian: &Path, left: &Changed, right: &Changed, extra: &BTreeSet<String>) -> Vec<String> {
    let of = |system: &Changed| -> BTreeMap<String, String> {
        system.listing(debian).into_iter().filter(|(path, _)| is_judged(path)).collect()
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
#[ignore = "needs root, mmdebstrap and Debian's archive: `make cloud-init-test`"]
fn user_data_is_valid_by_cloud_inits_own_schema() {
    for release in RELEASES {
        for (name, node, tree) in trees() {
            let said = schema(&debian(release), &cloud_init(&tree, &node));
            assert!(said.contains("Valid") && !said.to_lowercase().contains("deprecat"), "{release}, {name}: {said}");
        }
    }
}
