//! [`Writing`]: who looks on while a bundle is written.

use crate::archive::ArchiveError;
use crate::steps::Watcher;
use crate::stop::Stop;

/// Who looks on while a bundle is written, or chunks are rebuilt; nobody, unless told.
#[derive(Clone)]
pub struct Writing<'a> {
    /// Is told of the number of bytes that were written last, or hashed.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Ends it early, with [`ArchiveError::Stopped`] and nothing half-written.
    pub stop: Stop,
    /// Is told of each change of the disk.
    pub watcher: Watcher,
}

impl Default for Writing<'_> {
    fn default() -> Self {
        Self { progress: &|_| (), stop: Stop::new(), watcher: Watcher::default() }
    }
}

impl Writing<'_> {
    /// Whether to go on.
    pub(crate) fn go_on(&self) -> Result<(), ArchiveError> {
        if self.stop.is_asked() { Err(ArchiveError::Stopped) } else { Ok(()) }
    }
}
