//! Rehashes a whole bundle and says what is damaged or missing, and what each such blob breaks.
//!
//! It judges the bundle in itself. Whether a cluster needs something that is not in it at all is the closed-world proof's
//! question.

mod hash;
mod index;
mod pass;
mod references;
mod turns;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::archive::{self, ChunkReport};
use crate::content::{Content, ContentError};
use crate::digest::Digest;
use crate::hasher::Hasher;
use crate::parallel;
use crate::stop::Stop;

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

impl Fault {
    /// What is wrong with a blob whose bytes were hashed.
    fn of(digest: &Digest, hasher: Hasher) -> Option<Self> {
        Some(hasher.finish()).filter(|found| found != digest).map(Self::Damaged)
    }
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
    /// The references that need it, sorted; a blob that nothing refers to breaks none. When a report would have more of them than a
    /// person reads, the last findings name fewer, and a problem says so.
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
    let blobs: Vec<hash::Blob<'_>> = content.blobs().collect();
    let bytes = AtomicU64::new(0);
    let count = |hashed: u64| {
        bytes.fetch_add(hashed, Ordering::Relaxed);
        progress(hashed);
    };
    let damaged = hash::all(&blobs, parallel::threads(), &count);
    judge(content, damaged, bytes.into_inner())
}

/// As [`verify`] and [`archive::verify_chunks`] of a bundle that lies in chunks, but every byte is read once for both; only where there
/// are more than two threads, a few blobs are read twice. `progress` gets the bytes that were read last.
///
/// # Errors
/// When the bundle's place is no manifest of chunks.
pub fn verify_chunked(
    content: &Content,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(ChunkReport, Report), ContentError> {
    chunked(content, parallel::threads(), progress)
}

fn chunked(
    content: &Content,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(ChunkReport, Report), ContentError> {
    let manifest = Content::chunk_manifest(content.place())?;
    let folder = archive::folder_of(content.place());
    let mut blobs: Vec<hash::Blob<'_>> = content.blobs().collect();
    let passed = pass::run(folder, &manifest.chunks, &blobs, threads, progress);
    let parity = archive::check_all(folder, &manifest.parity, threads, progress, &Stop::new());
    blobs.retain(|(digest, _)| !passed.hashed.contains(*digest));
    let mut damaged = passed.faults;
    damaged.extend(hash::all(&blobs, threads, progress));
    let readable = |digest: &Digest| !matches!(damaged.get(digest), Some(Fault::Unreadable(_)));
    let bytes = content.blobs().filter(|(digest, _)| readable(digest)).map(|(_, extent)| extent.size()).sum();
    Ok((ChunkReport { manifest, chunks: passed.chunks, parity }, judge(content, damaged, bytes)))
}

/// Joins what is wrong with the bytes with all else that is wrong.
fn judge(content: &Content, damaged: BTreeMap<Digest, Fault>, bytes: u64) -> Report {
    let mut report = references::judge(content, damaged);
    report.blobs = content.blobs().count() as u64;
    report.bytes = bytes;
    report.problems.extend(index::check(content));
    report
}

#[cfg(test)]
mod tests;
