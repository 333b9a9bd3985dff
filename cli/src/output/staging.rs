//! A new output while it is being written: a hidden folder beside the target, locked, swapped in by one rename.
//!
//! A run that was killed leaves that folder behind without its lock; the next run removes it.

use super::error::Error;
use super::former::Former;
use super::manifest::{FileRecord, MANIFEST, Manifest};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use rustix::fs::{CWD, FlockOperation, RenameFlags};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Who may read a file of the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Secrecy {
    /// Its owner alone: 0600.
    Secret,
    /// Everybody: 0644.
    Public,
    /// Everybody, who may also run it: 0755.
    Program,
}

impl Secrecy {
    fn mode(self) -> u32 {
        match self {
            Self::Secret => 0o600,
            Self::Public => 0o644,
            Self::Program => 0o755,
        }
    }
}

/// An output that is being written.
#[derive(Debug)]
pub(crate) struct Staging {
    target: PathBuf,
    parent: PathBuf,
    folder: PathBuf,
    former: Option<Former>,
    files: Mutex<BTreeMap<String, FileRecord>>,
    lock: fs::File,
    /// The former output's folder, locked before it takes the staging folder's place, so that no other run takes it up
    /// while it is being removed.
    former_lock: Option<fs::File>,
}

impl Staging {
    /// Examines the target and begins a new output beside it.
    ///
    /// # Errors
    /// [`Error`] when the target is not kfimg's to replace, is in use, or its folder cannot be written to.
    pub(crate) fn begin(target: &Path) -> Result<Self, Error> {
        let (parent, name) = split(target)?;
        let target = parent.join(&name);
        let folder = parent.join(format!(".{name}.kfimg-staging"));
        let lock = lock(&target, &folder)?;
        let mut staging =
            Self { target, parent, folder, former: None, files: Mutex::default(), lock, former_lock: None };
        staging.former = Former::examine(&staging.target)?;
        Ok(staging)
    }

    /// The former output's manifest.
    pub(crate) fn former(&self) -> Option<&Manifest> {
        self.former.as_ref().map(|former| &former.manifest)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn write(&self, relative: &str, content: &[u8], secrecy: Secrecy) -> Result<(), Error> {
        self.write_with(relative, secrecy, |out| out.write_all(content))
    }

    /// Writes a file that nobody has as a whole.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn write_with(
        &self,
        relative: &str,
        secrecy: Secrecy,
        fill: impl FnOnce(&mut Measured) -> io::Result<()>,
    ) -> Result<(), Error> {
        let path = self.place(relative)?;
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(secrecy.mode())
            .open(&path)
            .map_err(Error::io("creating", &path))?;
        // The process's umask must not reach the output.
        file.set_permissions(Permissions::from_mode(secrecy.mode())).map_err(Error::io("writing", &path))?;
        let mut file = Measured { file, hash: Sha256::new(), size: 0 };
        fill(&mut file).map_err(Error::io("writing", &path))?;
        let sha256 = data_encoding::HEXLOWER.encode(&file.hash.finalize());
        self.record(relative, FileRecord { sha256, size: file.size });
        Ok(())
    }

