//! Which blobs were hashed since the registry started, and with what result.
//!
//! What became of a blob's file after it was found sound is not noticed before the next start; `verify` tells.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::content::BlobReader;
use crate::digest::Digest;
use crate::hasher::Hasher;

/// What is known of blobs.
#[derive(Debug, Default)]
pub(super) struct Trust {
    known: Mutex<HashMap<Digest, bool>>,
    /// Held while a whole blob is hashed before a part of it is served: the readers are few.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl Trust {
    /// `Some(true)`: sound; `Some(false)`: damaged; `None`: not hashed yet.
    pub(super) fn of(&self, digest: &Digest) -> Option<bool> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied()
    }

    /// Remembers a result. A damaged blob stays one.
    pub(super) fn learn(&self, digest: &Digest, sound: bool) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.entry(digest.clone()).or_insert(sound);
        *entry &= sound;
    }

    /// How many blobs were found sound, and how many damaged.
    pub(super) fn count(&self) -> (usize, usize) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let sound = known.values().filter(|sound| **sound).count();
        (sound, known.len() - sound)
    }
}

/// Hashes a whole blob; what can't be read counts as damaged.
pub(super) fn is_sound(digest: &Digest, reader: BlobReader) -> bool {
    let mut hasher = Hasher::like(digest);
    hasher.read(reader).is_ok() && hasher.finish() == *digest
}
