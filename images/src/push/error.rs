//! What can go wrong in a push.

use crate::content::ContentError;
use crate::digest::Digest;
use crate::layout::LayoutError;
use crate::registry::RegistryError;
use std::sync::Arc;

/// Why a push did not bring all of a bundle.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The registry is away, or wants no more requests. What was sent stays there, and the next push goes on.
    #[error("the registry fails again and again, run again when it is well: {0}")]
    Registry(Arc<RegistryError>),
    /// The bundle is a delta, and the registry lacks what it stands on. Nothing was written.
    #[error("{}", base(.0))]
    Base(Vec<Absent>),
    /// Somebody asked to stop. The next push goes on where this one ended.
    #[error("stopped; run again to go on")]
    Stopped,
    /// Some images are not in the registry. The others are.
    #[error("{} could not be pushed", counted(.0.len()))]
    Incomplete(Vec<Failure>),
}

/// A blob that a delta stands on and that the registry does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// The blob.
    pub digest: Digest,
    /// Where it should be, or be mounted into.
    pub repository: String,
    /// The images that need it, sorted.
    pub needed_by: Vec<String>,
}

fn base(absent: &[Absent]) -> String {
    let first = absent
        .iter()
        .take(5)
        .map(|blob| format!("\n  {} in {}, for {}", blob.digest, blob.repository, blob.needed_by.join(", ")));
    let rest = absent.len().saturating_sub(5);
    let more = if rest > 0 { format!("\n  and {rest} more") } else { String::new() };
    format!(
        "the bundle is a delta, and the registry lacks what it stands on; push the earlier bundle first, or create this one \
         again with a new receipt:{}{more}",
        first.collect::<String>()
    )
}

fn counted(count: usize) -> String {
    if count == 1 { "one image".to_owned() } else { format!("{count} images") }
}

/// An image or artifact that is not in the registry, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct Failure {
    /// As the bundle names it.
    pub name: String,
    /// The first problem that was met.
    pub problem: Problem,
}

/// What is wrong with one part of an image.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// The registry did not take it, or did not answer.
    #[error("{0}")]
    Registry(Arc<RegistryError>),
    /// The bundle cannot be read there.
    #[error("{0}")]
    Content(Arc<ContentError>),
    /// The name in `index.json` is no whole reference.
    #[error("`{written}` {reason}")]
    Name {
        /// As it is written.
        written: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two entries of `index.json` want the same tag.
    #[error("{place} is wanted for {other} too; a tag has one image only, so create the bundle again")]
    Taken {
        /// Repository and tag.
        place: String,
        /// The entry that came first.
        other: Digest,
    },
    /// A document of the bundle cannot be used.
    #[error("{digest} {error}")]
    Document {
        /// Which.
        digest: Digest,
        /// What is wrong.
        error: LayoutError,
    },
    /// Something in `index.json` that is neither an image nor an artifact.
    #[error("{digest} is of the type {media_type}, which has no place in a registry of its own")]
    Kind {
        /// Which.
        digest: Digest,
        /// Its type.
        media_type: String,
    },
    /// A blob has another size than the document above it says.
    #[error("{digest} has {found} bytes in the {place}, but {wanted} are promised")]
    Size {
        /// Which.
        digest: Digest,
        /// Bundle or registry.
        place: &'static str,
        /// Bytes promised.
        wanted: u64,
        /// Bytes there.
        found: u64,
    },
    /// A part is not in the bundle, and the bundle does not say that it lies elsewhere.
    #[error("{0} is not in the bundle; verify the bundle, and create it again")]
    Missing(Digest),
    /// The registry refused a blob, and it is the bundle's fault.
    #[error("{digest} is damaged in the bundle: its bytes are those of {found}; copy or create the bundle again")]
    Damaged {
        /// Which.
        digest: Digest,
        /// What its bytes hash to.
        found: Digest,
    },
    /// A delta stands on a blob that lies in another repository, and the registry does not take it from there.
    #[error(
        "{digest} lies in {from}, and the registry does not mount it from there; create the bundle without --since"
    )]
    NotMounted {
        /// Which.
        digest: Digest,
        /// The repository that has it.
        from: String,
    },
    /// The registry took a document and then has another, or none.
    #[error("the registry took {place}, but says now that it has {}", .found.as_ref().map_or("nothing there", Digest::as_str))]
    Lost {
        /// Repository and tag or digest.
        place: String,
        /// What it has.
        found: Option<Digest>,
    },
    /// Documents nest too deep, or there are too many.
    #[error("{0}")]
    Limit(String),
}
