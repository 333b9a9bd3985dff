//! Chunks that are read side by side, a stripe at a time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::content::{ContentError, open_plain};

/// Bytes that all shards of a stripe may take; the code keeps up to twice as much.
const BUDGET: usize = 16 << 20;
/// The longest stripe: more is not faster.
const LONGEST: usize = 1 << 20;
/// The code works on this many bytes at a time; only the last stripe may end within.
const UNIT: usize = 64;

/// The stripes over shards of a size: offset and length of each.
pub(super) struct Stripes {
    offset: u64,
    size: u64,
    length: u64,
}

impl Stripes {
    pub(super) fn over(size: u64, shards: usize) -> Self {
        let length = (BUDGET / shards.next_power_of_two()).min(LONGEST) / UNIT * UNIT;
        Self { offset: 0, size, length: length.max(UNIT) as u64 }
    }
}

impl Iterator for Stripes {
    type Item = (u64, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let length = self.length.min(self.size - self.offset);
        let offset = self.offset;
        self.offset += length;
        let length = usize::try_from(length).expect("a stripe is at most a megabyte");
        (length > 0).then_some((offset, length))
    }
}

/// Open chunks.
pub(super) struct Inputs {
    files: Vec<(PathBuf, File, u64)>,
    stripe: Vec<u8>,
}

impl Inputs {
    /// Opens chunks of the sizes given.
    pub(super) fn open(chunks: impl Iterator<Item = (PathBuf, u64)>) -> Result<Self, ContentError> {
        let open = |(path, size): (PathBuf, u64)| match open_plain(&path) {
            Ok(file) => Ok((path, file, size)),
            Err(source) => Err(ContentError::Read { path, source }),
        };
        Ok(Self { files: chunks.map(open).collect::<Result<_, _>>()?, stripe: Vec::new() })
    }

    /// A part of one chunk, filled with zeros behind its end.
    pub(super) fn read(&mut self, number: usize, offset: u64, length: usize) -> Result<&[u8], ContentError> {
        let (path, file, size) = &self.files[number];
        self.stripe.clear();
        self.stripe.resize(length, 0);
        let there = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX).min(length);
        file.read_exact_at(&mut self.stripe[..there], offset)
            .map_err(|source| ContentError::Read { path: path.clone(), source })?;
        Ok(&self.stripe)
    }
}
