//! The waist of kfimg: everything that a node gets, before anybody has decided how it travels.
//!
//! Whatever knows Kubernetes writes into a [`NodeTree`]; every encoder in [`crate::payload`] only reads one. A tree
//! refuses duplicates, relative paths, `..` and files below files, so that an encoder need not look.

mod entry;
mod path;

pub use entry::{DataPartition, Directory, Entry, File, Link, Owner, User};
pub use path::NodePath;

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::Bound;
use thiserror::Error;

/// Why something cannot be part of a tree. Each is a mistake in a component or in a user's path.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TreeError {
    /// The path is relative, not normal, or the root.
    #[error("{path}: a node path must be absolute and free of `.`, `..`, empty parts and control characters")]
    Path {
        /// The path as given.
        path: String,
    },
    /// The path is there already.
    #[error("{path}: two components write this path")]
    Duplicate {
        /// The path.
        path: String,
    },
    /// Something above the path is no folder.
    #[error("{path}: lies below {parent}, which is not a folder")]
    BelowFile {
        /// The path.
        path: String,
        /// What lies above it.
        parent: String,
    },
    /// A user twice.
    #[error("user {name}: two components make this user")]
    DuplicateUser {
        /// The login name.
        name: String,
    },
}

/// All that one node gets: files, folders, links, users, the data partition. Ordered by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeTree {
    entries: BTreeMap<NodePath, Entry>,
    users: BTreeMap<String, User>,
    data_partition: Option<DataPartition>,
}

impl NodeTree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a root-owned file.
    ///
    /// # Errors
    /// [`TreeError`] when the path is not normal, taken, or below a file.
    pub fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Result<(), TreeError> {
        self.insert(path, Entry::File(File { mode, owner: Owner::ROOT, content: content.into(), secret: false }))
    }

    /// Adds a root-owned file that nobody else may read (0600) and that other channels must seal.
    ///
    /// # Errors
    /// As [`NodeTree::file`].
    pub fn secret(&mut self, path: &str, content: impl Into<Vec<u8>>) -> Result<(), TreeError> {
        self.insert(path, Entry::File(File { mode: 0o600, owner: Owner::ROOT, content: content.into(), secret: true }))
    }

    /// Adds a root-owned folder with a mode of its own. Folders above files need not be added.
    ///
    /// # Errors
    /// As [`NodeTree::file`].
    pub fn directory(&mut self, path: &str, mode: u32) -> Result<(), TreeError> {
        self.insert(path, Entry::Directory(Directory { mode, owner: Owner::ROOT }))
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// As [`NodeTree::file`].
    pub fn link(&mut self, path: &str, target: &str) -> Result<(), TreeError> {
        self.insert(path, Entry::Link(Link { target: target.to_owned() }))
    }

    /// Adds anything, with any owner.
    ///
    /// # Errors
    /// As [`NodeTree::file`].
    pub fn insert(&mut self, path: &str, entry: Entry) -> Result<(), TreeError> {
        let path = NodePath::new(path)?;
        self.check_place(&path, &entry)?;
        self.entries.insert(path, entry);
        Ok(())
    }

    /// Adds a systemd unit, mode 0600 (CIS 4.1.1), and enables it for `wanted_by` when given.
    ///
    /// A unit is enabled by its link, not by a preset: presets apply on a first boot only, and a machine whose
    /// machine-id is set has none.
    ///
    /// # Errors
    /// As [`NodeTree::file`].
    pub fn unit(&mut self, name: &str, content: &str, wanted_by: Option<&str>) -> Result<(), TreeError> {
        self.file(&format!("/etc/systemd/system/{name}"), 0o600, content)?;
        let Some(target) = wanted_by else { return Ok(()) };
        self.link(&format!("/etc/systemd/system/{target}.wants/{name}"), &format!("../{name}"))
    }

    /// Adds a login user.
    ///
    /// # Errors
    /// [`TreeError::DuplicateUser`].
    pub fn user(&mut self, user: User) -> Result<(), TreeError> {
        let name = user.name.clone();
        match self.users.insert(name.clone(), user) {
            None => Ok(()),
            Some(_) => Err(TreeError::DuplicateUser { name }),
        }
    }

    /// Sets the partition for what lasts.
    pub fn set_data_partition(&mut self, partition: DataPartition) {
        self.data_partition = Some(partition);
    }

    /// Takes every secret file out of the tree, in the order of their paths.
    pub(crate) fn take_secrets(&mut self) -> Vec<(NodePath, File)> {
        self.take(|_, file| file.secret)
    }

    /// Takes those of the files at these paths that are wanted out of the tree, in the order of their paths.
    pub(crate) fn take_files(&mut self, paths: &[String], wanted: impl Fn(&File) -> bool) -> Vec<(NodePath, File)> {
        self.take(|path, file| wanted(file) && paths.iter().any(|listed| listed == path.as_str()))
    }

    fn take(&mut self, wanted: impl Fn(&NodePath, &File) -> bool) -> Vec<(NodePath, File)> {
        let mut taken = Vec::new();
        for (path, entry) in std::mem::take(&mut self.entries) {
            match entry {
                Entry::File(file) if wanted(&path, &file) => taken.push((path, file)),
                other => drop(self.entries.insert(path, other)),
            }
        }
        taken
    }

    /// Files, folders and links in the order of their paths.
    pub fn entries(&self) -> impl Iterator<Item = (&NodePath, &Entry)> {
        self.entries.iter()
    }

    /// What lies at a path.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Login users by name.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// The partition for what lasts.
    pub fn data_partition(&self) -> Option<&DataPartition> {
        self.data_partition.as_ref()
    }

    /// SHA-256 over everything in the tree; equal exactly when two trees are equal.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (path, entry) in &self.entries {
            field(&mut hash, path.as_str().as_bytes());
            entry.hash(&mut |bytes| field(&mut hash, bytes));
        }
        field(&mut hash, format!("{:?}{:?}", self.users, self.data_partition).as_bytes());
        hash.finalize().into()
    }

    fn check_place(&self, path: &NodePath, entry: &Entry) -> Result<(), TreeError> {
        let text = path.as_str().to_owned();
        if self.entries.contains_key(path) {
            return Err(TreeError::Duplicate { path: text });
        }
        let not_folder = |parent: &&str| self.get(parent).is_some_and(|entry| !matches!(entry, Entry::Directory(_)));
        if let Some(parent) = path.parents().find(not_folder) {
            return Err(TreeError::BelowFile { path: text, parent: parent.to_owned() });
        }
        if matches!(entry, Entry::Directory(_)) {
            return Ok(());
        }
        let below = format!("{text}/");
        let child = self.entries.range::<str, _>((Bound::Included(below.as_str()), Bound::Unbounded)).next();
        match child.filter(|(child, _)| child.as_str().starts_with(&below)) {
            Some((child, _)) => Err(TreeError::BelowFile { path: child.as_str().to_owned(), parent: text }),
            None => Ok(()),
        }
    }
}

