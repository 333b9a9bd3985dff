//! [`Replacement`]: a file that is written beside its name and takes its place when it is whole.
//!
//! The name beside is always the same (`.NAME.partial`). A run that fails removes it; what a killed run left, the next takes over.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{ArchiveError, folder_of};
use crate::content::is_named;
use crate::early::Early;
use crate::steps::{Step, Watcher};

/// How often the file beside may vanish under our lock before we give up: each time another run ended.
const RACES: usize = 100;

/// A file in the making.
#[derive(Debug)]
pub(crate) struct Replacement {
    path: PathBuf,
    // Dropped before the file, whose lock thus covers the removal.
    partial: Partial,
    file: File,
    written: u64,
    early: Early,
}

/// A whole file that is on the disk but not yet in its place.
#[derive(Debug)]
pub(crate) struct Sealed {
    path: PathBuf,
    partial: Partial,
    // The lock lasts until the file is in its place.
    lock: Option<File>,
}

/// The name beside. Dropped before the file took its place, it is removed.
#[derive(Debug)]
struct Partial {
    path: PathBuf,
    placed: bool,
    watcher: Watcher,
}

impl Replacement {
    /// Begins a file that will lie at `path`.
    pub(crate) fn create(path: &Path, watcher: &Watcher) -> Result<Self, ArchiveError> {
        let partial = beside(path);
        let write = |source| ArchiveError::Write { path: partial.clone(), source };
        for _ in 0..RACES {
            let file = watcher.before(Step::Create, &partial).and_then(|()| open(&partial)).map_err(write)?;
            if !claim(&file, path, &partial)? {
                continue;
            }
            // Dropped, it removes the file, which is ours from here on.
            let ours = Partial { path: partial.clone(), placed: false, watcher: watcher.clone() };
            watcher.before(Step::Truncate, &partial).and_then(|()| file.set_len(0)).map_err(write)?;
            let partial = ours;
            return Ok(Self { path: path.to_owned(), partial, file, written: 0, early: Early::default() });
        }
        Err(ArchiveError::Busy(path.to_owned()))
    }

    /// Writes the next bytes.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        Write::write_all(self, bytes).map_err(|source| ArchiveError::Write { path: self.partial.path.clone(), source })
    }

    /// Brings everything to the disk.
    pub(crate) fn seal(self) -> Result<Sealed, ArchiveError> {
        let Self { path, partial, file, .. } = self;
        let synced = partial.watcher.before(Step::SyncFile, &partial.path).and_then(|()| file.sync_all());
        synced.map_err(|source| ArchiveError::Write { path: partial.path.clone(), source })?;
        Ok(Sealed { path, partial, lock: Some(file) })
    }
}

/// Where a file lies while it is written.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    folder_of(path).join(format!(".{name}.partial"))
}

fn open(partial: &Path) -> io::Result<File> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).expect("the flags of open(2) are an int");
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).custom_flags(flags).open(partial)
}

/// Locks the opened file. `false`: another run gave it its place, or removed it, since it was opened, and it is not ours to cut.
fn claim(file: &File, path: &Path, partial: &Path) -> Result<bool, ArchiveError> {
    match file.try_lock() {
        Ok(()) => Ok(is_named(file, partial)),
        Err(TryLockError::WouldBlock) => Err(ArchiveError::Busy(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(ArchiveError::Write { path: partial.to_owned(), source }),
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.watcher.before(Step::Write, &self.partial.path)?;
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        self.early.written(&self.file, self.written);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sealed {
    /// Where the bytes lie until they are published.
    pub(crate) fn partial(&self) -> &Path {
        &self.partial.path
    }

    /// The same without its lock and its open file, for one of many files that another lock covers.
    pub(crate) fn closed(self) -> Self {
        Self { lock: None, ..self }
    }

    /// Takes its place. The folder is still to be synced: see [`sync_folder`].
    pub(crate) fn publish(mut self) -> Result<(), ArchiveError> {
        let announced = self.partial.watcher.before(Step::Rename, &self.path);
        let renamed = announced.and_then(|()| std::fs::rename(&self.partial.path, &self.path));
        renamed.map_err(|source| ArchiveError::Write { path: self.path.clone(), source })?;
        self.partial.placed = true;
        drop(self.lock);
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.placed {
            // The next run would take it over anyway.
            let _ = self.watcher.before(Step::Remove, &self.path).and_then(|()| std::fs::remove_file(&self.path));
        }
    }
}

/// Removes a file of an earlier run, if there is one.
pub(crate) fn remove_stale(path: &Path, watcher: &Watcher) -> Result<(), ArchiveError> {
    match watcher.before(Step::Remove, path).and_then(|()| std::fs::remove_file(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ArchiveError::Write { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Makes the names in the folder of `path` last.
pub(crate) fn sync_folder(path: &Path, watcher: &Watcher) -> Result<(), ArchiveError> {
    let folder = folder_of(path);
    let synced = watcher.before(Step::SyncFolder, folder).and_then(|()| File::open(folder)?.sync_all());
    synced.map_err(|source| ArchiveError::Write { path: folder.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::{Replacement, claim, open};
    use crate::archive::ArchiveError;
    use crate::steps::Watcher;

    #[test]
    fn a_file_that_took_its_place_meanwhile_is_not_cut() {
        let folder = tempfile::tempdir().unwrap();
        let (path, partial) = (folder.path().join("b.tar"), folder.path().join(".b.tar.partial"));
        let mut first = Replacement::create(&path, &Watcher::default()).unwrap();
        first.write_all(b"whole").unwrap();
        // Another run opens the file beside just before the first one publishes it.
        let late = open(&partial).unwrap();
        assert!(matches!(claim(&late, &path, &partial), Err(ArchiveError::Busy(_))));
        first.seal().unwrap().publish().unwrap();
        assert!(!claim(&late, &path, &partial).unwrap(), "it is the published file now");
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn what_is_not_published_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.tar");
        let mut begun = Replacement::create(&path, &Watcher::default()).unwrap();
        begun.write_all(b"half").unwrap();
        drop(begun);
        drop(Replacement::create(&path, &Watcher::default()).unwrap().seal().unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
