//! `kfimg.lock`: which content each reference stands for, so that two runs months apart bring the same bytes.
//!
//! The file is YAML, as every file that people keep beside a description, and read by the same reader, which knows lines. Each
//! fact has its own line (digest and size of an index or of one platform's manifest, which change together), sorted, so that a
//! review shows what an update changes and a merge joins two of them.
//!
//! ```yaml
//! images:
//!   "registry.k8s.io/pause:3.10.2":
//!     index: { digest: "sha256:…", size: 1609 }
//!     amd64: { digest: "sha256:…", size: 528 }
//! ```
//!
//! Nothing is fetched here: [`mod@crate::create`] makes a lock of what it pulled.

mod change;
mod error;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::archive::{ArchiveError, Replacement, sync_folder};
use crate::component::Architecture;
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Kind, WalkError, own_type};
use crate::platforms::{Read, images, pick};
use crate::pull::Pulled;
use crate::reference::Reference;
use crate::steps::Watcher;
use crate::store::{Store, StoreError};

pub use change::{Change, Fact};
pub use error::LockError;

/// Digests of all that a bundle holds, by reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// For which machines the images were looked up.
    pub architectures: BTreeSet<Architecture>,
    /// The images.
    pub images: BTreeMap<Reference, LockedImage>,
    /// The files of host programs, by the names that they have in a bundle: see [`crate::download::Binary::reference`].
    pub binaries: BTreeMap<Reference, Pin>,
}

/// What one reference stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockedImage {
    /// The index; `None` when the reference leads to a manifest directly.
    pub index: Option<Pin>,
    /// The manifest for Linux on each architecture.
    pub platforms: BTreeMap<Architecture, Pin>,
}

/// A piece of content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl LockedImage {
    /// What is asked of a registry: the index, else the only manifest.
    #[must_use]
    pub fn root(&self) -> Option<&Pin> {
        self.index.as_ref().or_else(|| self.platforms.values().next())
    }

    /// From what a registry or a store says about a reference.
    pub(crate) fn of<E: std::error::Error + 'static>(
        root: &Descriptor,
        architectures: &BTreeSet<Architecture>,
        read: &mut Read<'_, E>,
    ) -> Result<Self, WalkError<E>> {
        let found = images(root, read)?;
        let platforms = architectures.iter().filter_map(|one| Some((*one, Pin::of(pick(root, &found, *one)?))));
        let platforms = platforms.collect();
        Ok(Self { index: (root.kind() == Kind::Index).then(|| Pin::of(root)), platforms })
    }
}

impl Pin {
    /// Digest and size of a descriptor.
    #[must_use]
    pub fn of(descriptor: &Descriptor) -> Self {
        Self { digest: descriptor.digest.clone(), size: descriptor.size }
    }
}

impl Lock {
    /// A lock without entries, for these machines.
    #[must_use]
    pub fn new(architectures: impl IntoIterator<Item = Architecture>) -> Self {
        Self { architectures: architectures.into_iter().collect(), ..Self::default() }
    }

    /// What nodes are pinned to: in a lock for one architecture the manifest of that platform, because registries refuse an index
    /// whose children are missing; in a lock for several the index.
    #[must_use]
    pub fn pin(&self, reference: &Reference) -> Option<&Pin> {
        let image = self.images.get(reference)?;
        match (self.architectures.len(), self.architectures.first()) {
            (1, Some(only)) => image.platforms.get(only),
            _ => image.root(),
        }
    }

    /// Takes over what a pull brought; entries of other references stay.
    ///
    /// # Errors
    /// [`LockError::Store`], or [`LockError::Document`] for a document that changed in the store meanwhile.
    pub fn update(&mut self, pulled: &Pulled, store: &Store) -> Result<(), LockError> {
        let mut read = |descriptor: &Descriptor| store.read_small(&descriptor.digest, DOCUMENT_LIMIT);
        for image in &pulled.images {
            let failed = |error: WalkError<StoreError>| match error {
                WalkError::Read(error) => LockError::Store(error),
                other => LockError::Document { reference: image.reference.clone(), reason: other.to_string() },
            };
            // For one architecture the index was looked into and left out, but it is what the tag leads to.
            let root = if image.resolved == image.descriptor.digest {
                image.descriptor.clone()
            } else {
                index_in(store, &image.resolved)?.ok_or_else(|| LockError::Document {
                    reference: image.reference.clone(),
                    reason: format!("the index {} is not in the store", image.resolved),
                })?
            };
            let locked = LockedImage::of(&root, &self.architectures, &mut read).map_err(failed)?;
            self.images.insert(image.reference.clone(), locked);
        }
        Ok(())
    }

    /// This lock after an update: what was found, and of the rest whatever `stays` and is known for the same machines.
    #[must_use]
    pub fn renewed(&self, found: &Self, stays: impl Fn(&Reference) -> bool) -> Self {
        let mut new = found.clone();
        if self.architectures.is_superset(&found.architectures) {
            for (name, image) in self.images.iter().filter(|(name, _)| stays(name)) {
                let mut image = image.clone();
                image.platforms.retain(|one, _| found.architectures.contains(one));
                if image.root().is_some() {
                    new.images.entry(name.clone()).or_insert(image);
                }
            }
        }
        for (name, pin) in self.binaries.iter().filter(|(name, _)| stays(name)) {
            new.binaries.entry(name.clone()).or_insert_with(|| pin.clone());
        }
        new
    }

    /// The text of the file: the same for the same lock.
    #[must_use]
    pub fn to_text(&self) -> String {
        file::write(self)
    }

    /// Reads the text of a file that errors call `path`.
    ///
    /// # Errors
    /// [`LockError::File`] with the line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, LockError> {
        file::parse(path, text)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Lock::parse`]; [`LockError::Read`], also for one of more than 8 MiB.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        file::read(path)
    }

    /// Writes a file, as a whole or not at all.
    ///
    /// # Errors
    /// When the system refuses, or another process writes it.
    pub fn write(&self, path: &Path) -> Result<(), ArchiveError> {
        let watcher = Watcher::default();
        let mut target = Replacement::create(path, &watcher)?;
        target.write_all(self.to_text().as_bytes())?;
        target.seal()?.publish()?;
        sync_folder(path, &watcher)
    }

    /// What turns this lock into `new`, sorted.
    #[must_use]
    pub fn changes(&self, new: &Self) -> Vec<Change> {
        change::between(self, new)
    }
}

/// The index of a digest in a store, by the type that it gives itself.
fn index_in(store: &Store, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
    let Some(bytes) = store.read_small(digest, DOCUMENT_LIMIT)? else { return Ok(None) };
    let media_type = own_type(&bytes).unwrap_or_else(|| crate::layout::media_type::OCI_INDEX.to_owned());
    Ok(Some(Descriptor::new(&media_type, digest.clone(), bytes.len() as u64)))
}

#[cfg(test)]
mod tests;
