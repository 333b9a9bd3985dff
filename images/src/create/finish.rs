//! Makes the store itself the bundle: the index exactly, no other blobs, and `bundle.json` last.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::CreateError;
use super::inventory::Inventory;
use crate::archive::{ArchiveError, Replacement, sync_folder};
use crate::content::{BUNDLE_FILE, BundleManifest, Content, INDEX_FILE, open_plain};
use crate::hasher::sha256;
use crate::layout::ROOT_LIMIT;
use crate::receipt::Receipt;
use crate::steps::{Step, Watcher};
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
    watcher: Watcher,
}

impl Folder {
    /// Keeps other runs out. The folder becomes exactly the bundle, so one with images that no run of ours put there is refused.
    pub(super) fn reserve(store: &Store, watcher: &Watcher) -> Result<Self, CreateError> {
        let folder = store.folder();
        let (path, begun) = (folder.join(BUNDLE_FILE), folder.join(BEGUN));
        let target = Replacement::create(&path, watcher)?;
        if !path.exists() && !begun.exists() && !store.index()?.is_empty() {
            return Err(CreateError::Foreign(folder.to_owned()));
        }
        // A link that lies there already is not followed.
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        match watcher.before(Step::Create, &begun).and_then(|()| options.open(&begun)) {
            Err(source) if source.kind() != ErrorKind::AlreadyExists => {
                return Err(ArchiveError::Write { path: begun, source }.into());
            }
            _ => {}
        }
        Ok(Self { folder: folder.to_owned(), path, begun, target, watcher: watcher.clone() })
    }

    /// Refuses to make a delta of a finished bundle that would lose what a receipt names.
    pub(super) fn refuse_whole(folder: &Path, receipt: &Receipt) -> Result<(), CreateError> {
        let Ok(content) = Content::open(folder) else { return Ok(()) };
        let (is_whole, elsewhere) = (content.manifest().is_some_and(|found| found.since.is_none()), receipt.blobs());
        match is_whole && content.blobs().any(|(digest, _)| elsewhere.contains_key(digest)) {
            true => Err(CreateError::Whole(folder.to_owned())),
            false => Ok(()),
        }
    }

    /// Removes a `bundle.json` of an earlier run that no longer names the index.
    pub(super) fn drop_stale(&self) -> Result<(), ArchiveError> {
        let index = read(&self.folder.join(INDEX_FILE)).map(|bytes| sha256(&bytes));
        let manifest = read(&self.path).and_then(|bytes| BundleManifest::parse(&bytes).ok());
        let fits = index.is_some() && manifest.is_some_and(|manifest| manifest.index == index);
        if fits || !is_there(&self.path) { Ok(()) } else { self.remove() }
    }

    fn remove(&self) -> Result<(), ArchiveError> {
        remove(&self.path, &self.watcher)?;
        sync_folder(&self.path, &self.watcher)
    }

    pub(super) fn finish(mut self, store: &Store, inventory: &Inventory) -> Result<(), CreateError> {
        let new = inventory.manifest.to_bytes();
        if is_there(&self.path) && read(&self.path).is_none_or(|old| old != new) {
            self.remove()?;
        }
        store.retain(&inventory.entries, &inventory.keep)?;
        self.target.write_all(&new)?;
        self.target.seal()?.publish()?;
        remove(&self.begun, &self.watcher)?;
        sync_folder(&self.path, &self.watcher)?;
        Ok(())
    }
}

/// Whether anything has this name, be it a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// The bytes of a root document, unless it is too large or no plain file.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    open_plain(path).and_then(|file| file.take(ROOT_LIMIT + 1).read_to_end(&mut bytes)).ok()?;
    (bytes.len() as u64 <= ROOT_LIMIT).then_some(bytes)
}

fn remove(path: &Path, watcher: &Watcher) -> Result<(), ArchiveError> {
    let removed = watcher.before(Step::Remove, path).and_then(|()| std::fs::remove_file(path));
    removed.map_err(|source| ArchiveError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::Folder;
    use crate::content::BUNDLE_FILE;
    use crate::steps::Watcher;
    use crate::store::Store;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_in_the_folder_lead_nobody_astray() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let precious = outside.path().join("precious");
        std::fs::write(&precious, "the only copy").unwrap();
        symlink(&precious, folder.path().join(super::BEGUN)).unwrap();
        let store = Store::open(folder.path()).unwrap();
        symlink(&precious, folder.path().join(BUNDLE_FILE)).unwrap();
        Folder::reserve(&store, &Watcher::default()).unwrap().drop_stale().unwrap();
        assert!(!super::is_there(&folder.path().join(BUNDLE_FILE)));
        assert_eq!(std::fs::read(&precious).unwrap(), b"the only copy");
    }
}
