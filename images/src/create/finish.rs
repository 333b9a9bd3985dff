//! Makes the store itself the bundle: the index exactly, no other blobs, and `bundle.json` last.

use std::path::{Path, PathBuf};

use super::CreateError;
use super::inventory::Inventory;
use crate::archive::{ArchiveError, Replacement, sync_folder};
use crate::content::{BUNDLE_FILE, BundleManifest, INDEX_FILE};
use crate::hasher::sha256;
use crate::store::Store;

/// A folder that one run makes a bundle.
pub(super) struct Folder {
    folder: PathBuf,
    path: PathBuf,
    // Its lock keeps other runs out until the end.
    target: Replacement,
}

impl Folder {
    /// Keeps other runs out.
    pub(super) fn reserve(folder: &Path) -> Result<Self, ArchiveError> {
        let path = folder.join(BUNDLE_FILE);
        Ok(Self { folder: folder.to_owned(), target: Replacement::create(&path)?, path })
    }

    /// Removes a `bundle.json` of an earlier run that no longer names the index.
    pub(super) fn drop_stale(&self) -> Result<(), ArchiveError> {
        let Ok(old) = std::fs::read(&self.path) else { return Ok(()) };
        let index = std::fs::read(self.folder.join(INDEX_FILE)).map(|bytes| sha256(&bytes)).ok();
        let fits = index.is_some() && BundleManifest::parse(&old).is_ok_and(|manifest| manifest.index == index);
        if fits { Ok(()) } else { self.remove() }
    }

    fn remove(&self) -> Result<(), ArchiveError> {
        std::fs::remove_file(&self.path).map_err(|source| ArchiveError::Write { path: self.path.clone(), source })?;
        sync_folder(&self.path)
    }

    pub(super) fn finish(mut self, store: &Store, inventory: &Inventory) -> Result<(), CreateError> {
        let new = inventory.manifest.to_bytes();
        if std::fs::read(&self.path).is_ok_and(|old| old != new) {
            self.remove()?;
        }
        store.retain(&inventory.entries, &inventory.keep)?;
        self.target.write_all(&new)?;
        self.target.seal()?.publish()?;
        sync_folder(&self.path)?;
        Ok(())
    }
}
