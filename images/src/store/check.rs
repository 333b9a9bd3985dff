//! Whether what lies in a blob's place is the blob: every byte is read, because nothing else tells. A medium that rots changes neither
//! size nor times of a file, so no record of these replaces the reading.
//!
//! What is done about a damaged one is the caller's.

use super::disk::open_regular;
use super::{Store, StoreError};
use crate::digest::Digest;
use crate::hasher::Hasher;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What lies in a blob's place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Intact,
    /// Other bytes, in this file.
    Damaged(Stamp),
}

/// What tells a file from another that took its place, or that was written to: for moments, never for longer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp([i128; 4]);

impl Stamp {
    fn of(about: &Metadata) -> Self {
        let changed = i128::from(about.ctime()) * 1_000_000_000 + i128::from(about.ctime_nsec());
        Self([about.dev().into(), about.ino().into(), about.size().into(), changed])
    }
}

impl Found {
    /// Whether nothing happened there since.
    pub(super) fn is_unchanged(&self, path: &Path) -> bool {
        match (self, std::fs::symlink_metadata(path)) {
            (Self::Nothing, Err(error)) => error.kind() == std::io::ErrorKind::NotFound,
            (Self::Damaged(stamp), Ok(about)) => *stamp == Stamp::of(&about),
            _ => false,
        }
    }
}

impl Store {
    /// Looks at a blob's place; `count` is told of the bytes that were read last. A file of another size is not read.
    pub(super) fn look(&self, digest: &Digest, size: u64, count: &dyn Fn(u64)) -> Result<Found, StoreError> {
        let path = self.path(digest);
        let Some(file) = open_regular(&path)? else { return Ok(Found::Nothing) };
        let about = file.metadata().map_err(StoreError::io("reading", &path))?;
        let is_intact = about.len() == size && self.hashes_to(digest, size, &file, &path, count)?;
        Ok(if is_intact { Found::Intact } else { Found::Damaged(Stamp::of(&about)) })
    }

    fn hashes_to(
        &self,
        digest: &Digest,
        size: u64,
        file: &File,
        path: &Path,
        count: &dyn Fn(u64),
    ) -> Result<bool, StoreError> {
        let mut hasher = Hasher::like(digest);
        let read = hasher.read_counted(self.stop.reader(file.take(size.saturating_add(1))), count);
        Ok(read.map_err(StoreError::io("reading", path))? == size && hasher.finish() == *digest)
    }
}
