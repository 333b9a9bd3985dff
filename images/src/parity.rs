//! Rebuilds lost or damaged chunks from parity chunks (Reed–Solomon).
//!
//! Any `n` chunks may be lost when there are `n` parity chunks. All chunks are read side by side in stripes, so memory does
//! not depend on their size. A parity chunk is the code of the whole chunks, filled with zeros to one length; it does not
//! depend on the stripes, since the code works on 64 bytes at a time. Code: that of `reed-solomon-simd` 3 (Leopard, 16 bit).
//!
//! What is rebuilt is what the chunk manifest's digests say, or nothing.

mod error;
mod rebuild;
mod stripes;

use std::path::{Path, PathBuf};

use reed_solomon_simd::ReedSolomonEncoder;

use crate::archive::{ArchiveError, Replacement, Sealed, Writing};
use crate::content::{Chunk, ChunkManifest};
use crate::hasher::Hasher;
use stripes::{Inputs, Stripes};

pub use error::ParityError;
pub use rebuild::{Rebuilt, rebuild};

/// Most chunks and parity chunks together: each is an open file.
pub const MAX_SHARDS: usize = 512;

/// Writes `count` parity chunks for the chunks that lie in `originals`; they are yet to be published.
pub(crate) fn encode(
    folder: &Path,
    set: &ChunkManifest,
    originals: &[PathBuf],
    count: usize,
    writing: &Writing<'_>,
) -> Result<(Vec<Chunk>, Vec<Sealed>), ArchiveError> {
    check(originals.len(), count)?;
    let names: Vec<String> = (0..count).map(|number| format!("{}.parity.{number:03}", set.stem())).collect();
    let size = set.parity_size();
    let mut inputs = Inputs::open(originals.iter().zip(&set.chunks).map(|(path, chunk)| (path.clone(), chunk.size)))?;
    let files: Result<Vec<_>, _> = names.iter().map(|name| Output::create(&folder.join(name), writing)).collect();
    let mut outputs = files?;
    let refuse = |error: reed_solomon_simd::Error| ArchiveError::Parity { wanted: count, reason: error.to_string() };
    for (offset, length) in Stripes::over(size, originals.len() + count) {
        writing.go_on()?;
        let mut encoder = ReedSolomonEncoder::new(originals.len(), count, length).map_err(refuse)?;
        for number in 0..originals.len() {
            encoder.add_original_shard(inputs.read(number, offset, length)?).map_err(refuse)?;
        }
        let result = encoder.encode().map_err(refuse)?;
        for (output, shard) in outputs.iter_mut().zip(result.recovery_iter()) {
            output.write_all(shard)?;
        }
    }
    let mut chunks = Vec::new();
    let mut sealed = Vec::new();
    for (file, output) in names.into_iter().zip(outputs) {
        chunks.push(Chunk { file, size, digest: output.hasher.finish() });
        sealed.push(output.file.seal()?);
    }
    Ok((chunks, sealed))
}

/// Refuses what the code or the system can't do.
pub(crate) fn check(originals: usize, wanted: usize) -> Result<(), ArchiveError> {
    if originals.saturating_add(wanted) > MAX_SHARDS {
        let reason =
            format!("{originals} chunks and {wanted} parity chunks are more than {MAX_SHARDS}; use larger chunks");
        return Err(ArchiveError::Parity { wanted, reason });
    }
    Ok(())
}

/// A chunk in the making, and its digest.
struct Output {
    file: Replacement,
    hasher: Hasher,
}

impl Output {
    fn create(path: &Path, writing: &Writing<'_>) -> Result<Self, ArchiveError> {
        Ok(Self { file: Replacement::create(path, &writing.watcher)?, hasher: Hasher::sha256() })
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }
}
