//! [`Extent`]: where the bytes of a blob lie, as pieces of files, one after the other.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::source::open_plain;
use super::{BlobReader, ContentError, Source};

/// Where some bytes lie. It has no empty pieces.
#[derive(Clone, Debug, Default)]
pub struct Extent {
    size: u64,
    pieces: Vec<Piece>,
}

/// A part of a file.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The file.
    pub file: Arc<Source>,
    /// Where the part begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

impl Extent {
    /// One piece after the other; empty ones are left out.
    #[must_use]
    pub fn of(pieces: Vec<Piece>) -> Self {
        let pieces: Vec<Piece> = pieces.into_iter().filter(|piece| piece.length > 0).collect();
        Self { size: pieces.iter().map(|piece| piece.length).sum(), pieces }
    }

    /// A whole plain file, which stays open.
    ///
    /// # Errors
    ///
    /// When it can't be opened or is no plain file.
    pub fn of_file(path: &Path) -> Result<Self, ContentError> {
        let read = |source| ContentError::Read { path: path.to_owned(), source };
        let file = open_plain(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        Ok(Self::of(vec![Piece { file: Arc::new(Source::Open(Arc::new(file))), offset: 0, length }]))
    }

    /// A whole file that is open.
    ///
    /// # Errors
    ///
    /// When its length can't be told.
    pub fn of_open(file: std::fs::File) -> std::io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self::of(vec![Piece { file: Arc::new(Source::Open(Arc::new(file))), offset: 0, length }]))
    }

    /// Bytes in all.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The parts, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// A reader from the first byte to the last.
    #[must_use]
    pub fn reader(&self) -> BlobReader {
        BlobReader::new(self.clone())
    }

    /// The part from `offset`, `length` bytes long; `None` when it does not lie within.
    #[must_use]
    pub fn slice(&self, offset: u64, length: u64) -> Option<Self> {
        let end = offset.checked_add(length).filter(|end| *end <= self.size)?;
        let mut start = 0;
        let mut pieces = Vec::new();
        for piece in &self.pieces {
            let from = offset.max(start);
            let to = end.min(start + piece.length);
            if from < to {
                pieces.push(Piece {
                    file: Arc::clone(&piece.file),
                    offset: piece.offset + (from - start),
                    length: to - from,
                });
            }
            start += piece.length;
        }
        Some(Self::of(pieces))
    }
}

/// Reads at an offset of an open file, whatever other readers of it do.
pub(super) fn read_at(file: &std::fs::File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    file.read_at(buffer, offset)
}
