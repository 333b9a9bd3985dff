//! The folder of a build while it is being filled: beside its target, locked, swapped in by one rename.
//!
//! A build that was killed leaves it behind without its lock; the next one removes it.

use super::error::Error;
use super::former::entries;
use super::staging::{lock, remove, split};
use fs_err as fs;
use kfimg_builder::picture::PICTURE_FILE;
use kfimg_builder::record::RECORD_FILE;
use rustix::fs::{CWD, FlockOperation, RenameFlags};
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A build's folder.
#[derive(Debug)]
pub(crate) struct BuildFolder {
    target: PathBuf,
    parent: PathBuf,
    folder: PathBuf,
    exists: bool,
    /// Held until the end.
    _lock: fs::File,
}

impl BuildFolder {
    /// Examines the target and makes an empty folder beside it.
    ///
    /// # Errors
    /// [`Error`] when the target holds something that no build wrote, is in use, or can't be written to.
    pub(crate) fn begin(target: &Path) -> Result<Self, Error> {
        let (parent, name) = split(target)?;
        let target = parent.join(&name);
        let folder = parent.join(format!(".{name}.kfimg-staging"));
        let exists = examine(&target)?;
        let lock = lock(&target, &folder)?;
        Ok(Self { target, parent, folder, exists, _lock: lock })
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Makes everything last on disk, readable for all, and swaps it in.
    ///
    /// # Errors
    /// [`Error`]; the former build is then whole.
    pub(crate) fn publish(self) -> Result<(), Error> {
        for name in entries(&self.folder)? {
            let path = self.folder.join(name);
            settle(&path, 0o644)?;
            for above in path.ancestors().skip(1).take_while(|above| above.starts_with(&self.folder)) {
                settle(above, 0o755)?;
            }
        }
        let former = if self.exists {
            Some(fs::File::open(&self.target).map_err(Error::io("opening", &self.target))?)
        } else {
            None
        };
        if let Some(former) = &former {
            rustix::fs::flock(former, FlockOperation::NonBlockingLockExclusive)
                .map_err(|_| Error::InUse { target: self.target.clone() })?;
        }
        let flags = if self.exists { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        rustix::fs::renameat_with(CWD, &self.folder, CWD, &self.target, flags)
            .map_err(|error| Error::io("replacing", &self.target)(error.into()))?;
        let parent = fs::File::open(&self.parent).map_err(Error::io("opening", &self.parent))?;
        parent.sync_all().map_err(Error::io("writing", &self.parent))
    }
}

impl Drop for BuildFolder {
    /// Removes what was not published, or, after the swap, the former build.
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// The mode that the umask must not change, and everything on disk.
fn settle(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("writing", path))?;
    let file = fs::File::open(path).map_err(Error::io("opening", path))?;
    file.sync_all().map_err(Error::io("writing", path))
}

/// Whether there is something to replace, which then is a build and nothing else.
fn examine(target: &Path) -> Result<bool, Error> {
    let not_folder = |what| Error::NotFolder { path: target.to_path_buf(), what };
    match target.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io("examining", target)(error)),
        Ok(about) if about.is_symlink() => return Err(not_folder("a symbolic link")),
        Ok(about) if !about.is_dir() => return Err(not_folder("a file")),
        Ok(_) => {}
    }
    let present = entries(target)?;
    let known = known(&target.join(RECORD_FILE));
    match present.iter().find(|name| !known.contains(name.as_str())) {
        Some(path) => Err(Error::Foreign { target: target.to_path_buf(), path: path.clone() }),
        None => Ok(true),
    }
}

/// The files that a build's record names, and its own.
fn known(record: &Path) -> BTreeSet<String> {
    let parsed = fs::read(record).ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let outputs = parsed.as_ref().and_then(|value| value.get("outputs")?.as_object());
    let Some(outputs) = outputs else { return BTreeSet::new() };
    outputs.keys().cloned().chain([RECORD_FILE, PICTURE_FILE].map(str::to_owned)).collect()
}
