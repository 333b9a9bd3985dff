//! The last look at a log that stands still: others ask for it all the time, and reading it takes long.

use super::{MEMBER, inspect};
use crate::guard::OwnData;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What was found, and what the files looked like before.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Option<(Vec<Stamp>, OwnData)>>);

/// A file's name, inode, size, and when it was written.
type Stamp = (String, u64, u64, i64, i64);

impl Kept {
    /// As [`inspect`], but reads again only what has changed.
    pub(crate) fn inspect(&self, data_dir: &Path, running: bool) -> OwnData {
        if running {
            return inspect(data_dir, true);
        }
        // Two that ask at once wait for one look.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(now) = stamps(&data_dir.join(MEMBER)) else { return OwnData::Unknown };
        if let Some((before, data)) = &*kept
            && *before == now
        {
            return *data;
        }
        let data = inspect(data_dir, false);
        *kept = (data != OwnData::Unknown).then_some((now, data));
        data
    }
}

fn stamps(member: &Path) -> io::Result<Vec<Stamp>> {
    let mut stamps = Vec::new();
    for folder in ["wal", "snap"] {
        let folder = member.join(folder);
        for name in super::names(&folder)? {
            let file = fs_err::metadata(folder.join(&name))?;
            stamps.push((name, file.ino(), file.len(), file.mtime(), file.mtime_nsec()));
        }
    }
    stamps.sort_unstable();
    Ok(stamps)
}
