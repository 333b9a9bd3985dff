//! Why a host program could not be had.

use super::Binary;
use crate::pull::Problem;
use crate::reference::ReferenceError;
use crate::store::StoreError;

/// Why a download did not bring all that was wanted.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The store cannot be written: the next run goes on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody asked to stop. The next run goes on where this one ended.
    #[error("stopped; run again to go on")]
    Stopped,
    /// Some programs are missing. The others are in the store and listed.
    #[error("{} of the host programs could not be downloaded", .0.len())]
    Incomplete(Vec<DownloadFailure>),
}

/// A host program that is missing, and why.
#[derive(Debug, thiserror::Error)]
#[error("{} {} for {}: {problem}", binary.artifact.part, binary.artifact.version, binary.architecture)]
pub struct DownloadFailure {
    /// What was wanted.
    pub binary: Binary,
    /// What is wrong.
    pub problem: DownloadProblem,
}

/// What is wrong with one host program.
#[derive(Debug, thiserror::Error)]
pub enum DownloadProblem {
    /// The server, or the bytes.
    #[error(transparent)]
    Fetch(#[from] Problem),
    /// The checksum file does not tell the digest.
    #[error("{url}: {reason}")]
    Checksum {
        /// The file.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No host program is that large.
    #[error("the file has {size} bytes, but at most {limit} are fetched; check its address")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The bound in bytes.
        limit: u64,
    },
    /// The version gives no name for the bundle.
    #[error("its version is no tag: {0}")]
    Name(ReferenceError),
}

/// Why one program failed: for itself, or for all.
#[derive(Debug)]
pub(super) enum Failed {
    Problem(DownloadProblem),
    Store(StoreError),
    Stopped,
}

impl From<DownloadProblem> for Failed {
    fn from(problem: DownloadProblem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => Self::Stopped,
            other => Self::Store(other),
        }
    }
}
