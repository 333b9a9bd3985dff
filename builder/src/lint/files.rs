//! Files that no image should have, or that somebody should know of.

use super::{Subject, listed};
use crate::tree::{Kind, Node, Origin, Tree};

/// Programs and units of the base that stand beside those of the bundle.
const RIVALS: &[&str] = &["kubelet", "kubeadm", "dockerd", "containerd", "crio", "k3s", "rke2"];
const PROGRAM_FOLDERS: &[&str] = &["usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin", "opt/bin", "bin", "sbin"];
/// Units of the base that would start one. Drop-ins of such a name would change the payload's unit, wherever that lies.
const RIVAL_UNITS: &[&str] =
    &["containerd.service", "crio.service", "docker.service", "docker.socket", "k3s.service", "kubelet.service"];
const UNIT_FOLDERS: &[&str] = &["usr/lib/systemd/system", "etc/systemd/system"];
/// What packages bring, which everybody has: no place for a secret, but for the part that is the administrator's.
const OF_PACKAGES: &str = "usr/";
const OF_THE_SITE: &str = "usr/local/";
/// Files that hold logins.
const LOGINS: &[&str] = &[
    "etc/apt/auth.conf",
    "etc/containers/auth.json",
    "etc/kubernetes/admin.conf",
    "etc/kubernetes/super-admin.conf",
    "var/lib/kubelet/config.json",
];
/// Files that hold logins, in anybody's home.
const HOME_LOGINS: &[&str] = &[
    ".aws/credentials",
    ".config/containers/auth.json",
    ".docker/config.json",
    ".git-credentials",
    ".kube/config",
    ".netrc",
    ".pgpass",
];
/// Folders whose files hold logins or keys.
const LOGIN_FOLDERS: &[&str] = &["etc/NetworkManager/system-connections", "etc/apt/auth.conf.d", "etc/wireguard"];
/// Files with a field for a password, the second of each line.
const PASSWORDS: &[&str] = &["etc/shadow", "etc/passwd"];
/// Keys that belong to nobody: tests and examples of packages.
const HARMLESS: &[&str] = &["usr/local/share/", "var/lib/dpkg/"];
/// Larger files are no keys.
const KEY_LIMIT: u64 = 64 << 10;
/// PEM, and what OpenPGP writes.
const KEY_MARKS: [&[u8]; 2] = [b"PRIVATE KEY-----", b"PRIVATE KEY BLOCK-----"];
const KEY_BEGIN: &[u8] = b"-----BEGIN ";

pub(super) fn second_kubelet(subject: &Subject<'_>) -> Vec<String> {
    let places = PROGRAM_FOLDERS.iter().flat_map(|folder| RIVALS.iter().map(move |name| format!("{folder}/{name}")));
    let units = UNIT_FOLDERS.iter().flat_map(|folder| RIVAL_UNITS.iter().map(move |unit| format!("{folder}/{unit}")));
    let units: Vec<String> = units.collect();
    let drop_ins = units.iter().flat_map(|unit| paths_below(subject.tree, &format!("{unit}.d"))).collect::<Vec<_>>();
    let all = places.chain(units).chain(drop_ins);
    let mut found: Vec<String> = all.filter_map(|path| of_base(subject.tree, &path)).collect();
    found.sort();
    found.dedup();
    if found.is_empty() { found } else { vec![format!("the base has its own {}", listed(&found))] }
}

fn paths_below(tree: &Tree, folder: &str) -> Vec<String> {
    tree.below(folder).map(|(path, _)| path.to_owned()).collect()
}

fn of_base(tree: &Tree, path: &str) -> Option<String> {
    let (path, node) = tree.lookup(path)?;
    (node.origin == Origin::Base && !node.is_folder()).then(|| format!("/{path}"))
}

pub(super) fn ssh_host_keys(subject: &Subject<'_>) -> Vec<String> {
    let is_key = |path: &&str| {
        let name = crate::tree::name(path);
        name.starts_with("ssh_host_") && name.contains("_key") && !path.starts_with("usr/share/")
    };
    subject.tree.iter().map(|(path, _)| path).filter(is_key).map(|path| format!("/{path} is an SSH host key")).collect()
}

