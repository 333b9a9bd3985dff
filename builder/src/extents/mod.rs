//! The content of a disk or volume before it is a file: bytes and files at their places, and nothing between them.
//!
//! Writers read from it at any place and know without reading where there is nothing, so that a disk of any size costs no
//! more than what is on it.

use crate::output::OutputError;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The content of a disk: what lies where. What nothing was placed at reads as zeros.
#[derive(Clone, Debug)]
pub struct Extents {
    size: u64,
    placed: BTreeMap<u64, Placed>,
}

#[derive(Clone, Debug)]
struct Placed {
    length: u64,
    source: Source,
}

/// Where bytes come from.
#[derive(Clone, Debug)]
enum Source {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl Extents {
    /// Nothing but zeros.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self { size, placed: BTreeMap::new() }
    }

    /// Bytes of the whole.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of what was placed.
    #[must_use]
    pub fn placed_bytes(&self) -> u64 {
        self.placed.values().map(|placed| placed.length).sum()
    }

    /// Places bytes.
    pub(crate) fn place(&mut self, offset: u64, bytes: Vec<u8>) {
        self.insert(offset, Placed { length: bytes.len() as u64, source: Source::Bytes(bytes) });
    }

    /// Places a whole file.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub(crate) fn place_file(&mut self, offset: u64, path: &Path) -> Result<(), OutputError> {
        let length = file_size(path)?;
        self.insert(offset, Placed { length, source: Source::File(path.to_owned()) });
        Ok(())
    }

    /// Places everything of another one.
    pub(crate) fn embed(&mut self, offset: u64, other: Self) {
        for (place, placed) in other.placed {
            self.insert(offset + place, placed);
        }
    }

    fn insert(&mut self, offset: u64, placed: Placed) {
        if placed.length == 0 {
            return;
        }
        let end = offset + placed.length;
        let before = self.placed.range(..end).next_back().map_or(0, |(start, last)| start + last.length);
        assert!(before <= offset && end <= self.size, "whoever places content has computed its place");
        self.placed.insert(offset, placed);
    }

    /// Opens its files, for reading.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub(crate) fn open(&self) -> Result<OpenExtents<'_>, OutputError> {
        let open = |(start, placed): (&u64, &'_ Placed)| -> Result<_, OutputError> {
            let source = match &placed.source {
                Source::Bytes(_) => None,
                Source::File(path) => Some(File::open(path).map_err(OutputError::io("reading", path))?),
            };
            Ok((*start, source))
        };
        let files = self.placed.iter().map(open).collect::<Result<_, _>>()?;
        Ok(OpenExtents { extents: self, files })
    }
}

/// Bytes of a file.
///
/// # Errors
/// When it is missing or no file.
pub(crate) fn file_size(path: &Path) -> Result<u64, OutputError> {
    let metadata = std::fs::metadata(path).map_err(OutputError::io("reading", path))?;
    if metadata.is_file() { Ok(metadata.len()) } else { Err(OutputError::part(path, "this is no file")) }
}

/// Content whose files are open. It is read by many threads at once.
pub(crate) struct OpenExtents<'a> {
    extents: &'a Extents,
    files: BTreeMap<u64, Option<File>>,
}

impl OpenExtents<'_> {
    /// Bytes of the whole.
    pub(crate) fn size(&self) -> u64 {
        self.extents.size
    }

    /// The first place at or behind this one where something lies.
    pub(crate) fn next_data(&self, offset: u64) -> Option<u64> {
        let reaches = |(start, placed): (&u64, &Placed)| start + placed.length > offset;
        let covering = self.extents.placed.range(..=offset).next_back().is_some_and(reaches);
        if covering { Some(offset) } else { self.extents.placed.range(offset..).next().map(|(start, _)| *start) }
    }

    /// Reads what lies at a place; behind the end there are zeros.
    ///
    /// # Errors
    /// When a file cannot be read, or has become shorter.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), OutputError> {
        buffer.fill(0);
        let end = offset + buffer.len() as u64;
        let placed = self.extents.placed.range(..end).rev();
        for (start, placed) in placed.take_while(|(start, placed)| *start + placed.length > offset) {
            let from = offset.max(*start);
            let to = end.min(start + placed.length);
            let part = &mut buffer[index(from - offset)..index(to - offset)];
            self.read_part(*start, placed, from - start, part)?;
        }
        Ok(())
    }

    fn read_part(&self, start: u64, placed: &Placed, from: u64, part: &mut [u8]) -> Result<(), OutputError> {
        match (&placed.source, &self.files[&start]) {
            (Source::File(path), Some(file)) => {
                file.read_exact_at(part, from).map_err(OutputError::io("reading", path))?;
            }
            (Source::Bytes(bytes), _) => part.copy_from_slice(&bytes[index(from)..index(from) + part.len()]),
            (Source::File(_), None) => unreachable!("every file was opened"),
        }
        Ok(())
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("within a buffer, whose length is one")
}

#[cfg(test)]
mod tests {
    use super::Extents;

    #[test]
    fn what_is_placed_is_read_and_the_rest_is_zeros() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"file").unwrap();
        let mut inner = Extents::new(8);
        inner.place(1, b"in".to_vec());
        let mut extents = Extents::new(100);
        extents.place(10, b"bytes".to_vec());
        extents.place_file(15, &file).unwrap();
        extents.embed(90, inner);
        assert_eq!(extents.placed_bytes(), 11);
        let open = extents.open().unwrap();
        let mut all = [1; 100];
        open.read_at(0, &mut all).unwrap();
        let mut expected = [0; 100];
        expected[10..19].copy_from_slice(b"bytesfile");
        expected[91..93].copy_from_slice(b"in");
        assert_eq!(all, expected);
        for from in 0..100 {
            let mut part = [1; 9];
            open.read_at(from as u64, &mut part).unwrap();
            let there = &expected[from..(from + 9).min(100)];
            assert_eq!(&part[..there.len()], there, "{from}");
        }
        let places = [0, 10, 14, 18, 19, 91, 93].map(|offset| open.next_data(offset));
        assert_eq!(places, [Some(10), Some(10), Some(14), Some(18), Some(91), Some(91), None]);
    }

    #[test]
    #[should_panic(expected = "computed its place")]
    fn nothing_is_placed_twice() {
        let mut extents = Extents::new(100);
        extents.place(10, vec![1; 10]);
        extents.place(5, vec![1; 6]);
    }
}
