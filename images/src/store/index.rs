//! `index.json` of a store: merged by reference, sorted, replaced as a whole.
//!
//! What it lists is the caller's.

use super::disk::open_regular;
use super::{PARTIAL, Store, StoreError};
use crate::layout::{Descriptor, Index, ROOT_LIMIT};
use std::collections::BTreeMap;
use std::io::Read;

/// The layout's list of what it holds.
const INDEX_FILE: &str = "index.json";

/// By what entries are told apart, and sorted: the reference; for an entry without one, its digest.
type Key = (Option<String>, Option<String>);

impl Store {
    /// What `index.json` lists; nothing when it is missing.
    ///
    /// # Errors
    /// [`StoreError::NotALayout`] when it is malformed, [`StoreError::Io`].
    pub fn index(&self) -> Result<Vec<Descriptor>, StoreError> {
        Ok(self.read_index()?.map(|(_, entries)| entries).unwrap_or_default())
    }

    /// Adds entries to `index.json`. One with a reference that is listed takes the place of the old one.
    ///
    /// Several writers may do so at once: the sum of all is listed. When nothing changes, nothing is written.
    ///
    /// # Errors
    /// [`StoreError::NotALayout`] when the present one is malformed, [`StoreError::IndexTooLarge`], [`StoreError::Busy`],
    /// [`StoreError::Io`].
    pub fn set_index(&self, entries: &[Descriptor]) -> Result<(), StoreError> {
        let _lock = self.lock_folder()?;
        let present = self.read_index()?;
        let (old, listed) = present.map_or((None, Vec::new()), |(bytes, entries)| (Some(bytes), entries));
        let merged: BTreeMap<Key, Descriptor> =
            listed.into_iter().chain(entries.iter().cloned()).map(|entry| (key(&entry), entry)).collect();
        let bytes = Index::of(merged.into_values().collect()).to_bytes();
        if old.as_ref() == Some(&bytes) {
            return Ok(());
        }
        let (path, size) = (self.folder.join(INDEX_FILE), bytes.len() as u64);
        if size > ROOT_LIMIT {
            return Err(StoreError::IndexTooLarge { path, size, limit: ROOT_LIMIT });
        }
        self.disk.replace(&self.folder.join(format!("{PARTIAL}{INDEX_FILE}")), &path, &bytes)
    }

    fn read_index(&self) -> Result<Option<Written>, StoreError> {
        let path = self.folder.join(INDEX_FILE);
        let Some(file) = open_regular(&path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(ROOT_LIMIT + 1).read_to_end(&mut bytes).map_err(StoreError::io("reading", &path))?;
        match Index::parse_root(&bytes) {
            Ok(index) => Ok(Some((bytes, index.manifests))),
            Err(error) => Err(StoreError::NotALayout { path, reason: error.to_string() }),
        }
    }
}

/// An index as it is written, and its entries.
type Written = (Vec<u8>, Vec<Descriptor>);

fn key(entry: &Descriptor) -> Key {
    match entry.reference() {
        Some(reference) => (Some(reference.to_owned()), None),
        None => (None, Some(entry.digest.to_string())),
    }
}
