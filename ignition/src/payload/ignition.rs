//! Ignition configuration, specification 3.3.0 to 3.6.0 (<https://coreos.github.io/ignition/specs/>).
//!
//! Every content lies within the configuration, so nothing has to be fetched and nothing can be swapped on the way. The
//! fields used are those of 3.3.0, which later versions read alike; only the version's text differs.

mod read;

pub use read::{ReadError, read_ignition};

use super::data_url::data_url;
use crate::tree::{self, Entry, NodePath, NodeTree, Owner};
use ignition_config::v3_3::{
    Config, Directory, Disk, File, Filesystem, Ignition, Link, NodeGroup, NodeUser, Partition, Passwd, Resource,
    Storage, User,
};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A version of the specification that kfimg writes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum IgnitionVersion {
    /// 3.3.0: what Debian 12, Flatcar, Fedora CoreOS and RHCOS all read.
    #[default]
    V3_3,
    /// 3.4.0.
    V3_4,
    /// 3.5.0.
    V3_5,
    /// 3.6.0.
    V3_6,
}

const VERSIONS: [(IgnitionVersion, &str); 4] = [
    (IgnitionVersion::V3_3, "3.3.0"),
    (IgnitionVersion::V3_4, "3.4.0"),
    (IgnitionVersion::V3_5, "3.5.0"),
    (IgnitionVersion::V3_6, "3.6.0"),
];

/// A version that kfimg does not write.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is no Ignition version that kfimg writes; choose 3.3.0, 3.4.0, 3.5.0 or 3.6.0")]
pub struct UnknownVersion(String);

impl FromStr for IgnitionVersion {
    type Err = UnknownVersion;
    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        let found = VERSIONS.into_iter().find(|(_, name)| *name == text);
        found.map(|(version, _)| version).ok_or_else(|| UnknownVersion(text.to_owned()))
    }
}

impl fmt::Display for IgnitionVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(VERSIONS[*self as usize].1)
    }
}

/// The tree as an Ignition configuration: JSON in one line, with a line end.
pub fn ignition(tree: &NodeTree, version: IgnitionVersion) -> Vec<u8> {
    let config = Config {
        ignition: Ignition { version: Some(version.to_string()), ..Ignition::default() },
        passwd: Some(Passwd { users: non_empty(tree.users().map(user).collect()), groups: None }),
        storage: Some(storage(tree)),
        ..Config::default()
    };
    let mut value = serde_json::to_value(config).expect("Ignition's types hold text, numbers and lists only");
    drop_empty(&mut value);
    let mut json = value.to_string().into_bytes();
    json.push(b'\n');
    json
}

