//! [`Source`]: a file that holds bytes of a bundle, open or opened when it is needed.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::io::ReadWriteFlags;

/// A file that holds bytes of a bundle.
#[derive(Debug)]
pub enum Source {
    /// Opened on demand, so that a bundle of many files needs few descriptors.
    Path(PathBuf),
    /// Open while the bundle is.
    Open(Arc<File>),
}

/// A part of an open file, for whoever passes it to the system.
#[derive(Clone, Debug)]
pub(crate) struct FilePart {
    /// The file.
    pub(crate) file: Arc<File>,
    /// Where the part begins, in bytes.
    pub(crate) offset: u64,
    /// How long it is, in bytes.
    pub(crate) length: u64,
}

impl FilePart {
    /// Whether its last byte is in the page cache, so that what comes before is likely there too; a file system that cannot
    /// tell says no.
    pub(crate) fn is_cached(&self) -> bool {
        let Some(last) = self.offset.checked_add(self.length).and_then(|end| end.checked_sub(1)) else { return true };
        let ends = [self.offset, last];
        ends.into_iter().all(|offset| {
            let mut byte = [0];
            let mut slices = [IoSliceMut::new(&mut byte)];
            rustix::io::preadv2(&self.file, &mut slices, offset, ReadWriteFlags::NOWAIT) == Ok(1)
        })
    }
}

/// Whether the name still leads to the opened file.
pub(crate) fn is_named(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(opened), Ok(named)) => (opened.dev(), opened.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Opens a plain file for reading; a link, a folder, a device or a pipe is refused, and nothing is waited for.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).expect("the flags of open(2) are an int"))
        .open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a plain file")) }
}
