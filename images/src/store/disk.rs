//! Changes of the disk, each made so that it lasts, and each announced before it is made.
//!
//! What the files mean is not known here.

use super::StoreError;
use crate::steps::{Step, Watcher};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// The disk. All changes of a store go through it.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Watcher);

impl Disk {
    /// One whose changes are announced.
    pub(super) fn watched(watcher: Watcher) -> Self {
        Self(watcher)
    }

    fn step(&self, step: Step, path: &Path) -> io::Result<()> {
        self.0.before(step, path)
    }

    /// Makes a folder unless it is there. A link to a folder is refused: what is written through it would lie elsewhere.
    pub(super) fn make_folder(&self, path: &Path) -> Result<(), StoreError> {
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => return Ok(()),
            Ok(_) => return Err(StoreError::NotRegular { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("reading", path)(error)),
        }
        self.step(Step::MakeFolder, path).map_err(StoreError::io("making", path))?;
        match std::fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(StoreError::io("making", path)(error)),
            Ok(()) => path.parent().map_or(Ok(()), |parent| self.sync_folder(parent)),
        }
    }

    /// Opens a file to read and write it, and makes it when it is missing. A link is not followed.
    pub(super) fn open_or_create(&self, path: &Path) -> Result<File, StoreError> {
        self.step(Step::Create, path).map_err(StoreError::io("opening", path))?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mode = Mode::from_raw_mode(0o644);
        let opened = rustix::fs::open(path, flags, mode).map_err(io::Error::from);
        let file = File::from(opened.map_err(StoreError::io("opening", path))?);
        let about = file.metadata().map_err(StoreError::io("reading", path))?;
        if about.is_file() { Ok(file) } else { Err(StoreError::NotRegular { path: path.to_owned() }) }
    }

    pub(super) fn write(&self, file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let written = self.step(Step::Write, path).and_then(|()| file.write_all(bytes));
        written.map_err(StoreError::io("writing", path))
    }

    /// Cuts a file to nothing and goes to its beginning.
    pub(super) fn empty(&self, file: &mut File, path: &Path) -> Result<(), StoreError> {
        let cut = self.step(Step::Truncate, path).and_then(|()| file.set_len(0));
        cut.and_then(|()| file.seek(SeekFrom::Start(0)).map(drop)).map_err(StoreError::io("cutting", path))
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), StoreError> {
        match self.step(Step::Remove, path).and_then(|()| std::fs::remove_file(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("removing", path)(error)),
            _ => Ok(()),
        }
    }

    /// Gives a written file its final name, so that after a loss of power the name leads to all bytes or to none.
    pub(super) fn publish(&self, file: &File, from: &Path, to: &Path) -> Result<(), StoreError> {
        let synced = self.step(Step::SyncFile, from).and_then(|()| file.sync_all());
        synced.map_err(StoreError::io("syncing", from))?;
        let renamed = self.step(Step::Rename, to).and_then(|()| std::fs::rename(from, to));
        renamed.map_err(StoreError::io("renaming to", to))?;
        to.parent().map_or(Ok(()), |parent| self.sync_folder(parent))
    }

    /// Replaces a small file as a whole, by way of `partial` beside it. The caller holds a lock.
    pub(super) fn replace(&self, partial: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = self.open_or_create(partial)?;
        self.empty(&mut file, partial)?;
        self.write(&mut file, partial, bytes)?;
        self.publish(&file, partial, path)
    }

    /// Makes the name of a folder last that was there before. One in a folder that we may not even list is none of ours.
    pub(super) fn sync_above(&self, path: &Path) -> Result<(), StoreError> {
        match path.parent().map_or(Ok(()), |parent| self.sync_folder(parent)) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            other => other,
        }
    }

    /// Makes the names in a folder last.
    pub(super) fn sync_folder(&self, path: &Path) -> Result<(), StoreError> {
        // A relative name of one part has the empty path as its parent.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let synced = self.step(Step::SyncFolder, path).and_then(|()| File::open(path)?.sync_all());
        synced.map_err(StoreError::io("syncing", path))
    }
}

/// Opens a regular file to read it. A link is not followed; a missing file is `None`.
pub(super) fn open_regular(path: &Path) -> Result<Option<File>, StoreError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(opened) => File::from(opened),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => return Err(StoreError::NotRegular { path: path.to_owned() }),
        Err(error) => return Err(StoreError::io("opening", path)(error.into())),
    };
    let about = file.metadata().map_err(StoreError::io("reading", path))?;
    if about.is_file() { Ok(Some(file)) } else { Err(StoreError::NotRegular { path: path.to_owned() }) }
}
