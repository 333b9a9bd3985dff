//! [`ChunkManifest`]: `NAME.chunks.json`, the sizes and digests of the chunks of a bundle, and of its parity chunks.
//!
//! The chunks, one after the other, are the tar. See `parity` for what rebuilds them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The version of the format that is written, and the only one that is read.
pub const FORMAT_VERSION: u32 = 1;
/// Most chunks, and most parity chunks.
pub const MAX_CHUNKS: usize = 10_000;
/// Most bytes of all chunks: the largest file that a system knows.
const LARGEST: u64 = i64::MAX.cast_unsigned();
/// Most bytes of the manifest: enough for [`MAX_CHUNKS`] twice.
pub const CHUNK_MANIFEST_LIMIT: u64 = 8 << 20;

/// The chunks of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChunkManifest {
    /// Always [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Bytes of every chunk but the last, which may have fewer.
    pub chunk_size: u64,
    /// Bytes of all chunks: the size of the tar.
    pub size: u64,
    /// The chunks, in order.
    pub chunks: Vec<Chunk>,
    /// The parity chunks, in order; each has the size of the first chunk, rounded up to an even number of bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parity: Vec<Chunk>,
}

/// One chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chunk {
    /// Its file, beside the manifest.
    pub file: String,
    /// Its bytes.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
}

impl ChunkManifest {
    /// Reads a chunk manifest.
    ///
    /// # Errors
    ///
    /// When it is malformed, of another version, names files elsewhere, or its sizes do not add up; in words for a person.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if manifest.format_version != FORMAT_VERSION {
            return Err(format!(
                "the format version {} is not known to this kfimg, which reads {FORMAT_VERSION}",
                manifest.format_version
            ));
        }
        manifest.check_names()?;
        manifest.check_sizes()?;
        Ok(manifest)
    }

    /// The same manifest as the same bytes everywhere.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("texts and numbers always have a JSON form");
        bytes.push(b'\n');
        bytes
    }

    /// Bytes of a parity chunk: those of the largest chunk, rounded up to an even number, as the code works on 16-bit words.
    #[must_use]
    pub fn parity_size(&self) -> u64 {
        self.chunk_size.min(self.size).next_multiple_of(2)
    }

    /// Bytes of all chunks, parity chunks too.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.chunks.iter().chain(&self.parity).fold(0, |total, chunk| total.saturating_add(chunk.size))
    }

    /// `NAME` of the chunks `NAME.000`, `NAME.001`, … and `NAME.parity.000`, …
    #[must_use]
    pub fn stem(&self) -> &str {
        self.chunks.first().and_then(|chunk| chunk.file.strip_suffix(".000")).unwrap_or_default()
    }

    fn check_names(&self) -> Result<(), String> {
        if self.chunks.len() > MAX_CHUNKS || self.parity.len() > MAX_CHUNKS {
            return Err(format!("more than {MAX_CHUNKS} chunks are named; use larger ones"));
        }
        let mut seen = HashSet::new();
        for Chunk { file, .. } in self.chunks.iter().chain(&self.parity) {
            let plain = !file.is_empty() && !file.starts_with('.') && !file.contains(['/', '\\', '\0']);
            if !plain {
                return Err(format!("the chunk {file:?} is no plain file name"));
            }
            if !seen.insert(file) {
                return Err(format!("the chunk {file:?} occurs twice"));
            }
        }
        self.check_stem()
    }

    /// Chunks are removed and rebuilt by their names, so a manifest may name nothing else.
    fn check_stem(&self) -> Result<(), String> {
        let stem = self.stem();
        let chunks = (0..self.chunks.len()).map(|number| format!("{stem}.{number:03}"));
        let parity = (0..self.parity.len()).map(|number| format!("{stem}.parity.{number:03}"));
        let named = self.chunks.iter().chain(&self.parity);
        match named.zip(chunks.chain(parity)).find(|(chunk, wanted)| stem.is_empty() || chunk.file != *wanted) {
            Some((chunk, _)) => Err(format!(
                "the chunk {:?} is not called NAME.000, NAME.001, … or NAME.parity.000, … in their order",
                chunk.file
            )),
            None => Ok(()),
        }
    }

    fn check_sizes(&self) -> Result<(), String> {
        if self.chunk_size == 0 || self.chunks.is_empty() {
            return Err("it names no chunks".to_owned());
        }
        if self.size > LARGEST {
            return Err(format!("{} bytes in all are more than any file may have", self.size));
        }
        let last = self.chunks.len() - 1;
        let mut left = self.size;
        for (number, chunk) in self.chunks.iter().enumerate() {
            let wanted = left.min(self.chunk_size);
            if chunk.size != wanted || wanted == 0 || (number == last && wanted != left) {
                return Err(format!("the sizes do not add up at {}", chunk.file));
            }
            left -= wanted;
        }
        match self.parity.iter().find(|chunk| chunk.size != self.parity_size()) {
            Some(chunk) => Err(format!("the sizes do not add up at {}", chunk.file)),
            None => Ok(()),
        }
    }
}
