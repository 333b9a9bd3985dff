//! A base that lies as a folder: owners, modes and attributes as they are found. Links are not followed.

use super::tar::kept;
use crate::error::{ArchiveProblem, Error};
use crate::output::Watch;
use crate::tree::{self, FileContent, Kind, Node, Origin, Tree};
use fs_err as fs;
use kfimg_images::content::{Extent, Piece, Source};
use std::collections::{BTreeSet, HashMap};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of one attribute and of the list of names (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX` of Linux).
const ATTRIBUTE_LIMIT: usize = 64 << 10;

/// What a folder holds, and whose it is.
pub(super) struct Found {
    pub(super) tree: Tree,
    /// Numbers of the owners.
    pub(super) owners: BTreeSet<u32>,
}

/// Reads a folder's names and metadata; contents stay where they are.
pub(super) fn read(root: &Path, watch: &Watch<'_>) -> Result<Found, Error> {
    let mut found = Found { tree: Tree::default(), owners: BTreeSet::new() };
    let mut links: HashMap<(u64, u64), Arc<FileContent>> = HashMap::new();
    let mut open = vec![(root.to_owned(), String::new())];
    while let Some((folder, path)) = open.pop() {
        add(&mut found, &mut links, &folder, &path)?;
        for entry in fs::read_dir(&folder).map_err(Error::io("listing", &folder))? {
            if watch.stop().is_asked() {
                return Err(Error::Stopped);
            }
            let entry = entry.map_err(Error::io("listing", &folder))?;
            let raw = [path.as_bytes(), b"/", entry.file_name().as_bytes()].concat();
            let below =
                tree::checked(raw.strip_prefix(b"/").unwrap_or(&raw)).map_err(|error| refused(root, &error.into()))?;
            if entry.file_type().map_err(Error::io("examining", &entry.path()))?.is_dir() {
                open.push((entry.path(), below));
            } else {
                add(&mut found, &mut links, &entry.path(), &below)?;
            }
        }
    }
    Ok(found)
}

fn refused(root: &Path, problem: &ArchiveProblem) -> Error {
    Error::base(&root.display().to_string(), problem.to_string())
}

fn add(
    found: &mut Found,
    links: &mut HashMap<(u64, u64), Arc<FileContent>>,
    place: &Path,
    path: &str,
) -> Result<(), Error> {
    let about = fs::symlink_metadata(place).map_err(Error::io("examining", place))?;
    let file = about.file_type();
    let kind = if file.is_dir() {
        Kind::Folder
    } else if file.is_symlink() {
        let target = fs::read_link(place).map_err(Error::io("reading", place))?;
        let not_text = |_| Error::base(&place.display().to_string(), "is a link whose target is no text");
        Kind::Link(target.into_os_string().into_string().map_err(not_text)?)
    } else if file.is_file() {
        let content = || Arc::new(FileContent::Extent(extent(place.to_owned(), about.len())));
        let is_linked = about.nlink() > 1;
        Kind::File(if is_linked {
            links.entry((about.dev(), about.ino())).or_insert_with(content).clone()
        } else {
            content()
        })
    } else if file.is_fifo() {
        Kind::Pipe
    } else if file.is_block_device() || file.is_char_device() {
        let (major, minor) = (rustix::fs::major(about.rdev()), rustix::fs::minor(about.rdev()));
        Kind::Device { block: file.is_block_device(), major, minor }
    } else {
        // A socket without its program.
        return Ok(());
    };
    found.owners.insert(about.uid());
    let node = Node {
        mode: about.mode() & 0o7777,
        uid: about.uid(),
        gid: about.gid(),
        mtime: u64::try_from(about.mtime()).unwrap_or(0),
        attributes: if matches!(kind, Kind::Link(_)) { Vec::new() } else { attributes(place)? },
        kind,
        origin: Origin::Base,
        layer: 0,
    };
    found.tree.insert(path, node).map_err(Error::tree(path))
}

fn extent(path: PathBuf, length: u64) -> Extent {
    Extent::of(vec![Piece { file: Arc::new(Source::Path(path)), offset: 0, length }])
}

fn attributes(place: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let failed = |error: rustix::io::Errno| Error::io("reading attributes of", place)(error.into());
    let mut names = vec![0_u8; ATTRIBUTE_LIMIT];
    let length = match rustix::fs::llistxattr(place, &mut names) {
        Ok(0) | Err(rustix::io::Errno::NOTSUP) => return Ok(Vec::new()),
        Ok(length) => length,
        Err(error) => return Err(failed(error)),
    };
    let names = names[..length].split(|byte| *byte == 0).filter_map(|name| str::from_utf8(name).ok());
    let mut attributes = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        let mut value = vec![0_u8; ATTRIBUTE_LIMIT];
        let length = rustix::fs::lgetxattr(place, name, &mut value).map_err(failed)?;
        value.truncate(length);
        attributes.push((name.to_owned(), value));
    }
    Ok(kept(attributes))
}