fn storage(tree: &NodeTree) -> Storage {
    let mut storage = Storage::default();
    let (mut directories, mut files, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for (path, entry) in tree.entries() {
        match entry {
            Entry::Directory(entry) => directories.push(directory(path, entry)),
            Entry::File(entry) => files.push(file(path, entry)),
            Entry::Link(entry) => links.push(link(path, entry)),
        }
    }
    storage.directories = non_empty(directories);
    storage.files = non_empty(files);
    storage.links = non_empty(links);
    if let Some(partition) = tree.data_partition() {
        storage.disks = Some(vec![disk(partition)]);
        storage.filesystems = Some(vec![filesystem(partition)]);
    }
    storage
}

fn directory(path: &NodePath, entry: &tree::Directory) -> Directory {
    let (user, group) = owner(entry.owner);
    Directory { user, group, mode: Some(mode(entry.mode)), ..Directory::new(path.as_str().to_owned()) }
}

fn file(path: &NodePath, entry: &tree::File) -> File {
    let (user, group) = owner(entry.owner);
    let contents = Resource { source: Some(data_url(&entry.content)), ..Resource::default() };
    File {
        user,
        group,
        mode: Some(mode(entry.mode)),
        overwrite: Some(true),
        contents: Some(contents),
        ..File::new(path.as_str().to_owned())
    }
}

fn link(path: &NodePath, entry: &tree::Link) -> Link {
    let target = Some(entry.target.clone());
    Link { overwrite: Some(true), hard: Some(false), target, ..Link::new(path.as_str().to_owned()) }
}

/// Root is Ignition's default and stays unsaid.
fn owner(owner: Owner) -> (Option<NodeUser>, Option<NodeGroup>) {
    if owner == Owner::ROOT {
        return (None, None);
    }
    let id = |id: u32| Some(i64::from(id));
    (
        Some(NodeUser { id: id(owner.uid), ..NodeUser::default() }),
        Some(NodeGroup { id: id(owner.gid), ..NodeGroup::default() }),
    )
}

fn mode(mode: u32) -> i64 {
    i64::from(mode)
}

fn user(user: &tree::User) -> User {
    User {
        password_hash: user.password_hash.clone(),
        ssh_authorized_keys: non_empty(user.ssh_authorized_keys.clone()),
        groups: non_empty(user.groups.clone()),
        ..User::new(user.name.clone())
    }
}

/// The first partition of the disk. Its number is said because Ignition takes a partition without one for a new one at
/// every boot; a first partition of another name makes Ignition stop, and nothing is wiped. Size 0 with `resize` means all
/// the room that there is, also for a partition that exists (Ignition's `stages/disks/partitions.go`).
fn disk(partition: &tree::DataPartition) -> Disk {
    let label = Some(partition.label.clone());
    let data = Partition { number: Some(1), label, size_mib: Some(0), resize: Some(true), ..Partition::default() };
    Disk { partitions: Some(vec![data]), wipe_table: Some(false), ..Disk::new(partition.disk.clone()) }
}

fn filesystem(partition: &tree::DataPartition) -> Filesystem {
    Filesystem {
        format: Some(partition.filesystem.to_owned()),
        label: Some(partition.label.clone()),
        path: Some(partition.mount_point.clone()),
        wipe_filesystem: Some(false),
        ..Filesystem::new(format!("/dev/disk/by-partlabel/{}", partition.label))
    }
}

fn non_empty<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

/// Removes what says nothing: `null`s, which older Ignitions complain about, and objects without keys.
fn drop_empty(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(drop_empty);
            map.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty()));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{DataPartition, User};

    pub(super) fn sample() -> NodeTree {
        let mut tree = NodeTree::new();
        tree.file("/etc/hostname", 0o644, "master1\n").unwrap();
        tree.secret("/etc/kubernetes/pki/ca.key", "k").unwrap();
        tree.directory("/etc/kubernetes/manifests", 0o700).unwrap();
        tree.link("/etc/localtime", "../usr/share/zoneinfo/UTC").unwrap();
        let key = "ssh-ed25519 AAAA x".to_owned();
        let admin =
            User { name: "admin".to_owned(), ssh_authorized_keys: vec![key], password_hash: None, groups: Vec::new() };
        tree.user(admin).unwrap();
        tree.set_data_partition(DataPartition {
            disk: "/dev/sdb".to_owned(),
            label: "kfimg-data".to_owned(),
            filesystem: "ext4",
            mount_point: "/var".to_owned(),
            units: Vec::new(),
        });
        tree
    }

    #[test]
    fn every_version_is_read_back_by_its_own_parser_without_a_warning() {
        for (version, text) in VERSIONS {
            let json = ignition(&sample(), version);
            let (_, warnings) = ignition_config::Config::parse_slice(&json).unwrap();
            assert!(warnings.is_empty(), "{text}: {warnings:?}");
            assert!(String::from_utf8(json).unwrap().contains(&format!("\"version\":\"{text}\"")));
        }
    }

    #[test]
    fn a_payload_says_nothing_that_is_null_and_never_wipes() {
        let json = String::from_utf8(ignition(&sample(), IgnitionVersion::V3_3)).unwrap();
        assert!(!json.contains("null"), "{json}");
        assert!(json.contains("\"wipeTable\":false") && json.contains("\"wipeFilesystem\":false"), "{json}");
        assert!(!json.contains(":true") || !json.contains("ipe\":true"), "{json}");
    }

    #[test]
    fn an_unknown_version_is_named_with_the_ones_to_choose_from() {
        let error = "3.7.0".parse::<IgnitionVersion>().unwrap_err().to_string();
        assert!(error.contains("3.7.0") && error.contains("3.6.0"), "{error}");
    }
}
