//! Why a bundle was not created.

use crate::archive::ArchiveError;
use crate::component::Architecture;
use crate::content::ContentError;
use crate::download::{AttachError, DownloadFailure};
use crate::lock::{Change, LockError};
use crate::pull::Failure;
use crate::receipt::ReceiptError;
use crate::reference::Reference;
use crate::store::StoreError;
use std::path::PathBuf;

/// A bundle that was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// No architecture was chosen.
    #[error("no architecture is chosen; name amd64, arm64 or both")]
    NoArchitecture,
    /// The lock does not know everything.
    #[error("the lock lacks {}; run again with --update", listed(.0))]
    NotLocked(Vec<Reference>),
    /// What is to be renewed is nothing that was asked for.
    #[error("nothing here asks for {}, so it cannot be updated; `kfimg images` prints what a cluster asks for", listed(.0))]
    NotAsked(Vec<Reference>),
    /// The lock was made for other machines.
    #[error("the lock does not cover {0}; run again with --update")]
    LockArchitecture(Architecture),
    /// What the registries have is not what the lock says.
    #[error("what was fetched is not what the lock says: {}; if that is right, run again with --update", listed(.0))]
    LockDiffers(Vec<Change>),
    /// Some images or host programs are missing. The others are in the store.
    #[error("{} could not be fetched", counted(.images.len(), .binaries.len()))]
    Incomplete {
        /// Images.
        images: Vec<Failure>,
        /// Host programs.
        binaries: Vec<DownloadFailure>,
    },
    /// Somebody asked to stop.
    #[error("stopped; run again to go on")]
    Stopped,
    /// The store cannot be written or read.
    #[error(transparent)]
    Store(StoreError),
    /// A file of this machine.
    #[error(transparent)]
    Attach(AttachError),
    /// The folder holds images that no bundle of kfimg put there, and that would be removed.
    #[error("{} is an OCI image layout of another program; name another folder, or remove it", .0.display())]
    Foreign(PathBuf),
    /// The folder is a bundle of its own, of which a delta would remove most.
    #[error("{} is a whole bundle, and a delta in its place would lose what the receipt names; write the delta elsewhere, for instance into a tar", .0.display())]
    Whole(PathBuf),
    /// Documents in the store do not fit together.
    #[error("{0}")]
    Documents(String),
    /// A lock cannot be made of what was fetched.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What the far side has cannot be compared.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The store cannot be read as a bundle.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The tar, the chunks or `bundle.json` cannot be written.
    #[error(transparent)]
    Archive(ArchiveError),
}

impl From<ArchiveError> for CreateError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Stopped => Self::Stopped,
            other => Self::Archive(other),
        }
    }
}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => Self::Stopped,
            other => Self::Store(other),
        }
    }
}

impl From<AttachError> for CreateError {
    fn from(error: AttachError) -> Self {
        match error {
            AttachError::Store(error) => error.into(),
            other => Self::Attach(other),
        }
    }
}

/// At most three by name.
fn listed<T: std::fmt::Display>(all: &[T]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = all.iter().take(NAMED).map(ToString::to_string).collect();
    match all.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn counted(images: usize, binaries: usize) -> String {
    let of = |count: usize, one: &str| match count {
        0 => None,
        1 => Some(format!("one {one}")),
        more => Some(format!("{more} {one}s")),
    };
    [of(images, "image"), of(binaries, "host program")].into_iter().flatten().collect::<Vec<_>>().join(" and ")
}