    /// What was written to a path.
    ///
    /// # Errors
    /// As the system says.
    pub(crate) fn read(&self, relative: &str) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(relative))
    }

    /// Whether [`Staging::keep`] would take the file over.
    pub(crate) fn can_keep(&self, relative: &str, secrecy: Secrecy) -> bool {
        self.former.as_ref().and_then(|former| former.unchanged(relative, secrecy.mode())).is_some()
    }

    /// Takes a file over from the former output, if it is still what its manifest says. Returns whether it was taken.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn keep(&self, relative: &str, secrecy: Secrecy) -> Result<bool, Error> {
        let former = self.former.as_ref().and_then(|former| former.unchanged(relative, secrecy.mode()));
        let Some((source, record)) = former else { return Ok(false) };
        let path = self.place(relative)?;
        if fs::hard_link(&source, &path).is_err() {
            return Ok(false);
        }
        self.record(relative, record);
        Ok(true)
    }

    /// As [`Staging::keep`], for files that are what they are together: all are taken over, or none.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn keep_all(&self, relatives: &[String], secrecy: Secrecy) -> Result<bool, Error> {
        for (kept, relative) in relatives.iter().enumerate() {
            if !self.keep(relative, secrecy)? {
                relatives[..kept].iter().try_for_each(|relative| self.forget(relative))?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes back what was written to a path.
    fn forget(&self, relative: &str) -> Result<(), Error> {
        let path = self.folder.join(relative);
        fs::remove_file(&path).map_err(Error::io("removing", &path))?;
        self.files.lock().unwrap_or_else(PoisonError::into_inner).remove(relative);
        Ok(())
    }

    /// The files that were written so far, by their paths.
    pub(crate) fn files(&self) -> BTreeMap<String, FileRecord> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds the manifest, makes everything last on disk, and swaps the new output in; `before_swap` runs when all is
    /// written and nothing is published yet. Returns the manifest with the files.
    ///
    /// # Errors
    /// What `before_swap` returns, or [`Error`]; the former output is then whole.
    pub(crate) fn publish<E: From<Error>>(
        mut self,
        mut manifest: Manifest,
        before_swap: impl FnOnce() -> Result<(), E>,
    ) -> Result<Manifest, E> {
        manifest.files = self.files();
        self.write(MANIFEST, &manifest.write(), Secrecy::Public)?;
        rustix::fs::syncfs(&self.lock).map_err(|error| Error::io("writing", &self.folder)(error.into()))?;
        // What somebody put there meanwhile would be removed.
        match &self.former {
            Some(former) => former.check()?,
            None => drop(Former::examine(&self.target)?),
        }
        before_swap()?;
        self.swap()?;
        Ok(manifest)
    }

    fn swap(&mut self) -> Result<(), Error> {
        set_mode(&self.folder, 0o755)?;
        let exists = self.target.symlink_metadata().is_ok();
        let flags = if exists { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        if exists {
            let former = fs::File::open(&self.target).map_err(Error::io("opening", &self.target))?;
            rustix::fs::flock(&former, FlockOperation::NonBlockingLockExclusive)
                .map_err(|_| Error::InUse { target: self.target.clone() })?;
            self.former_lock = Some(former);
        }
        rustix::fs::renameat_with(CWD, &self.folder, CWD, &self.target, flags)
            .map_err(|error| Error::io("replacing", &self.target)(error.into()))?;
        let parent = fs::File::open(&self.parent).map_err(Error::io("opening", &self.parent))?;
        parent.sync_all().map_err(Error::io("writing", &self.parent))
    }

    fn place(&self, relative: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(relative);
        let mut missing: Vec<&Path> =
            path.ancestors().skip(1).take_while(|folder| *folder != self.folder && !folder.is_dir()).collect();
        while let Some(folder) = missing.pop() {
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::io("creating", folder)(error));
                }
                _ => set_mode(folder, 0o755)?,
            }
        }
        Ok(path)
    }

    fn record(&self, relative: &str, record: FileRecord) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(relative.to_owned(), record);
    }
}

/// A file of the output while it is written.
#[derive(Debug)]
pub(crate) struct Measured {
    file: fs::File,
    hash: Sha256,
    size: u64,
}

impl Write for Measured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Staging {
    /// Removes what was not published, or, after the swap, the former output. What cannot be removed now is removed by
    /// the next run.
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// Removes a folder with all that it holds, its grandchildren on all cores: an output has a folder for each node.
pub(super) fn remove(folder: &Path) {
    let children = |folder: &PathBuf| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        // Never through a link: it may lead out of the folder.
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
    };
    let grandchildren: Vec<PathBuf> = children(&folder.to_path_buf()).iter().flat_map(children).collect();
    grandchildren.par_iter().for_each(|path| {
        let _ = fs::remove_dir_all(path);
    });
    let _ = fs::remove_dir_all(folder);
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("writing", path))
}

/// The folder that holds the target, with all links resolved, and the target's own name.
pub(super) fn split(target: &Path) -> Result<(PathBuf, String), Error> {
    let name = target.file_name().ok_or_else(|| Error::Unnamed { target: target.to_path_buf() })?;
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match parent.canonicalize() {
        Ok(folder) if folder.is_dir() => Ok((folder, name.to_string_lossy().into_owned())),
        Ok(_) => Err(Error::NotFolder { path: parent.to_path_buf(), what: "a file" }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::NoParent { target: target.to_path_buf(), parent: parent.to_path_buf() })
        }
        Err(error) => Err(Error::io("opening", parent)(error)),
    }
}

/// Makes the staging folder and locks it. One that nobody holds is what a killed run left: it is emptied.
pub(super) fn lock(target: &Path, folder: &Path) -> Result<fs::File, Error> {
    for _ in 0..3 {
        match std::fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("creating", folder)(error));
            }
            _ => {}
        }
        if folder.is_symlink() {
            return Err(Error::NotFolder { path: folder.to_path_buf(), what: "a symbolic link" });
        }
        let handle = fs::File::open(folder).map_err(Error::io("opening", folder))?;
        if rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(Error::InUse { target: target.to_path_buf() });
        }
        if is_same(&handle, folder) {
            empty(folder)?;
            return Ok(handle);
        }
    }
    Err(Error::InUse { target: target.to_path_buf() })
}

/// Whether the folder at the path is still the one that was opened: another run may have swapped it away meanwhile.
fn is_same(handle: &fs::File, folder: &Path) -> bool {
    let (Ok(opened), Ok(there)) = (handle.metadata(), folder.symlink_metadata()) else { return false };
    (opened.dev(), opened.ino()) == (there.dev(), there.ino())
}

fn empty(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io("listing", folder))? {
        let entry = entry.map_err(Error::io("listing", folder))?;
        let path = entry.path();
        let is_folder = entry.file_type().map_err(Error::io("examining", &path))?.is_dir();
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(Error::io("removing", &path))?;
    }
    set_mode(folder, 0o700)
}