/// Hashes one field with its length before it, so that no two lists of fields hash alike.
fn field(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_refuses_what_no_encoder_could_write() {
        let cases = [
            ("etc/hosts", "must be absolute"),
            ("/etc/../hosts", "must be absolute"),
            ("/etc//hosts", "must be absolute"),
            ("/", "must be absolute"),
            ("/etc/ho\nsts", "control characters"),
            ("/etc/hostname", "two components"),
            ("/etc/hostname/x", "not a folder"),
            ("/etc", "not a folder"),
        ];
        for (path, message) in cases {
            let mut tree = NodeTree::new();
            tree.file("/etc/hostname", 0o644, "a").unwrap();
            let error = tree.file(path, 0o644, "b").unwrap_err().to_string();
            assert!(error.contains(message), "{path}: {error}");
        }
    }

    #[test]
    fn folders_may_stand_above_files_in_any_order() {
        let mut tree = NodeTree::new();
        tree.file("/etc/kubernetes/pki/ca.crt", 0o644, "a").unwrap();
        tree.directory("/etc/kubernetes", 0o755).unwrap();
        tree.file("/etc/kubernetes/b", 0o644, "a").unwrap();
        assert_eq!(tree.entries().count(), 3);
    }

    #[test]
    fn the_digest_sees_every_part_of_an_entry() {
        let tree = |path: &str, mode, content: &str| {
            let mut tree = NodeTree::new();
            tree.file(path, mode, content).unwrap();
            tree.digest()
        };
        let base = tree("/a", 0o644, "x");
        assert_eq!(base, tree("/a", 0o644, "x"));
        for other in [tree("/b", 0o644, "x"), tree("/a", 0o600, "x"), tree("/a", 0o644, "y")] {
            assert_ne!(base, other);
        }
    }
}
