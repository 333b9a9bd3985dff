//! Hashes all blobs on all processors. Whether something needs them is judged in [`super::references`].

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Fault;
use super::turns::{Turn, Turns, Work};
use crate::content::{BlobReader, Extent};
use crate::digest::Digest;
use crate::hasher::{Hasher, Portion};

/// Bytes of a blob that a thread hashes before it looks for another: enough for a disk to read in one go, and few when little is left, so that
/// all threads end together.
const TURN: RangeInclusive<u64> = 1 << 20..=16 << 20;
/// Blobs that are begun and not done, for each thread. Each keeps a file open.
const OPEN: usize = 4;

/// A blob and where it lies.
pub(super) type Blob<'a> = (&'a Digest, &'a Extent);

/// A blob that is being hashed.
struct Hashing<'a> {
    digest: &'a Digest,
    hasher: Hasher,
    reader: BlobReader,
    left: u64,
    /// Why it could not be read to its end.
    broken: Option<io::Error>,
}

impl Work for Hashing<'_> {
    fn left(&self) -> u64 {
        self.left
    }
}

/// What is wrong with the bytes of these blobs; `count` is told of the bytes that were hashed last.
pub(super) fn all(blobs: &[Blob<'_>], threads: usize, count: &(dyn Fn(u64) + Sync)) -> BTreeMap<Digest, Fault> {
    let threads = threads.clamp(1, blobs.len().max(1));
    let turns = Turns::new(blobs, |(_, extent)| extent.size(), threads * OPEN);
    let faults = Mutex::new(BTreeMap::new());
    let run = || {
        let mut portion = Portion::new();
        while let Some(turn) = turns.take() {
            let mut hashing = match turn {
                Turn::Begin((digest, extent)) => Hashing::new(digest, extent),
                Turn::Continue(hashing) => hashing,
            };
            hashing.go_on(portion.bytes(), count);
            if let Some((digest, fault)) = turns.give_back(hashing).and_then(Hashing::end) {
                faults.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, fault);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    faults.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Hashing<'a> {
    fn new(digest: &'a Digest, extent: &Extent) -> Self {
        Self { digest, hasher: Hasher::like(digest), reader: extent.reader(), left: extent.size(), broken: None }
    }

    /// Hashes a quarter of what is left, or what [`TURN`] makes of that.
    fn go_on(&mut self, portion: &mut [u8], count: &(dyn Fn(u64) + Sync)) {
        let end = self.left.saturating_sub((self.left / 4).clamp(*TURN.start(), *TURN.end()));
        while self.left > end {
            match self.reader.read(portion) {
                Ok(0) => self.left = 0,
                Ok(length) => {
                    self.hasher.update(&portion[..length]);
                    count(length as u64);
                    self.left -= length as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => (self.left, self.broken) = (0, Some(error)),
            }
        }
    }

    /// What is wrong with it, now that all of it was read.
    fn end(self) -> Option<(Digest, Fault)> {
        let fault = match self.broken {
            Some(error) => Fault::Unreadable(error.to_string()),
            None => Fault::of(self.digest, self.hasher)?,
        };
        Some((self.digest.clone(), fault))
    }
}
