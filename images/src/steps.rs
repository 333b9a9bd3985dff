//! Changes of the disk, announced before they are made: for tests that fill the disk, or end the process, at a chosen one.
//!
//! Nothing is changed here: see [`crate::store`] and [`crate::archive`].

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A kind of change of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A folder is made.
    MakeFolder,
    /// A file is made, unless it is there.
    Create,
    /// Bytes are added to a file.
    Write,
    /// A file is cut.
    Truncate,
    /// A file's bytes are brought to the disk.
    SyncFile,
    /// A file gets its final name.
    Rename,
    /// A folder's names are brought to the disk.
    SyncFolder,
    /// A file is removed.
    Remove,
}

/// Is told of each change before it is made, and may refuse it.
pub trait Steps: Send + Sync {
    /// Called before the change of `path`.
    ///
    /// # Errors
    /// An error stands for the system's refusal: the change is not made.
    fn before(&self, step: Step, path: &Path) -> io::Result<()>;
}

/// Who is told of changes: nobody, unless a test is.
#[derive(Clone, Default)]
pub struct Watcher(Option<Arc<dyn Steps>>);

impl Watcher {
    /// One who is told.
    #[must_use]
    pub fn of(steps: Arc<dyn Steps>) -> Self {
        Self(Some(steps))
    }

    /// Announces a change.
    pub(crate) fn before(&self, step: Step, path: &Path) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |steps| steps.before(step, path))
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watcher(of a test)" } else { "Watcher" })
    }
}
