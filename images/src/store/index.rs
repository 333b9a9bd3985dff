//! `index.json` of a store: merged by reference, sorted, replaced as a whole.
//!
//! What it lists is the caller's.

use super::disk::open_regular;
use super::{ALGORITHMS, BLOBS, PARTIAL, Store, StoreError};
use crate::digest::Digest;
use crate::layout::{Descriptor, Index, ROOT_LIMIT};
use std::collections::{BTreeMap, BTreeSet};
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
        self.write_index(old.as_ref(), listed.into_iter().chain(entries.iter().cloned()))
    }

    /// Makes `index.json` list these entries and no others, and removes every blob that is not among `keep`, and what interrupted
    /// runs left; returns the number of blobs that were removed.
    ///
    /// It is for a bundle that is finished: nobody else may write the store at this moment.
    ///
    /// # Errors
    /// As [`Store::set_index`].
    pub fn retain(&self, entries: &[Descriptor], keep: &BTreeSet<Digest>) -> Result<usize, StoreError> {
        let _lock = self.lock_folder()?;
        let old = self.read_index()?.map(|(bytes, _)| bytes);
        // First, so that the index never names what is gone.
        self.write_index(old.as_ref(), entries.iter().cloned())?;
        let mut removed = 0;
        for algorithm in ALGORITHMS {
            let folder = self.folder.join(BLOBS).join(algorithm);
            let Ok(files) = std::fs::read_dir(&folder) else { continue };
            for file in files {
                let file = file.map_err(StoreError::io("reading", &folder))?;
                let name = format!("{algorithm}:{}", file.file_name().to_string_lossy());
                if name.parse::<Digest>().is_ok_and(|digest| !keep.contains(&digest)) {
                    self.disk.remove(&file.path())?;
                    removed += 1;
                }
            }
        }
        self.sweep()?;
        Ok(removed)
    }

    /// Writes the entries, the last of each key, unless the file has these bytes already. The folder is locked.
    fn write_index(&self, old: Option<&Vec<u8>>, entries: impl Iterator<Item = Descriptor>) -> Result<(), StoreError> {
        let bytes = Index::of(listed(entries)).to_bytes();
        if old == Some(&bytes) {
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

/// Entries as an index lists them: sorted, the last of each name, and of each digest without one.
pub(crate) fn listed(entries: impl IntoIterator<Item = Descriptor>) -> Vec<Descriptor> {
    let merged: BTreeMap<Key, Descriptor> = entries.into_iter().map(|entry| (key(&entry), entry)).collect();
    merged.into_values().collect()
}

/// An index as it is written, and its entries.
type Written = (Vec<u8>, Vec<Descriptor>);

fn key(entry: &Descriptor) -> Key {
    match entry.reference() {
        Some(reference) => (Some(reference.to_owned()), None),
        None => (None, Some(entry.digest.to_string())),
    }
}
