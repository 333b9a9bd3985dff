//! Rebuilds what is lost of a set of chunks, parity chunks too.

use std::path::{Path, PathBuf};

use reed_solomon_simd::ReedSolomonDecoder;

use super::stripes::{Inputs, Stripes};
use super::{Output, ParityError, check, encode};
use crate::archive::{ChunkReport, ChunkState, Replacement, Writing, beside, check_chunks, folder_of, sync_folder};
use crate::content::{Chunk, ChunkManifest};

/// What was rebuilt: names of files beside the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Chunks.
    pub chunks: Vec<String>,
    /// Parity chunks.
    pub parity: Vec<String>,
}

/// Hashes all chunks of a set and rebuilds those that are lost or damaged; what is told of are the bytes that were hashed.
///
/// # Errors
///
/// When more chunks are lost than parity chunks are sound, something can't be read or written, or somebody asks to stop. A chunk is
/// only put into place when it has the digest that the manifest says.
pub fn rebuild(manifest: &Path, writing: &Writing<'_>) -> Result<Rebuilt, ParityError> {
    let report = check_chunks(manifest, writing.progress, &writing.stop)?;
    writing.go_on()?;
    let set = &report.manifest;
    let folder = folder_of(manifest);
    let lost = wrong(&report.chunks);
    let lost_parity = wrong(&report.parity);
    let left = left(manifest, set);
    if lost.is_empty() && lost_parity.is_empty() && left.is_empty() {
        return Ok(Rebuilt::default());
    }
    // Its lock keeps away whoever writes this set anew.
    let _lock = Replacement::create(manifest, &writing.watcher)?;
    if !lost.is_empty() {
        rebuild_chunks(folder, &report, &lost, writing)?;
    }
    if !lost_parity.is_empty() {
        rebuild_parity(folder, set, &lost_parity, writing)?;
    }
    // Begun again and given up, they are gone.
    left.iter()
        .filter(|path| *path != manifest)
        .try_for_each(|path| Replacement::create(path, &writing.watcher).map(drop))?;
    sync_folder(manifest, &writing.watcher)?;
    Ok(Rebuilt { chunks: names(&set.chunks, &lost), parity: names(&set.parity, &lost_parity) })
}

/// Files of which a killed run left a part beside them.
fn left(manifest: &Path, set: &ChunkManifest) -> Vec<PathBuf> {
    let files = crate::archive::names(set).map(|name| folder_of(manifest).join(name));
    // That of the manifest goes with the lock, but is a reason to take it.
    files.chain([manifest.to_owned()]).filter(|path| beside(path).exists()).collect()
}

fn rebuild_chunks(
    folder: &Path,
    report: &ChunkReport,
    lost: &[usize],
    writing: &Writing<'_>,
) -> Result<(), ParityError> {
    let set = &report.manifest;
    let sound_parity: Vec<usize> = sound(&report.parity);
    if sound_parity.len() < lost.len() {
        return Err(ParityError::TooManyLost { lost: names(&set.chunks, lost), parity: sound_parity.len() });
    }
    check(set.chunks.len(), set.parity.len())?;
    // As many as are needed: each more would only be read for nothing.
    let parity = &sound_parity[..lost.len()];
    let originals = sound(&report.chunks);
    let mut chunks = open(folder, &set.chunks, &originals)?;
    let mut recovery = open(folder, &set.parity, parity)?;
    let targets: Vec<PathBuf> = lost.iter().map(|number| folder.join(&set.chunks[*number].file)).collect();
    let mut outputs = targets.iter().map(|path| Output::create(path, writing)).collect::<Result<Vec<_>, _>>()?;
    let shards = set.chunks.len() + set.parity.len();
    for (offset, length) in Stripes::over(set.parity_size(), shards) {
        writing.go_on()?;
        let mut decoder = ReedSolomonDecoder::new(set.chunks.len(), set.parity.len(), length)?;
        for (place, number) in originals.iter().enumerate() {
            decoder.add_original_shard(*number, chunks.read(place, offset, length)?)?;
        }
        for (place, number) in parity.iter().enumerate() {
            decoder.add_recovery_shard(*number, recovery.read(place, offset, length)?)?;
        }
        let result = decoder.decode()?;
        for (output, number) in outputs.iter_mut().zip(lost) {
            let shard = result.restored_original(*number).unwrap_or_default();
            output.write_all(part(shard, offset, set.chunks[*number].size))?;
        }
    }
    publish(outputs, &targets, lost.iter().map(|number| &set.chunks[*number]))
}

/// The last chunk is shorter than the code's shards.
fn part(shard: &[u8], offset: u64, size: u64) -> &[u8] {
    let there = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
    &shard[..shard.len().min(there)]
}

fn publish<'a>(
    outputs: Vec<Output>,
    targets: &[PathBuf],
    wanted: impl Iterator<Item = &'a Chunk>,
) -> Result<(), ParityError> {
    let mut sealed = Vec::new();
    for ((output, target), chunk) in outputs.into_iter().zip(targets).zip(wanted) {
        if output.hasher.finish() != chunk.digest {
            return Err(ParityError::Mismatch(target.clone()));
        }
        sealed.push(output.file.seal()?);
    }
    sealed.into_iter().try_for_each(|file| file.publish().map_err(ParityError::from))
}

/// All chunks are sound by now: parity is computed again.
fn rebuild_parity(
    folder: &Path,
    set: &ChunkManifest,
    lost: &[usize],
    writing: &Writing<'_>,
) -> Result<(), ParityError> {
    let originals: Vec<PathBuf> = set.chunks.iter().map(|chunk| folder.join(&chunk.file)).collect();
    let (chunks, files) = encode(folder, set, &originals, set.parity.len(), writing)?;
    for (number, (chunk, file)) in chunks.iter().zip(files).enumerate() {
        let wanted = &set.parity[number];
        if chunk.digest != wanted.digest || chunk.file != wanted.file {
            return Err(ParityError::Mismatch(folder.join(&wanted.file)));
        }
        if lost.contains(&number) {
            file.publish()?;
        }
    }
    Ok(())
}

fn open(folder: &Path, chunks: &[Chunk], numbers: &[usize]) -> Result<Inputs, ParityError> {
    let chosen = numbers.iter().map(|number| &chunks[*number]);
    Ok(Inputs::open(chosen.map(|chunk| (folder.join(&chunk.file), chunk.size)))?)
}

fn wrong(states: &[ChunkState]) -> Vec<usize> {
    (0..states.len()).filter(|number| states[*number] != ChunkState::Sound).collect()
}

fn sound(states: &[ChunkState]) -> Vec<usize> {
    (0..states.len()).filter(|number| states[*number] == ChunkState::Sound).collect()
}

fn names(chunks: &[Chunk], numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|number| chunks[*number].file.clone()).collect()
}
