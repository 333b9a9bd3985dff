//! Why a bundle can't be written as a file or as chunks.

use std::io;
use std::path::PathBuf;

use crate::content::ContentError;

/// A file or a set of chunks that was not written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The bundle can't be read, or is damaged.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The target can't be written.
    #[error("writing {path}: {source}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Somebody asked to stop. What was there before is as it was.
    #[error("stopped; run again to write it")]
    Stopped,
    /// Another process writes the same target.
    #[error("{0} is being written by another process; wait for it, or name another target")]
    Busy(PathBuf),
    /// The name of a chunk manifest is not one.
    #[error("`{0}` is no name of a chunk manifest; write NAME.chunks.json")]
    Name(PathBuf),
    /// The chunk size is not possible.
    #[error("a chunk size of {size} bytes is not possible: {reason}")]
    ChunkSize {
        /// Bytes wished for.
        size: u64,
        /// Why not.
        reason: String,
    },
    /// Parity is not possible.
    #[error("{wanted} parity chunks are not possible: {reason}")]
    Parity {
        /// How many were wished for.
        wanted: usize,
        /// Why not.
        reason: String,
    },
}
