//! What can go wrong in a store.

use crate::digest::Digest;
use crate::stop;
use std::io;
use std::path::PathBuf;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was being done: "writing", "reading".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The folder holds something else than an OCI image layout.
    #[error("{} {reason}; name an empty folder, or one that holds an OCI image layout", path.display())]
    NotALayout {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What is there instead.
        reason: String,
    },
    /// A file where a blob belongs is none: a link, a folder, a device.
    #[error("{} is no regular file or folder; remove it and run again", path.display())]
    NotRegular {
        /// The place.
        path: PathBuf,
    },
    /// More bytes came than the blob has.
    #[error("blob {digest}: more than its {size} bytes came; what was written of it is not used")]
    TooLong {
        /// The blob.
        digest: Digest,
        /// Its size by its descriptor, in bytes.
        size: u64,
    },
    /// Fewer bytes came than the blob has.
    #[error("blob {digest}: {written} of {size} bytes came")]
    Short {
        /// The blob.
        digest: Digest,
        /// Its size by its descriptor, in bytes.
        size: u64,
        /// What came, in bytes.
        written: u64,
    },
    /// The bytes do not hash to the digest. They have been removed.
    #[error("blob {digest}: what came has the digest {found}; it is not kept")]
    Mismatch {
        /// The blob that was wanted.
        digest: Digest,
        /// What the bytes hash to.
        found: Digest,
        /// Whether the first bytes were left by an earlier run, so that a fetch from the start may help.
        resumed: bool,
    },
    /// Another process holds the blob or the index and makes no progress.
    #[error("{} is locked by another process that makes no progress; end it, or run again when it has ended", path.display())]
    Busy {
        /// What is locked.
        path: PathBuf,
    },
    /// Somebody asked to stop.
    #[error("stopped")]
    Stopped,
    /// The index would be larger than readers accept.
    #[error("{}: the index would have {size} bytes; readers accept {limit}", path.display())]
    IndexTooLarge {
        /// `index.json`.
        path: PathBuf,
        /// What it would have, in bytes.
        size: u64,
        /// What is allowed, in bytes.
        limit: u64,
    },
}

impl StoreError {
    /// Adds what was done, and where, to an error of the system.
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| if stop::is_stop(&source) { Self::Stopped } else { Self::Io { doing, path, source } }
    }

    /// Whether the disk, or what the user may use of it, is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}
