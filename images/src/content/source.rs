//! [`Source`]: a file that holds bytes of a bundle, open or opened when it is needed.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// A file that holds bytes of a bundle.
#[derive(Debug)]
pub enum Source {
    /// Opened on demand, so that a bundle of many files needs few descriptors.
    Path(PathBuf),
    /// Open while the bundle is.
    Open(File),
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
