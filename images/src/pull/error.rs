//! What can go wrong in a pull.

use crate::digest::Digest;
use crate::layout::{Descriptor, LayoutError, WalkError};
use crate::reference::Reference;
use crate::registry::RegistryError;
use crate::store::StoreError;

/// Why a pull did not bring all that was wanted.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The store cannot be written: the pull ended there, and the next one goes on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody asked to stop. The next pull goes on where this one ended.
    #[error("stopped; run again to go on")]
    Stopped,
    /// Some images are not complete. The others are in the store and listed.
    #[error("{} could not be pulled as a whole", counted(.0.len()))]
    Incomplete(Vec<Failure>),
}

fn counted(count: usize) -> String {
    if count == 1 { "one image".to_owned() } else { format!("{count} images") }
}

/// An image that is not complete, and why.
#[derive(Debug, thiserror::Error)]
#[error("{reference}: {problem}")]
pub struct Failure {
    /// What was wanted.
    pub reference: Reference,
    /// The first problem that was met.
    pub problem: Problem,
}

/// What is wrong with one part of an image.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// The registry, or the last of several that were asked.
    #[error("{0}")]
    Registry(std::sync::Arc<RegistryError>),
    /// The bytes, wherever they came from.
    #[error("{0}")]
    Blob(std::sync::Arc<StoreError>),
    /// A document that was found in the store, or its place among the others.
    #[error("{digest} {error}")]
    Document {
        /// Which.
        digest: Digest,
        /// What is wrong.
        error: LayoutError,
    },
    /// The image is not made for a machine that was chosen.
    #[error("there is no image for linux/{wanted}; it has {}", listed(.found))]
    Architecture {
        /// The architecture.
        wanted: String,
        /// The platforms that it is made for.
        found: Vec<String>,
    },
    /// Two documents disagree about a blob.
    #[error("{digest} has {first} bytes by one document and {second} by another")]
    Sizes {
        /// The blob.
        digest: Digest,
        /// Size by the first, in bytes.
        first: u64,
        /// Size by the second, in bytes.
        second: u64,
    },
    /// A registry calls a document by another type or size than the one above it does.
    #[error("{digest} is described as {wanted}, but comes as {found}")]
    Described {
        /// The document.
        digest: Digest,
        /// By the document above.
        wanted: String,
        /// By the registry.
        found: String,
    },
    /// Documents nest too deep, or in a ring, or there are too many.
    #[error("{0}")]
    Limit(String),
    /// A part is missing in the end.
    #[error("{} of {} bytes is missing", .0.digest, .0.size)]
    Missing(Box<Descriptor>),
}

fn listed(found: &[String]) -> String {
    if found.is_empty() { "no platform at all".to_owned() } else { found.join(", ") }
}

/// Why one step failed: for its image only, or for the whole pull.
#[derive(Debug)]
pub(crate) enum Fault {
    Image(Problem),
    All(PullError),
}

impl From<RegistryError> for Fault {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Stopped => Self::All(PullError::Stopped),
            other => Self::Image(Problem::Registry(other.into())),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => Self::All(PullError::Stopped),
            StoreError::Mismatch { .. } | StoreError::TooLong { .. } | StoreError::Short { .. } => {
                Self::Image(Problem::Blob(error.into()))
            }
            other => Self::All(PullError::Store(other)),
        }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Image(problem)
    }
}

impl From<WalkError<StoreError>> for Fault {
    fn from(error: WalkError<StoreError>) -> Self {
        match error {
            WalkError::Read(error) => error.into(),
            WalkError::Document { digest, error } => Self::Image(Problem::Document { digest, error }),
            WalkError::Sizes { digest, first, second } => Self::Image(Problem::Sizes { digest, first, second }),
            other => Self::Image(Problem::Limit(other.to_string())),
        }
    }
}
