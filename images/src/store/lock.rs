//! Waiting for a lock that another writer holds, but not for ever.
//!
//! Locks are those of `flock(2)`: the kernel takes them from a process that ends, however it ends.

use super::StoreError;
use crate::stop::Stop;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(25);

/// Locks `file`. While another holds it, waits as long as the file grows, and then `patience` more.
pub(super) fn lock(file: &File, path: &Path, patience: Duration, stop: &Stop) -> Result<(), StoreError> {
    let length = || file.metadata().map(|about| about.len()).unwrap_or_default();
    let (mut seen, mut since) = (length(), Instant::now());
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(StoreError::io("locking", path)(error)),
        }
        let now = length();
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        if since.elapsed() > patience {
            return Err(StoreError::Busy { path: path.to_owned() });
        }
        if !stop.sleep(LOOK) {
            return Err(StoreError::Stopped);
        }
    }
}
