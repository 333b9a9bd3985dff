//! The lock on a state folder: `flock` on an empty file, so that holding it changes nothing that a backup would see.
//!
//! It does not protect against programs that ignore it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::store::folder::open_plain;
use crate::store::{FILE_MODE, Folder, LOCK};

const PAUSE: Duration = Duration::from_millis(50);

/// The lock, held until dropped (or until the process ends in whatever way).
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits at most `patience` for the lock.
    pub(crate) fn acquire(folder: &Folder, patience: Duration) -> Result<Self, Error> {
        let path = folder.path(LOCK);
        let file = match open_plain(&path, OpenOptions::new().read(true)) {
            Err(Error::MissingFile { .. }) => {
                open_plain(&path, OpenOptions::new().read(true).write(true).create(true).mode(FILE_MODE))?
            }
            opened => opened?,
        };
        let metadata = file.metadata().map_err(Error::io("looking at", &path))?;
        folder.check_access(&path, &metadata, FILE_MODE)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(error)) => return Err(Error::io("locking", &path)(error)),
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let (holder, waited_seconds) = (holder(metadata.ino()), start.elapsed().as_secs());
                    return Err(Error::Locked { path, holder, waited_seconds });
                }
            }
        }
    }
}

/// Who holds a lock on this inode, as far as Linux tells (proc(5), `/proc/locks`).
fn holder(inode: u64) -> String {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let process = locks.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (kind, process) = (fields.next()?, fields.nth(2)?);
        let (_, number) = fields.next()?.rsplit_once(':')?;
        (kind == "FLOCK" && number.parse() == Ok(inode)).then(|| process.to_owned())
    });
    match process {
        Some(process) => {
            let name = fs::read_to_string(Path::new("/proc").join(&process).join("comm")).unwrap_or_default();
            format!("process {process} ({})", if name.is_empty() { "not visible from here" } else { name.trim_end() })
        }
        None => "another process".to_owned(),
    }
}
