//! The way back: the tree of an Ignition configuration that kfimg wrote.
//!
//! It reads what [`super::ignition`] writes, of any version, and refuses everything else. It is no reader of Ignition: contents
//! that lie elsewhere, compression and hashes are not known here.

use crate::payload::data_url::read_data_url;
use crate::tree::{DataPartition, Directory, Entry, File, Link, NodeTree, Owner, TreeError, User};
use serde::Deserialize;
use thiserror::Error;

/// Why a payload could not be read.
#[derive(Debug, Error, Eq, PartialEq)]
pub enum ReadError {
    /// It is not JSON, or has something that kfimg does not write.
    #[error("this is no Ignition configuration that kfimg writes: {0}")]
    Format(String),
    /// It is not the user-data that kfimg writes for cloud-init.
    #[error("this is no user-data that kfimg writes: {0}")]
    CloudInit(String),
    /// What carries the payload holds none.
    #[error("no payload is in it as kfimg puts it there; render again")]
    Empty,
    /// The contents of a file are not in the payload.
    #[error("{path}: its contents do not lie in the payload")]
    Elsewhere {
        /// Path on the node.
        path: String,
    },
    /// No tree holds this.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Reads a configuration. The format does not say what is a secret: here it is whatever only its owner may read.
///
/// # Errors
/// [`ReadError`].
pub fn read_ignition(json: &[u8]) -> Result<NodeTree, ReadError> {
    let config: Config = serde_json::from_slice(json).map_err(|error| ReadError::Format(error.to_string()))?;
    let mut tree = NodeTree::new();
    for user in config.passwd.users {
        tree.user(user.into())?;
    }
    let Storage { directories, files, links, disks, filesystems } = config.storage;
    for written in directories {
        let owner = owner(&written.user, &written.group);
        tree.insert(&written.path, Entry::Directory(Directory { mode: written.mode, owner }))?;
    }
    for written in files {
        let content = read_data_url(&written.contents.source)
            .ok_or_else(|| ReadError::Elsewhere { path: written.path.clone() })?;
        let (mode, owner) = (written.mode, owner(&written.user, &written.group));
        tree.insert(&written.path, Entry::File(File { mode, owner, content, secret: mode & 0o077 == 0 }))?;
    }
    for written in links {
        tree.insert(&written.path, Entry::Link(Link { target: written.target }))?;
    }
    if let Some(partition) = data_partition(disks, filesystems)? {
        tree.set_data_partition(partition);
    }
    Ok(tree)
}

fn owner(user: &Id, group: &Id) -> Owner {
    Owner { uid: user.id, gid: group.id }
}

fn data_partition(disks: Vec<Disk>, filesystems: Vec<Filesystem>) -> Result<Option<DataPartition>, ReadError> {
    let unknown = |what: &str| ReadError::Format(format!("the disks have {what}"));
    let (Some(disk), Some(filesystem)) = (disks.into_iter().next(), filesystems.into_iter().next()) else {
        return Ok(None);
    };
    let partition = disk.partitions.into_iter().next().ok_or_else(|| unknown("no partition"))?;
    let format = match filesystem.format.as_str() {
        "ext4" => "ext4",
        "xfs" => "xfs",
        other => return Err(unknown(&format!("the file system {other}"))),
    };
    Ok(Some(DataPartition {
        disk: disk.device,
        label: partition.label,
        filesystem: format,
        mount_point: filesystem.path,
        // Ignition makes the partition itself: no unit of the configuration does.
        units: Vec::new(),
    }))
}

impl From<WrittenUser> for User {
    fn from(written: WrittenUser) -> Self {
        let WrittenUser { name, password_hash, ssh_authorized_keys, groups } = written;
        Self { name, ssh_authorized_keys, password_hash, groups }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(rename = "ignition")]
    _ignition: Head,
    #[serde(default)]
    passwd: Passwd,
    #[serde(default)]
    storage: Storage,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(rename = "version")]
    _version: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Passwd {
    #[serde(default)]
    users: Vec<WrittenUser>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenUser {
    name: String,
    password_hash: Option<String>,
    #[serde(default)]
    ssh_authorized_keys: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Storage {
    directories: Vec<WrittenDirectory>,
    files: Vec<WrittenFile>,
    links: Vec<WrittenLink>,
    disks: Vec<Disk>,
    filesystems: Vec<Filesystem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDirectory {
    path: String,
    mode: u32,
    #[serde(default)]
    user: Id,
    #[serde(default)]
    group: Id,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    path: String,
    mode: u32,
    #[serde(rename = "overwrite")]
    _overwrite: bool,
    contents: Contents,
    #[serde(default)]
    user: Id,
    #[serde(default)]
    group: Id,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLink {
    path: String,
    target: String,
    #[serde(rename = "overwrite")]
    _overwrite: bool,
    #[serde(rename = "hard")]
    _hard: bool,
}

/// The number of a user or group; root's stays unsaid.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Id {
    id: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Disk {
    device: String,
    partitions: Vec<Partition>,
    #[serde(rename = "wipeTable")]
    _wipe_table: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Partition {
    label: String,
    #[serde(rename = "number")]
    _number: u32,
    #[serde(rename = "sizeMiB")]
    _size: u64,
    #[serde(rename = "resize")]
    _resize: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Filesystem {
    format: String,
    path: String,
    #[serde(rename = "device")]
    _device: String,
    #[serde(rename = "label")]
    _label: String,
    #[serde(rename = "wipeFilesystem")]
    _wipe_filesystem: bool,
}

#[cfg(test)]
mod tests {
    use super::super::{IgnitionVersion, ignition, tests::sample};
    use super::{ReadError, read_ignition};
    use crate::tree::{Directory, Entry, File, NodeTree, Owner};

    /// The sample with what it lacks: owners, bytes that are no text, and every character that an URL escapes.
    fn everything() -> NodeTree {
        let mut tree = sample();
        let owner = Owner { uid: 850, gid: 851 };
        let file = |content: &[u8], mode: u32| {
            Entry::File(File { mode, owner, content: content.to_vec(), secret: mode & 0o077 == 0 })
        };
        tree.insert("/etc/bytes", file(&[0, 0xff, b'%', 10], 0o400)).unwrap();
        let every: String = (1..=0x2ff_u32).filter_map(char::from_u32).collect();
        tree.insert("/etc/every", file(every.as_bytes(), 0o644)).unwrap();
        tree.insert("/etc/empty", file(b"", 0o644)).unwrap();
        tree.insert("/var/x", Entry::Directory(Directory { mode: 0o1777, owner })).unwrap();
        tree
    }

    #[test]
    fn what_is_written_is_read_back() {
        for version in [IgnitionVersion::V3_3, IgnitionVersion::V3_6] {
            assert_eq!(read_ignition(&ignition(&everything(), version)).unwrap(), everything());
            assert_eq!(read_ignition(&ignition(&NodeTree::new(), version)).unwrap(), NodeTree::new());
        }
    }

    #[test]
    fn what_kfimg_does_not_write_is_refused() {
        let file = |contents: &str| {
            format!(
                r#"{{"ignition":{{"version":"3.3.0"}},"storage":{{"files":[{{"path":"/a","mode":420,"overwrite":true,"contents":{contents}}}]}}}}"#
            )
        };
        for url in ["http://a/b", "data:text/plain,a", "data:,%4", "data:,%zz", "data:;base64,!"] {
            let elsewhere = ReadError::Elsewhere { path: "/a".to_owned() };
            assert_eq!(read_ignition(file(&format!(r#"{{"source":"{url}"}}"#)).as_bytes()), Err(elsewhere), "{url}");
        }
        for json in ["", "{}", &file(r#"{"source":"data:,a","compression":"gzip"}"#)] {
            let refused = read_ignition(json.as_bytes());
            assert!(matches!(refused, Err(ReadError::Format(_))), "{json}: {refused:?}");
        }
        let twice = file(r#"{"source":"data:,a"}"#)
            .replace("[{", r#"[{"path":"/a","mode":420,"overwrite":true,"contents":{"source":"data:,b"}},{"#);
        assert!(matches!(read_ignition(twice.as_bytes()), Err(ReadError::Tree(_))));
    }
}