pub(super) fn secrets(subject: &Subject<'_>) -> Vec<String> {
    let is_place = |path: &str| !path.starts_with(OF_PACKAGES) || path.starts_with(OF_THE_SITE);
    let places = subject.tree.iter().filter(|(path, _)| is_place(path));
    let keys = places
        .filter(|(path, node)| is_private_key(path, node))
        .map(|(path, _)| format!("/{path} holds a private key"));
    let is_there = |path: &String| subject.tree.lookup(path).is_some_and(|(_, node)| node.size() > 0);
    let below = LOGIN_FOLDERS.iter().flat_map(|folder| paths_below(subject.tree, folder));
    let homes = subject.tree.children("home").map(|(path, _)| path).chain(["root"]);
    let homes = homes.flat_map(|home| HOME_LOGINS.iter().map(move |file| format!("{home}/{file}")));
    let fixed = LOGINS.iter().map(|path| (*path).to_owned());
    let logins = fixed.chain(below).chain(homes).filter(is_there).map(|path| format!("/{path} holds logins"));
    let passwords = PASSWORDS.iter().flat_map(|path| passwords(subject.tree, path));
    keys.chain(logins).chain(passwords).collect()
}

/// By its first line; what can't be read is told when the root image is written.
fn is_private_key(path: &str, node: &Node) -> bool {
    if HARMLESS.iter().any(|harmless| path.starts_with(harmless)) || node.origin != Origin::Base {
        return false;
    }
    let Some(content) = node.content().filter(|content| (1..=KEY_LIMIT).contains(&content.size())) else {
        return false;
    };
    let Ok(bytes) = content.head(KEY_LIMIT) else { return false };
    let lines = bytes.split(|byte| *byte == b'\n');
    lines
        .map(<[u8]>::trim_ascii_end)
        .any(|line| line.starts_with(KEY_BEGIN) && KEY_MARKS.iter().any(|mark| line.ends_with(mark)))
}

/// A field with a hash, or an empty one, which lets everybody in. A `!` before a hash only locks it (`shadow(5)`).
fn passwords(tree: &Tree, path: &str) -> Vec<String> {
    let Some(content) = tree.lookup(path).and_then(|(_, node)| node.content().cloned()) else {
        return Vec::new();
    };
    let Ok(bytes) = content.head(1 << 20) else { return vec![format!("/{path} can't be read")] };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let open = |line: &str| {
        let mut fields = line.split(':');
        let (name, hash) = (fields.next()?, fields.next()?);
        if hash.is_empty() {
            Some(format!("/{path}: {name} logs in without a password"))
        } else {
            is_hash(hash.trim_start_matches('!')).then(|| format!("/{path}: {name} has a password"))
        }
    };
    text.lines().filter_map(open).collect()
}

/// As `crypt(5)` writes them: `$id$…`, or the 13 characters of DES.
fn is_hash(text: &str) -> bool {
    let is_des = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/');
    text.starts_with('$') || text.len() == 13 && text.chars().all(is_des)
}

pub(super) fn world_writable(subject: &Subject<'_>) -> Vec<String> {
    let is_open = |node: &Node| {
        let sticky_folder = node.is_folder() && node.mode & 0o1000 != 0;
        let plain = matches!(node.kind, Kind::Folder | Kind::File(_));
        plain && node.mode & 0o002 != 0 && !sticky_folder
    };
    let found: Vec<String> =
        subject.tree.iter().filter(|(_, node)| is_open(node)).map(|(path, _)| format!("/{path}")).collect();
    if found.is_empty() { found } else { vec![format!("everybody may write to {}", listed(&found))] }
}

pub(super) fn time_zone(subject: &Subject<'_>) -> Vec<String> {
    let zone = match subject.tree.get("etc/localtime") {
        None => return Vec::new(),
        Some(Node { kind: Kind::Link(target), .. }) => target.clone(),
        Some(_) => "a copy of some zone".to_owned(),
    };
    let is_utc = ["/UTC", "/Etc/UTC", "/Etc/UCT", "/Universal", "/Zulu"].iter().any(|name| zone.ends_with(name));
    if is_utc { Vec::new() } else { vec![format!("/etc/localtime is {zone}")] }
}

pub(super) fn setuid(subject: &Subject<'_>) -> Vec<String> {
    let raises = |node: &Node| {
        let file = matches!(node.kind, Kind::File(_));
        file && (node.mode & 0o6000 != 0 || node.attributes.iter().any(|(name, _)| name == "security.capability"))
    };
    let found: Vec<String> = subject
        .tree
        .iter()
        .filter(|(_, node)| raises(node))
        .map(|(path, node)| format!("/{path} ({:04o})", node.mode))
        .collect();
    if found.is_empty() { found } else { vec![format!("{} programs: {}", found.len(), found.join(", "))] }
}
