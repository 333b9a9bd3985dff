//! Makes the store itself the bundle: the index exactly, no other blobs, and `bundle.json` last.

use std::path::{Path, PathBuf};

use super::CreateError;
use super::inventory::Inventory;
use crate::archive::{ArchiveError, Replacement, sync_folder};
use crate::content::{BUNDLE_FILE, BundleManifest, INDEX_FILE};
use crate::hasher::sha256;
use crate::store::Store;

/// Says that the images of a folder without `bundle.json` are those of a run that was interrupted.
const BEGUN: &str = ".partial-bundle";

/// A folder that one run makes a bundle.
pub(super) struct Folder {
    folder: PathBuf,
    path: PathBuf,
    begun: PathBuf,
    // Its lock keeps other runs out until the end.
    target: Replacement,
}

impl Folder {
    /// Keeps other runs out. The folder becomes exactly the bundle, so one with images that no run of ours put there is refused.
    pub(super) fn reserve(store: &Store) -> Result<Self, CreateError> {
        let folder = store.folder();
        let (path, begun) = (folder.join(BUNDLE_FILE), folder.join(BEGUN));
        let target = Replacement::create(&path)?;
        if !path.exists() && !begun.exists() && !store.index()?.is_empty() {
            return Err(CreateError::Foreign(folder.to_owned()));
        }
        std::fs::write(&begun, []).map_err(|source| ArchiveError::Write { path: begun.clone(), source })?;
        Ok(Self { folder: folder.to_owned(), path, begun, target })
    }

    /// Removes a `bundle.json` of an earlier run that no longer names the index.
    pub(super) fn drop_stale(&self) -> Result<(), ArchiveError> {
        let Ok(old) = std::fs::read(&self.path) else { return Ok(()) };
        let index = std::fs::read(self.folder.join(INDEX_FILE)).map(|bytes| sha256(&bytes)).ok();
        let fits = index.is_some() && BundleManifest::parse(&old).is_ok_and(|manifest| manifest.index == index);
        if fits { Ok(()) } else { self.remove() }
    }

    fn remove(&self) -> Result<(), ArchiveError> {
        remove(&self.path)?;
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
        remove(&self.begun)?;
        sync_folder(&self.path)?;
        Ok(())
    }
}

fn remove(path: &Path) -> Result<(), ArchiveError> {
    std::fs::remove_file(path).map_err(|source| ArchiveError::Write { path: path.to_owned(), source })
}
