//! A disk as a file of its size, with holes where nothing lies.

use crate::extents::Extents;
use crate::output::{NewFile, OutputError, Watch};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How much is copied at a time.
const CHUNK: usize = 1 << 20;
/// Zeros of this length become a hole.
const HOLE: usize = 64 << 10;

/// Writes the disk.
///
/// # Errors
/// When its parts cannot be read, it cannot be written, or somebody asks to stop.
pub fn write(content: &Extents, path: &Path, watch: &Watch<'_>) -> Result<(), OutputError> {
    let new = NewFile::begin(path)?;
    copy(content, &new, watch)?;
    new.finish()
}

/// Writes the disk, or another volume, into a file that was begun.
pub(crate) fn copy(content: &Extents, new: &NewFile, watch: &Watch<'_>) -> Result<(), OutputError> {
    let open = content.open()?;
    let failed = |error| OutputError::io("writing", new.target())(error);
    new.file().set_len(open.size()).map_err(failed)?;
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    while let Some(data) = open.next_data(offset) {
        watch.stop().check().map_err(failed)?;
        let start = data / CHUNK as u64 * CHUNK as u64;
        let length = usize::try_from(open.size() - start).unwrap_or(CHUNK).min(CHUNK);
        let chunk = &mut buffer[..length];
        open.read_at(start, chunk)?;
        for (index, piece) in chunk.chunks(HOLE).enumerate() {
            if piece.iter().any(|byte| *byte != 0) {
                new.file().write_all_at(piece, start + (index * HOLE) as u64).map_err(failed)?;
            }
        }
        offset = start + length as u64;
        watch.advanced(length as u64);
    }
    Ok(())
}
