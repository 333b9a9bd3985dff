//! [`Replacement`]: a file that is written beside its name and takes its place when it is whole.
//!
//! The name beside is always the same (`.NAME.partial`), so a run that was killed leaves nothing that the next does not
//! take over.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{ArchiveError, folder_of};

/// A file in the making.
#[derive(Debug)]
pub(crate) struct Replacement {
    path: PathBuf,
    partial: PathBuf,
    file: File,
}

/// A whole file that is on the disk but not yet in its place.
#[derive(Debug)]
pub(crate) struct Sealed {
    path: PathBuf,
    partial: PathBuf,
    published: bool,
    // The lock lasts until the file is in its place.
    _file: File,
}

impl Replacement {
    /// Begins a file that will lie at `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, ArchiveError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let partial = folder_of(path).join(format!(".{name}.partial"));
        let write = |source| ArchiveError::Write { path: partial.clone(), source };
        let flags =
            i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).expect("the flags of open(2) are an int");
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).custom_flags(flags);
        let file = options.open(&partial).map_err(write)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ArchiveError::Busy(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(write(source)),
        }
        file.set_len(0).map_err(write)?;
        Ok(Self { path: path.to_owned(), partial, file })
    }

    /// Writes the next bytes.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.file.write_all(bytes).map_err(|source| ArchiveError::Write { path: self.partial.clone(), source })
    }

    /// Brings everything to the disk.
    pub(crate) fn seal(self) -> Result<Sealed, ArchiveError> {
        self.file.sync_all().map_err(|source| ArchiveError::Write { path: self.partial.clone(), source })?;
        let _file =
            self.file.try_clone().map_err(|source| ArchiveError::Write { path: self.partial.clone(), source })?;
        Ok(Sealed { path: self.path, partial: self.partial, published: false, _file })
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sealed {
    /// Where the bytes lie until they are published.
    pub(crate) fn partial(&self) -> &Path {
        &self.partial
    }

    /// Takes its place. The folder is still to be synced: see [`sync_folder`].
    pub(crate) fn publish(mut self) -> Result<(), ArchiveError> {
        std::fs::rename(&self.partial, &self.path)
            .map_err(|source| ArchiveError::Write { path: self.path.clone(), source })?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        if !self.published {
            // The next run would take it over anyway.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

/// Removes a file of an earlier run, if there is one.
pub(crate) fn remove_stale(path: &Path) -> Result<(), ArchiveError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ArchiveError::Write { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Makes the names in the folder of `path` last.
pub(crate) fn sync_folder(path: &Path) -> Result<(), ArchiveError> {
    let folder = folder_of(path);
    let write = |source| ArchiveError::Write { path: folder.to_owned(), source };
    std::fs::File::open(folder).map_err(write)?.sync_all().map_err(write)
}
