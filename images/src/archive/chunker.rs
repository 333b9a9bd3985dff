//! Cuts a stream into numbered files of one size, with the digest of each.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::replace::Sealed;
use super::{ArchiveError, ChunkState, Replacement};
use crate::content::Chunk;
use crate::content::chunk_manifest::MAX_CHUNKS;
use crate::content::open_plain;
use crate::digest::Digest;
use crate::hasher::Hasher;
use crate::parity;
use crate::steps::Watcher;
use crate::stop::Stop;

/// The smallest chunk: smaller ones are a mistake in the unit.
const SMALLEST: u64 = 4 << 10;

/// How chunks are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkOptions {
    /// Bytes of each chunk but the last.
    pub chunk_size: u64,
    /// How many chunks may be lost.
    pub parity: usize,
}

impl ChunkOptions {
    pub(super) fn check(self, total: u64) -> Result<(), ArchiveError> {
        let size = self.chunk_size;
        let refuse = |reason: String| Err(ArchiveError::ChunkSize { size, reason });
        if size < SMALLEST {
            return refuse(format!("the smallest is {SMALLEST}"));
        }
        let chunks = total.div_ceil(size);
        if chunks > MAX_CHUNKS as u64 {
            return refuse(format!("it gives {chunks} chunks, and at most {MAX_CHUNKS} are allowed"));
        }
        if self.parity > 0 {
            parity::check(usize::try_from(chunks).unwrap_or(usize::MAX), self.parity)?;
        }
        Ok(())
    }
}

/// Writes chunks. They take their places later, all together.
pub(super) struct Chunker {
    folder: PathBuf,
    stem: String,
    chunk_size: u64,
    current: Option<Current>,
    chunks: Vec<Chunk>,
    files: Vec<Sealed>,
    watcher: Watcher,
}

struct Current {
    file: Replacement,
    hasher: Hasher,
    size: u64,
}

impl Chunker {
    pub(super) fn new(folder: &Path, stem: &str, chunk_size: u64, watcher: &Watcher) -> Self {
        let (chunks, files, watcher) = (Vec::new(), Vec::new(), watcher.clone());
        Self { folder: folder.to_owned(), stem: stem.to_owned(), chunk_size, current: None, chunks, files, watcher }
    }

    pub(super) fn finish(mut self) -> Result<(Vec<Chunk>, Vec<Sealed>), ArchiveError> {
        self.close()?;
        Ok((self.chunks, self.files))
    }

    fn name(&self) -> String {
        format!("{}.{:03}", self.stem, self.chunks.len())
    }

    fn close(&mut self) -> Result<(), ArchiveError> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let file = self.name();
        // A set may have more chunks than a process may have open files; the lock of the manifest covers them all.
        self.files.push(current.file.seal()?.closed());
        self.chunks.push(Chunk { file, size: current.size, digest: current.hasher.finish() });
        Ok(())
    }

    fn current(&mut self) -> Result<&mut Current, ArchiveError> {
        if self.current.as_ref().is_some_and(|current| current.size == self.chunk_size) {
            self.close()?;
        }
        let path = self.folder.join(self.name());
        match &mut self.current {
            Some(current) => Ok(current),
            empty => {
                let file = Replacement::create(&path, &self.watcher)?;
                Ok(empty.insert(Current { file, hasher: Hasher::sha256(), size: 0 }))
            }
        }
    }
}

impl Write for Chunker {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk_size = self.chunk_size;
        let current = self.current().map_err(io::Error::other)?;
        let room = usize::try_from(chunk_size - current.size).unwrap_or(usize::MAX);
        let count = current.file.write(&bytes[..bytes.len().min(room)])?;
        current.hasher.update(&bytes[..count]);
        current.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a chunk that has the size of its manifest; else what is wrong with it.
pub(crate) fn open_chunk(folder: &Path, chunk: &Chunk) -> Result<File, ChunkState> {
    let damaged = |error: io::Error| ChunkState::Damaged(error.to_string());
    let file = open_plain(&folder.join(&chunk.file)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ChunkState::Missing,
        _ => damaged(error),
    })?;
    match file.metadata().map_err(damaged)?.len() {
        size if size == chunk.size => Ok(file),
        size => Err(ChunkState::Damaged(format!("it has {size} bytes, but {} are promised", chunk.size))),
    }
}

impl ChunkState {
    /// That of a chunk whose bytes were hashed.
    pub(crate) fn of(wanted: &Digest, hasher: Hasher) -> Self {
        let found = hasher.finish();
        if found == *wanted { Self::Sound } else { Self::Damaged(format!("its digest is {found}")) }
    }
}

/// Hashes one chunk.
pub(super) fn check(folder: &Path, chunk: &Chunk, progress: &(dyn Fn(u64) + Sync), stop: &Stop) -> ChunkState {
    let file = match open_chunk(folder, chunk) {
        Ok(file) => file,
        Err(state) => return state,
    };
    let mut hasher = Hasher::like(&chunk.digest);
    match hasher.read_counted(stop.reader(file), progress) {
        Ok(_) => ChunkState::of(&chunk.digest, hasher),
        Err(error) => ChunkState::Damaged(error.to_string()),
    }
}
