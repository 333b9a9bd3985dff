//! Writes a bundle as one tar or as numbered chunks of it, and checks chunks.
//!
//! The same content gives the same bytes everywhere. Every blob is verified while it is copied, so a damaged bundle is not
//! passed on. Memory does not depend on sizes. Nothing is in place before all of it is written.

mod chunker;
mod error;
mod header;
mod replace;
mod stream;
mod writing;

use std::path::Path;

use crate::content::{CHUNKS_SUFFIX, Chunk, ChunkManifest, Content, ContentError};
use crate::parallel;
use crate::steps::Watcher;
use crate::stop::Stop;

pub use chunker::ChunkOptions;
pub(crate) use chunker::open_chunk;
pub use error::ArchiveError;
use replace::remove_stale;
pub(crate) use replace::{Replacement, Sealed, beside, sync_folder};
pub use stream::tar_size;
pub use writing::Writing;

/// Writes a bundle as one tar.
///
/// # Errors
///
/// When a blob is damaged or can't be read, the target can't be written, or somebody asks to stop. A former file stays as it is then.
pub fn write_tar(content: &Content, path: &Path, writing: &Writing<'_>) -> Result<u64, ArchiveError> {
    let mut target = Replacement::create(path, &writing.watcher)?;
    let size = stream::stream(content, path, &mut target, writing)?;
    target.seal()?.publish()?;
    sync_folder(path, &writing.watcher)?;
    Ok(size)
}

/// Writes a bundle as chunks beside `manifest`, which is named `NAME.chunks.json`: `NAME.000`, `NAME.001`, …, and parity
/// chunks `NAME.parity.000`, …, when they are wished for.
///
/// # Errors
///
/// As [`write_tar`]; also when the name or the chunk size is not possible. A former set stays as it is then.
pub fn write_chunks(
    content: &Content,
    manifest: &Path,
    options: ChunkOptions,
    writing: &Writing<'_>,
) -> Result<ChunkManifest, ArchiveError> {
    let stem = stem(manifest)?;
    options.check(tar_size(content))?;
    let folder = folder_of(manifest);
    // First: its lock keeps other runs from all files of the set.
    let text = Replacement::create(manifest, &writing.watcher)?;
    let mut chunker = chunker::Chunker::new(folder, &stem, options.chunk_size, &writing.watcher);
    let size = stream::stream(content, manifest, &mut chunker, writing)?;
    let (chunks, mut files) = chunker.finish()?;
    let mut set = ChunkManifest {
        format_version: crate::content::chunk_manifest::FORMAT_VERSION,
        chunk_size: options.chunk_size,
        size,
        chunks,
        parity: Vec::new(),
    };
    if options.parity > 0 {
        let originals: Vec<_> = files.iter().map(|file| file.partial().to_owned()).collect();
        let (parity, parity_files) = crate::parity::encode(folder, &set, &originals, options.parity, writing)?;
        set.parity = parity;
        files.extend(parity_files);
    }
    publish(manifest, text, &set, files, &writing.watcher)?;
    Ok(set)
}

/// Takes away what of a former set has no place in the new one, then the former manifest, moves the chunks into place, and writes the
/// new manifest last: at every moment there is a whole set, or no manifest, or one whose chunks are told to be missing. A run that is
/// killed leaves no file that the next does not know.
fn publish(
    manifest: &Path,
    mut text: Replacement,
    set: &ChunkManifest,
    files: Vec<Sealed>,
    watcher: &Watcher,
) -> Result<(), ArchiveError> {
    text.write_all(&set.to_bytes())?;
    let text = text.seal()?;
    // A manifest that names files of others is none of ours, and neither are those files.
    let former = Content::chunk_manifest(manifest).ok().filter(|former| former.stem() == set.stem());
    let current: std::collections::HashSet<&str> = names(set).collect();
    for name in former.iter().flat_map(names).filter(|name| !current.contains(name)) {
        remove_stale(&folder_of(manifest).join(name), watcher)?;
    }
    remove_stale(manifest, watcher)?;
    sync_folder(manifest, watcher)?;
    for file in files {
        file.publish()?;
    }
    sync_folder(manifest, watcher)?;
    text.publish()?;
    sync_folder(manifest, watcher)
}

/// All files of a set but its manifest.
pub(crate) fn names(set: &ChunkManifest) -> impl Iterator<Item = &str> {
    set.chunks.iter().chain(&set.parity).map(|chunk| chunk.file.as_str())
}

/// What was found of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkState {
    /// Its bytes are those of its digest.
    Sound,
    /// It is not there.
    Missing,
    /// It has other bytes, or can't be read: why, in words for a person.
    Damaged(String),
}

/// What was found of a set of chunks, in the order of its manifest.
#[derive(Clone, Debug)]
pub struct ChunkReport {
    /// The set.
    pub manifest: ChunkManifest,
    /// Its chunks.
    pub chunks: Vec<ChunkState>,
    /// Its parity chunks.
    pub parity: Vec<ChunkState>,
}

impl ChunkReport {
    /// Whether every chunk is sound. Parity chunks do not count: nobody needs them then.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.chunks.iter().all(|state| *state == ChunkState::Sound)
    }

    /// Whether as many parity chunks are sound as chunks are not.
    #[must_use]
    pub fn can_be_rebuilt(&self) -> bool {
        let lost = self.chunks.iter().filter(|state| **state != ChunkState::Sound).count();
        lost <= self.parity.iter().filter(|state| **state == ChunkState::Sound).count()
    }
}

/// Hashes every chunk of a set, in parallel.
///
/// # Errors
///
/// When the manifest can't be read. What is wrong with a chunk is in the report.
pub fn verify_chunks(manifest: &Path, progress: &(dyn Fn(u64) + Sync)) -> Result<ChunkReport, ContentError> {
    check_chunks(manifest, progress, &Stop::new())
}

/// As [`verify_chunks`]; whoever asks to stop gets a report that means nothing.
pub(crate) fn check_chunks(
    manifest: &Path,
    progress: &(dyn Fn(u64) + Sync),
    stop: &Stop,
) -> Result<ChunkReport, ContentError> {
    let set = Content::chunk_manifest(manifest)?;
    let folder = folder_of(manifest);
    let all: Vec<Chunk> = set.chunks.iter().chain(&set.parity).cloned().collect();
    let mut chunks = check_all(folder, &all, parallel::threads(), progress, stop);
    let parity = chunks.split_off(set.chunks.len());
    Ok(ChunkReport { manifest: set, chunks, parity })
}

/// Hashes chunks, in parallel.
pub(crate) fn check_all(
    folder: &Path,
    chunks: &[Chunk],
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
    stop: &Stop,
) -> Vec<ChunkState> {
    parallel::each(chunks, threads, |chunk| chunker::check(folder, chunk, progress, stop))
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// `NAME` of `NAME.chunks.json`.
fn stem(manifest: &Path) -> Result<String, ArchiveError> {
    let name = manifest.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name.strip_suffix(CHUNKS_SUFFIX) {
        Some(stem) if !stem.is_empty() && !stem.starts_with('.') => Ok(stem.to_owned()),
        _ => Err(ArchiveError::Name(manifest.to_owned())),
    }
}
