//! [`BlobReader`]: reads an [`Extent`] from file to file.
//!
//! It verifies nothing but that the bytes are there: a file that became shorter is an error, never a short blob.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::extent::read_at;
use super::source::open_plain;
use super::{Extent, FilePart, Source};

/// Reads the bytes of one blob, wherever they lie.
#[derive(Debug)]
pub struct BlobReader {
    extent: Extent,
    position: u64,
    /// The piece that `position` lies in, and where that piece begins.
    piece: usize,
    start: u64,
    /// The file that was opened last.
    open: Option<(Arc<Source>, Arc<File>)>,
}

impl BlobReader {
    pub(super) fn new(extent: Extent) -> Self {
        Self { extent, position: 0, piece: 0, start: 0, open: None }
    }

    /// Bytes in all.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.extent.size()
    }

    /// Moves on to the piece that holds the position; `None` at the end.
    fn settle(&mut self) -> Option<(Arc<Source>, u64, u64)> {
        if self.position < self.start {
            (self.piece, self.start) = (0, 0);
        }
        loop {
            let piece = self.extent.pieces().get(self.piece)?;
            let inside = self.position - self.start;
            if inside < piece.length {
                return Some((Arc::clone(&piece.file), piece.offset + inside, piece.length - inside));
            }
            self.start += piece.length;
            self.piece += 1;
        }
    }

    /// The file of a source; the last one stays open.
    fn file(&mut self, source: &Arc<Source>) -> io::Result<&Arc<File>> {
        let is_open = self.open.as_ref().is_some_and(|(opened, _)| Arc::ptr_eq(opened, source));
        if !is_open {
            let file = match &**source {
                Source::Open(file) => Arc::clone(file),
                Source::Path(path) => Arc::new(open_plain(path)?),
            };
            self.open = Some((Arc::clone(source), file));
        }
        let (_, file) = self.open.as_ref().expect("a file was just put there");
        Ok(file)
    }

    /// Where the next bytes lie, at most so many, without reading them; `None` at the end. The position does not move.
    pub(crate) fn next_part(&mut self, most: u64) -> io::Result<Option<FilePart>> {
        let Some((source, offset, left)) = self.settle() else { return Ok(None) };
        let file = Arc::clone(self.file(&source)?);
        Ok(Some(FilePart { file, offset, length: left.min(most) }))
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((source, offset, left)) = self.settle() else { return Ok(0) };
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(0);
        }
        match read_at(self.file(&source)?, &mut buffer[..length], offset)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read")),
            count => {
                self.position += count as u64;
                Ok(count)
            }
        }
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.extent.size().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position
            .filter(|position| *position <= self.extent.size())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the position lies outside the blob"))?;
        Ok(self.position)
    }
}
