//! Lays one archive of the base over those below it: whiteouts, opaque folders, hard links.
//!
//! Source: OCI image specification v1.1.1, layer.md, "Applying Changesets" and "Whiteouts".

use super::tar::{Entry, EntryKind};
use crate::error::ArchiveProblem;
use crate::tree::{self, FileContent, Kind, Node, Origin, Tree};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the name of a whiteout begins with.
const WHITEOUT: &str = ".wh.";
/// The mark of an opaque folder.
const OPAQUE: &str = ".wh..wh..opq";
/// Other names of the union file system that whiteouts come from; they mean nothing.
const RESERVED: &str = ".wh..wh.";

/// One archive that is being laid over a tree.
pub(super) struct Layer<'a> {
    pub(super) tree: &'a mut Tree,
    /// Its number, from 0.
    pub(super) number: u32,
    /// Whether whiteouts mean something: in layers of an image, not in a plain tar.
    pub(super) whiteouts: bool,
    /// What is hidden already: the names of whiteouts, and those of opaque folders with a `/` behind.
    pub(super) hidden: BTreeSet<String>,
}

impl Layer<'_> {
    /// Takes one entry.
    pub(super) fn take(&mut self, entry: Entry) -> Result<(), ArchiveProblem> {
        let path = self.tree.resolve(&entry.path)?;
        if self.whiteouts && self.whiteout(&path) {
            return Ok(());
        }
        let there = self.tree.get(&path);
        let is_folder = matches!(entry.kind, EntryKind::Folder);
        let twice = there.is_some_and(|there| there.layer == self.number && !(is_folder && there.is_folder()));
        if twice {
            return Err(ArchiveProblem::Twice(path));
        }
        if is_folder && there.is_some_and(|there| !there.is_folder()) {
            self.tree.remove(&path);
        }
        if path.is_empty() && !is_folder {
            return Err(ArchiveProblem::Kind { path: "/".to_owned(), kind: "no folder" });
        }
        let node = self.node(&path, entry)?;
        self.tree.insert(&path, node)?;
        Ok(())
    }

    fn node(&self, path: &str, entry: Entry) -> Result<Node, ArchiveProblem> {
        let kind = match entry.kind {
            EntryKind::HardLink(target) => return self.same(path, target),
            EntryKind::Folder => Kind::Folder,
            EntryKind::File(extent) => Kind::File(Arc::new(FileContent::Extent(extent))),
            EntryKind::Link(target) => Kind::Link(target),
            EntryKind::Device { block, major, minor } => Kind::Device { block, major, minor },
            EntryKind::Pipe => Kind::Pipe,
        };
        let Entry { mode, uid, gid, mtime, attributes, .. } = entry;
        Ok(Node { mode, uid, gid, mtime, attributes, kind, origin: Origin::Base, layer: self.number })
    }

    /// The node that a hard link names: the same file under another name.
    fn same(&self, path: &str, target: String) -> Result<Node, ArchiveProblem> {
        let resolved = self.tree.resolve(&target)?;
        match self.tree.get(&resolved) {
            Some(node) if !node.is_folder() => Ok(Node { layer: self.number, ..node.clone() }),
            _ => Err(ArchiveProblem::HardLink { path: path.to_owned(), target }),
        }
    }

    /// Takes a whiteout; `false` for anything else. It hides what lower layers have, never this one.
    fn whiteout(&mut self, path: &str) -> bool {
        let name = tree::name(path);
        let folder = tree::parent(path).unwrap_or_default();
        // Folders that no archive has an entry for are kfimg's own, and go with what they held.
        let number = self.number;
        let is_below = |node: &Node| node.layer < number || node.is_folder() && node.origin == Origin::Settings;
        if name == OPAQUE {
            // Once is enough, however often an archive says it; and names of folders that are nowhere would only fill the memory.
            if self.tree.get(folder).is_some() && self.hidden.insert(format!("{folder}/")) {
                self.tree.empty_where(folder, is_below);
            }
        } else if let Some(hidden) = name.strip_prefix(WHITEOUT).filter(|_| !name.starts_with(RESERVED)) {
            let hidden = tree::join(folder, hidden);
            if self.tree.get(&hidden).is_none() || !self.hidden.insert(hidden.clone()) {
                return true;
            }
            self.tree.empty_where(&hidden, is_below);
            let goes = self.tree.get(&hidden).is_some_and(is_below);
            if goes && self.tree.below(&hidden).next().is_none() {
                self.tree.remove(&hidden);
            }
        }
        name.starts_with(WHITEOUT)
    }
}
