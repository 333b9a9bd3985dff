//! Why chunks can't be rebuilt.

use std::path::PathBuf;

use crate::archive::ArchiveError;
use crate::content::ContentError;

/// Chunks that were not rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum ParityError {
    /// The manifest or a chunk can't be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// A chunk can't be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// More is lost than parity can give back.
    #[error("{} of the chunks are lost ({}), but only {parity} parity chunks are sound; copy some of them again", lost.len(), lost.join(", "))]
    TooManyLost {
        /// The chunks.
        lost: Vec<String>,
        /// Sound parity chunks.
        parity: usize,
    },
    /// What was rebuilt is not what the manifest says; nothing was put into place.
    #[error("{0} came out with another digest than its manifest says: manifest and chunks do not belong together")]
    Mismatch(PathBuf),
    /// The code refused.
    #[error("rebuilding chunks: {0}")]
    Code(#[from] reed_solomon_simd::Error),
}
