//! Reads the headers of a tar and records where its files lie. Nothing is unpacked, and what no bundle has is refused.
//!
//! Formats: ustar, PAX (`size`, `path`), GNU (long names, base-256 numbers). Sources: POSIX.1-2024, pax, "ustar
//! Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar Format".

mod extended;
mod header;
mod name;

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::{BlobReader, ContentError, Extent, Found, MAX_ENTRIES, TarProblem};
use extended::Extended;
use header::{BLOCK, Header, Kind};
use name::Place;

/// Zeros that may follow the end: GNU tar fills a record of 10 KiB, and blocking factors go a little higher.
const TRAILING_LIMIT: u64 = 1 << 20;

/// Finds everything in the tar whose bytes are `whole`.
pub(super) fn scan(path: &Path, whole: &Extent) -> Result<Found, ContentError> {
    let mut scan =
        Scan { whole, reader: whole.reader(), offset: 0, entries: 0, names: HashSet::new(), found: Found::default() };
    let place = |offset| move |problem| ContentError::Tar { path: path.to_owned(), offset, problem };
    while let Some(header) = scan.header(path)? {
        scan.entries += 1;
        if scan.entries > MAX_ENTRIES {
            return Err(ContentError::TooMany { path: path.to_owned(), limit: MAX_ENTRIES });
        }
        let begin = scan.offset - BLOCK;
        scan.entry(path, header).map_err(|error| match error {
            Stop::Problem(problem) => place(begin)(problem),
            Stop::Read(error) => error,
        })?;
    }
    let end = scan.offset;
    scan.trailing(path)?.map_or(Ok(()), |problem| Err(place(end)(problem)))?;
    Ok(scan.found)
}

/// Why an entry ends the scan.
enum Stop {
    Problem(TarProblem),
    Read(ContentError),
}

impl From<TarProblem> for Stop {
    fn from(problem: TarProblem) -> Self {
        Self::Problem(problem)
    }
}

struct Scan<'a> {
    whole: &'a Extent,
    reader: BlobReader,
    offset: u64,
    entries: usize,
    names: HashSet<String>,
    found: Found,
}

impl Scan<'_> {
    /// The next header, `None` at the archive's end mark.
    fn header(&mut self, path: &Path) -> Result<Option<Header>, ContentError> {
        let offset = self.offset;
        let tar = |problem| ContentError::Tar { path: path.to_owned(), offset, problem };
        let mut block = [0; BLOCK as usize];
        self.read(path, &mut block)?.map_or(Ok(()), |problem| Err(tar(problem)))?;
        if block.iter().all(|byte| *byte == 0) {
            // The end mark is two blocks of zeros.
            self.read(path, &mut block)?.map_or(Ok(()), |problem| Err(tar(problem)))?;
            let zeros = block.iter().all(|byte| *byte == 0);
            return if zeros { Ok(None) } else { Err(tar(TarProblem::Trailing)) };
        }
        Header::parse(&block).map(Some).map_err(tar)
    }

    /// Takes one entry, with the extended headers before it.
    fn entry(&mut self, path: &Path, first: Header) -> Result<(), Stop> {
        let mut extended = Extended::default();
        let mut header = first;
        while let Some(target) = extended.accepts(&header)? {
            let bytes = self.small(path, header.size)?;
            extended.take(target, &bytes)?;
            header = self.header(path).map_err(Stop::Read)?.ok_or(TarProblem::Truncated)?;
        }
        let raw = extended.path.clone().unwrap_or_else(|| header.path.clone());
        if let Kind::Refused(kind) = header.kind {
            return Err(TarProblem::Kind {
                name: raw.escape_ascii().take(300).map(char::from).collect(),
                kind: kind.to_owned(),
            }
            .into());
        }
        let name = name::checked(&raw)?;
        let size = extended.size_of(&name, &header)?;
        if !name.is_empty() && !self.names.insert(name.clone()) {
            return Err(TarProblem::Duplicate(name).into());
        }
        let offset = self.offset;
        let extent = self.whole.slice(offset, size).ok_or(TarProblem::Truncated)?;
        self.skip(size)?;
        self.keep(header.kind, name, size, extent)
    }

    fn keep(&mut self, kind: Kind, name: String, size: u64, extent: Extent) -> Result<(), Stop> {
        let place = name::place(&name)?;
        match (kind, place) {
            (Kind::Folder, Place::Folder) if size == 0 => {}
            (Kind::File, Place::Layout) => self.found.layout = Some(extent),
            (Kind::File, Place::Index) => self.found.index = Some(extent),
            (Kind::File, Place::Bundle) => self.found.manifest = Some(extent),
            (Kind::File, Place::Blob(digest)) => {
                self.found.blobs.insert(digest, extent);
            }
            (Kind::File, Place::Beside) => {}
            _ => return Err(TarProblem::Unexpected(name).into()),
        }
        Ok(())
    }

    /// The bytes of an extended header.
    fn small(&mut self, path: &Path, size: u64) -> Result<Vec<u8>, Stop> {
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        if size > extended::LIMIT {
            return Err(TarProblem::Extended(format!("it has {size} bytes")).into());
        }
        let mut bytes = vec![0; length];
        match self.read(path, &mut bytes).map_err(Stop::Read)? {
            Some(problem) => return Err(problem.into()),
            None => self.offset -= size,
        }
        self.skip(size)?;
        Ok(bytes)
    }

    /// Fills the buffer from the offset and moves on.
    fn read(&mut self, path: &Path, buffer: &mut [u8]) -> Result<Option<TarProblem>, ContentError> {
        let read = |source| ContentError::Read { path: path.to_owned(), source };
        let length = buffer.len() as u64;
        if self.whole.size() - self.offset < length {
            return Ok(Some(TarProblem::Truncated));
        }
        self.reader.seek(SeekFrom::Start(self.offset)).map_err(read)?;
        self.reader.read_exact(buffer).map_err(read)?;
        self.offset += length;
        Ok(None)
    }

    /// Moves over a file's bytes and the filling behind them.
    fn skip(&mut self, size: u64) -> Result<(), TarProblem> {
        let length = size.checked_next_multiple_of(BLOCK).ok_or(TarProblem::Truncated)?;
        let end = self.offset.checked_add(length).filter(|end| *end <= self.whole.size());
        self.offset = end.ok_or(TarProblem::Truncated)?;
        Ok(())
    }

    /// Only zeros may follow the end mark, and not too many.
    fn trailing(&mut self, path: &Path) -> Result<Option<TarProblem>, ContentError> {
        let left = self.whole.size() - self.offset;
        if left > TRAILING_LIMIT {
            return Ok(Some(TarProblem::Trailing));
        }
        let mut bytes = vec![0; usize::try_from(left).unwrap_or_default()];
        let problem = self.read(path, &mut bytes)?;
        Ok(problem.or_else(|| bytes.iter().any(|byte| *byte != 0).then_some(TarProblem::Trailing)))
    }
}

#[cfg(test)]
mod tests;
