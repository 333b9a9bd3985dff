//! Why a lock is not read or made, and what to do.

use std::io;
use std::path::PathBuf;

use crate::reference::Reference;
use crate::store::StoreError;

/// A lock that is not used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The system refused, or it is no file that could be a lock.
    #[error("reading {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The text is no lock.
    #[error("{}:{line}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document below a reference cannot be used.
    #[error("{reference}: {reason}")]
    Document {
        /// The reference.
        reference: Reference,
        /// What is wrong.
        reason: String,
    },
}
