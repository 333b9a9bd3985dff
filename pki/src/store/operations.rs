//! The few ways in which the state folder is changed, so that a test can stop after any of them.
//!
//! It does not decide what to write.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Error;
use crate::store::{FILE_MODE, FOLDER_MODE};

/// Changes files, at most as many times as it is allowed to.
#[derive(Debug)]
pub(crate) struct Operations {
    left: AtomicUsize,
}

impl Default for Operations {
    fn default() -> Self {
        Self::stop_after(usize::MAX)
    }
}

impl Operations {
    /// Stands for a process that is killed at its `count`-th change: that one may be half done, no later one happens.
    pub(crate) const fn stop_after(count: usize) -> Self {
        Self { left: AtomicUsize::new(count) }
    }

    fn step(&self) -> io::Result<()> {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.map(drop).map_err(|_| io::Error::new(io::ErrorKind::Interrupted, "stopped"))
    }

    /// A new folder, closed to others whatever the umask.
    pub(crate) fn create_folder(&self, path: &Path) -> Result<(), Error> {
        let create = || {
            self.step()?;
            DirBuilder::new().mode(FOLDER_MODE).create(path)?;
            fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
        };
        create().map_err(Error::io("creating folder", path))
    }

    /// A new file, closed to others whatever the umask. Not yet durable.
    pub(crate) fn write_new(&self, path: &Path, text: &str) -> Result<(), Error> {
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
            if let Err(stopped) = self.step() {
                file.write_all(&text.as_bytes()[..text.len() / 2])?;
                return Err(stopped);
            }
            file.set_permissions(Permissions::from_mode(FILE_MODE))?;
            file.write_all(text.as_bytes())
        };
        write().map_err(Error::io("writing", path))
    }

    /// Moves a file or folder within the state folder, replacing a file.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.step().and_then(|()| fs::rename(from, to)).map_err(Error::io("moving a new file to", to))
    }

    /// Removes an empty folder.
    pub(crate) fn remove_folder(&self, path: &Path) -> Result<(), Error> {
        self.step().and_then(|()| fs::remove_dir(path)).map_err(Error::io("removing", path))
    }

    /// Removes a folder with everything in it, following no link.
    pub(crate) fn remove_tree(&self, path: &Path) -> Result<(), Error> {
        self.step().and_then(|()| fs::remove_dir_all(path)).map_err(Error::io("removing", path))
    }

    /// Makes everything that was written to this file system durable, with one call for thousands of files.
    pub(crate) fn sync_all(&self, folder: &Path) -> Result<(), Error> {
        let sync = || {
            self.step()?;
            Ok(rustix::fs::syncfs(File::open(folder)?)?)
        };
        sync().map_err(Error::io("making durable", folder))
    }

    /// Makes the entries of one folder durable, and with it every earlier move on a journalling file system.
    pub(crate) fn sync_folder(&self, folder: &Path) -> Result<(), Error> {
        self.step().and_then(|()| File::open(folder)?.sync_all()).map_err(Error::io("making durable", folder))
    }
}
