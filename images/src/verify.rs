//! Rehashes a whole bundle and says what is damaged or missing, and what each such blob breaks.
//!
//! It judges the bundle in itself. Whether a cluster needs something that is not in it at all is the closed-world proof's
//! question.

mod references;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::content::{Content, Extent};
use crate::digest::Digest;
use crate::hasher::{Hasher, sha256};
use crate::parallel;

pub use references::References;

/// What is wrong with a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something refers to it and it is not there.
    Missing,
    /// Its bytes are those of another digest.
    Damaged(Digest),
    /// It has another size than something that refers to it says: bytes there, bytes promised.
    Size(u64, u64),
    /// It can't be read: the system's reason.
    Unreadable(String),
    /// It is an index or a manifest, and malformed: what is wrong.
    Malformed(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Damaged(found) => write!(f, "is damaged: its bytes are those of {found}"),
            Self::Size(found, wanted) => write!(f, "has {found} bytes, but {wanted} are promised"),
            Self::Unreadable(reason) => write!(f, "can't be read: {reason}"),
            Self::Malformed(reason) => f.write_str(reason),
        }
    }
}

/// One blob that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The blob.
    pub digest: Digest,
    /// What is wrong with it.
    pub fault: Fault,
    /// The references that need it, sorted; a blob that nothing refers to breaks none.
    pub breaks: Vec<String>,
}

/// What was found of a bundle.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Blobs that were hashed.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong, in the order of the digests.
    pub findings: Vec<Finding>,
    /// What is wrong with the bundle as a whole, in words for a person.
    pub problems: Vec<String>,
    /// Blobs that a delta leaves to what it stands on.
    pub elsewhere: Vec<Digest>,
    /// Blobs that are here and that nothing refers to.
    pub unreferenced: Vec<Digest>,
}

impl Report {
    /// Whether the bundle is whole and every byte of it is right.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty() && self.problems.is_empty()
    }
}

/// Rehashes every blob, in parallel, and follows every reference; `progress` gets the bytes that were hashed last.
#[must_use]
pub fn verify(content: &Content, progress: &(dyn Fn(u64) + Sync)) -> Report {
    let mut blobs: Vec<(&Digest, &Extent)> = content.blobs().collect();
    // The longest first, so that no thread begins it when the others are done.
    blobs.sort_by_key(|(digest, extent)| (std::cmp::Reverse(extent.size()), *digest));
    let bytes = AtomicU64::new(0);
    let count = |hashed: u64| {
        bytes.fetch_add(hashed, Ordering::Relaxed);
        progress(hashed);
    };
    let faults = parallel::each(&blobs, parallel::threads(), |(digest, extent)| hash(digest, extent, &count));
    let damaged = blobs.iter().zip(faults).filter_map(|((digest, _), fault)| Some(((*digest).clone(), fault?)));
    let mut report = references::judge(content, damaged.collect());
    report.blobs = blobs.len() as u64;
    report.bytes = bytes.into_inner();
    report.problems.extend(check_index(content));
    report
}

/// Hashes one blob; `None` when it is sound.
fn hash(digest: &Digest, extent: &Extent, count: &(dyn Fn(u64) + Sync)) -> Option<Fault> {
    let mut hasher = Hasher::like(digest);
    if let Err(error) = hasher.read_counted(extent.reader(), count) {
        return Some(Fault::Unreadable(error.to_string()));
    }
    let found = hasher.finish();
    (found != *digest).then_some(Fault::Damaged(found))
}

/// `bundle.json` names the `index.json` that it was written with.
fn check_index(content: &Content) -> Vec<String> {
    let Some(manifest) = content.manifest() else { return Vec::new() };
    let mut problems = Vec::new();
    let found = sha256(content.index_bytes());
    if manifest.index.as_ref().is_some_and(|wanted| *wanted != found) {
        problems
            .push("index.json is not the one that bundle.json was written with; create the bundle again".to_owned());
    }
    for (reference, image) in &manifest.images {
        let listed = content
            .index()
            .manifests
            .iter()
            .any(|entry| entry.digest == image.digest && entry.reference().is_some_and(|name| name == reference));
        if !listed {
            problems
                .push(format!("bundle.json promises {reference} at {}, which index.json does not list", image.digest));
        }
    }
    problems
}
