//! dm-verity: the hash tree that lets the kernel verify every block of the root image when it reads it.
//!
//! Format 1 with a superblock, SHA-256, blocks of 4096 bytes, as `veritysetup format` writes it. Salt and UUID come from the
//! image's digest, so the same image gives the same tree. Sources: Linux Documentation/admin-guide/device-mapper/verity.rst;
//! cryptsetup's wiki, "DMVerity", "Superblock format".

mod superblock;

use crate::error::Error;
use data_encoding::HEXLOWER;
use kfimg_images::digest::Digest as ContentDigest;
use kfimg_images::stop::Stop;
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use superblock::Superblock;

/// Bytes of a block of data and of the tree.
const BLOCK: u64 = 4096;
/// Bytes of a hash.
const HASH: usize = 32;
/// Hashes of a block.
const FAN_OUT: u64 = BLOCK / HASH as u64;

/// A finished tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verity {
    /// The hash of the root, in hexadecimal digits.
    pub root_hash: String,
    /// The salt, in hexadecimal digits.
    pub salt: String,
    /// Bytes of superblock and tree.
    pub size: u64,
}

/// A level of the tree: where its blocks begin, and how many there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Level {
    first: u64,
    blocks: u64,
}

/// Writes the tree of `data`, whose digest is `digest`, to `target`. Memory does not grow with the data.
///
/// # Errors
/// When a file can't be read or written, the data are no whole blocks, or somebody asks to stop.
pub(crate) fn write(data: &Path, digest: &ContentDigest, target: &Path, stop: &Stop) -> Result<Verity, Error> {
    let input = File::open(data).map_err(Error::io("opening", data))?;
    let length = input.metadata().map_err(Error::io("examining", data))?.len();
    if length == 0 || length % BLOCK != 0 {
        let reason = format!("{length} bytes are no whole blocks of {BLOCK}");
        return Err(Error::io("reading", data)(io::Error::new(io::ErrorKind::InvalidInput, reason)));
    }
    let output =
        File::options().read(true).write(true).create_new(true).open(target).map_err(Error::io("creating", target))?;
    let salt = derived(b"salt", digest.as_str().as_bytes());
    let blocks = length / BLOCK;
    let superblock = Superblock { uuid: derived(b"uuid", digest.as_str().as_bytes()), blocks, salt };
    output.write_all_at(&superblock.to_bytes(), 0).map_err(Error::io("writing", target))?;
    let levels = levels(blocks);
    let failed = |error: io::Error| if stop.is_asked() { Error::Stopped } else { Error::io("writing", target)(error) };
    let mut below = (&input, Level { first: 0, blocks });
    for level in &levels {
        hash_level(below, &output, *level, &salt, stop).map_err(failed)?;
        below = (&output, *level);
    }
    let top = read_block(below.0, below.1.first).map_err(failed)?;
    output.sync_all().map_err(failed)?;
    let size = (1 + levels.iter().map(|level| level.blocks).sum::<u64>()) * BLOCK;
    Ok(Verity { root_hash: HEXLOWER.encode(&hash(&salt, &top)), salt: HEXLOWER.encode(&salt), size })
}

/// The levels from the lowest up. On the disk the highest one comes first, after the superblock. One block of data needs no
/// level: its hash is the root.
fn levels(data_blocks: u64) -> Vec<Level> {
    let mut counts = Vec::new();
    let mut blocks = data_blocks;
    while blocks > 1 {
        blocks = blocks.div_ceil(FAN_OUT);
        counts.push(blocks);
    }
    let mut first = 1 + counts.iter().sum::<u64>();
    let place = |blocks: u64| {
        first -= blocks;
        Level { first, blocks }
    };
    counts.into_iter().map(place).collect()
}

/// Hashes all blocks of one level into the level above, as many at a time as there are processors.
fn hash_level(below: (&File, Level), output: &File, level: Level, salt: &[u8; 32], stop: &Stop) -> io::Result<()> {
    let (input, source) = below;
    (0..level.blocks).into_par_iter().try_for_each(|number| {
        if stop.is_asked() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let begin = number * FAN_OUT;
        let count = FAN_OUT.min(source.blocks - begin);
        let mut data = vec![0; usize::try_from(count * BLOCK).unwrap_or(0)];
        input.read_exact_at(&mut data, (source.first + begin) * BLOCK)?;
        let mut block = [0; BLOCK as usize];
        for (place, chunk) in block.chunks_exact_mut(HASH).zip(data.chunks_exact(BLOCK as usize)) {
            place.copy_from_slice(&hash(salt, chunk));
        }
        output.write_all_at(&block, (level.first + number) * BLOCK)
    })
}

fn read_block(file: &File, number: u64) -> io::Result<Vec<u8>> {
    let mut block = vec![0; BLOCK as usize];
    file.read_exact_at(&mut block, number * BLOCK)?;
    Ok(block)
}

/// Format 1: the salt comes before the block.
fn hash(salt: &[u8; 32], block: &[u8]) -> [u8; HASH] {
    Sha256::new().chain_update(salt).chain_update(block).finalize().into()
}

/// Bytes that follow from others, apart for each purpose.
fn derived(purpose: &[u8], from: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(b"kfimg ").chain_update(purpose).chain_update([0]).chain_update(from).finalize().into()
}

/// A UUID that follows from some bytes (RFC 9562, version 8).
pub(crate) fn uuid(from: &[u8]) -> String {
    superblock::uuid_text(&derived(b"uuid", from))
}

#[cfg(test)]
mod tests;
