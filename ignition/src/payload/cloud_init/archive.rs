//! The tree as a tar archive (GNU format), compressed and in base64, for the shell's `base64 -d | tar`.
//!
//! tar and not `write_files`: that module makes a file readable for everybody before it sets the mode, follows links that a
//! distribution has left in the place, takes owners by names that are not there yet, and knows neither links nor folders.

use crate::payload::gzip::zip;
use crate::tree::{Entry, NodeTree, Owner};
use data_encoding::BASE64;
use tar::{Builder, EntryType, Header};

/// Characters of a line of base64.
const LINE: usize = 128;

/// One thing in the archive, for a list that people read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Item {
    /// Permission bits; of a link always 0777.
    pub(super) mode: u32,
    /// Who owns it.
    pub(super) owner: Owner,
    /// Bytes of its content.
    pub(super) size: usize,
    /// Absolute path; of a link with its target, `path -> target`.
    pub(super) path: String,
}

/// An archive that is ready to be written.
pub(super) struct Archive {
    /// What is in it.
    pub(super) items: Vec<Item>,
    /// Its text, with a line end after each line.
    pub(super) base64: String,
}

/// Packs the tree, and the units by which the machine makes the data partition itself.
pub(super) fn archive(tree: &NodeTree) -> Archive {
    let mut writer = Writer { tar: Builder::new(Vec::new()), items: Vec::new() };
    for (path, entry) in tree.entries() {
        match entry {
            Entry::File(file) => writer.add(path.as_str(), EntryType::Regular, file.mode, file.owner, &file.content),
            Entry::Directory(folder) => {
                writer.add(path.as_str(), EntryType::Directory, folder.mode, folder.owner, b"");
            }
            Entry::Link(link) => writer.link(path.as_str(), &link.target),
        }
    }
    for (path, text) in tree.data_partition().iter().flat_map(|partition| &partition.units) {
        writer.add(path.as_str(), EntryType::Regular, 0o600, Owner::ROOT, text.as_bytes());
    }
    let tar = writer.tar.into_inner().expect(IN_MEMORY);
    Archive { items: writer.items, base64: lines(&BASE64.encode(&zip(&tar))) }
}

const IN_MEMORY: &str = "writing into memory cannot fail, and a tree's paths are those that tar takes";

struct Writer {
    tar: Builder<Vec<u8>>,
    items: Vec<Item>,
}

impl Writer {
    fn add(&mut self, path: &str, kind: EntryType, mode: u32, owner: Owner, content: &[u8]) {
        let mut header = header(kind, mode, owner, content.len());
        self.tar.append_data(&mut header, relative(path), content).expect(IN_MEMORY);
        self.items.push(Item { mode, owner, size: content.len(), path: path.to_owned() });
    }

    fn link(&mut self, path: &str, target: &str) {
        let (mode, owner) = (0o777, Owner::ROOT);
        let mut header = header(EntryType::Symlink, mode, owner, 0);
        self.tar.append_link(&mut header, relative(path), target).expect(IN_MEMORY);
        self.items.push(Item { mode, owner, size: 0, path: format!("{path} -> {target}") });
    }
}

fn header(kind: EntryType, mode: u32, owner: Owner, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(u64::from(owner.uid));
    header.set_gid(u64::from(owner.gid));
    header.set_mtime(0);
    header.set_size(size as u64);
    header
}

fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

fn lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    for line in text.as_bytes().chunks(LINE) {
        lines.extend(line.iter().copied().map(char::from));
        lines.push('\n');
    }
    lines
}
