//! [`Delta`]: which blobs of some images a registry has already, so that a bundle may leave them out.
//!
//! Only layers are left out. Indexes, manifests and configurations are small and always inside, so that a delta can be verified and
//! proven as a whole, every blob of every image being either inside or named as absent; push brings them where they lack.

use super::{Receipt, ReceiptError};
use crate::content::{BundleManifest, Content, ContentError, Since};
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Limits, Role, walk};
use crate::reference::Reference;
use crate::store::Store;
use std::collections::{BTreeMap, HashMap};

/// What a bundle of some images may leave out, and what remains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// What `bundle.json` says about it.
    pub since: Since,
    /// Blobs that the bundle must have, in the order of their digests, with their sizes in bytes.
    pub inside: BTreeMap<Digest, u64>,
    /// Bytes that are left out.
    pub left_out: u64,
}

impl Delta {
    /// Of the images of a bundle. Blobs need not be there, but documents must.
    ///
    /// # Errors
    /// [`ReceiptError::Name`] for an image without a whole name, [`ReceiptError::Images`] when a document cannot be used.
    pub fn of_content(content: &Content, receipt: &Receipt) -> Result<Self, ReceiptError> {
        let read = |document: &Descriptor| match content.read_small(&document.digest, DOCUMENT_LIMIT) {
            Err(ContentError::Missing { .. }) => Err(ReceiptError::Images(missing(&document.digest))),
            outcome => outcome.map(Some).map_err(|error| ReceiptError::Images(error.to_string())),
        };
        Self::of(&content.index().manifests, read, receipt)
    }

    /// Of images that a store lists: such as a pull just brought.
    ///
    /// # Errors
    /// As [`Delta::of_content`].
    pub fn of_store(store: &Store, images: &[Descriptor], receipt: &Receipt) -> Result<Self, ReceiptError> {
        let read = |document: &Descriptor| match store.read_small(&document.digest, DOCUMENT_LIMIT) {
            Ok(None) => Err(ReceiptError::Images(missing(&document.digest))),
            outcome => outcome.map_err(|error| ReceiptError::Images(error.to_string())),
        };
        Self::of(images, read, receipt)
    }

    /// Of images whose documents `read` brings, verified.
    ///
    /// # Errors
    /// As [`Delta::of_content`], and those of `read`.
    pub fn of(
        images: &[Descriptor],
        read: impl Fn(&Descriptor) -> Result<Option<Vec<u8>>, ReceiptError>,
        receipt: &Receipt,
    ) -> Result<Self, ReceiptError> {
        let anywhere = holders(receipt);
        let mut split = Split::default();
        for image in images {
            // What has no name lies beside its subject; wherever that is, its blobs are small.
            let repository = image.reference().map(|name| repository(name, receipt)).transpose()?;
            let mut layers = Vec::new();
            let walked = walk(std::slice::from_ref(image), Limits::default(), &read, |edge| {
                let (digest, size) = (edge.descriptor.digest.clone(), edge.descriptor.size);
                match edge.role {
                    Role::Layer => layers.push((digest, size)),
                    Role::Index | Role::Manifest | Role::Config | Role::Other => {
                        split.inside.insert(digest, size);
                    }
                }
            });
            walked.map_err(|error| ReceiptError::Images(error.to_string()))?;
            for (digest, size) in layers {
                let holder = repository.as_ref().and_then(|_| anywhere.get(&(&digest, size))).copied();
                split.sort(digest, size, repository.as_deref(), holder, receipt);
            }
        }
        Ok(split.into_delta(receipt))
    }

    /// Writes into a bundle's `bundle.json` what it stands on. A delta that leaves out nothing stands on nothing.
    pub fn apply(&self, manifest: &mut BundleManifest) {
        manifest.since = (!self.since.absent.is_empty()).then(|| self.since.clone());
    }
}

/// Blobs so far.
#[derive(Default)]
struct Split {
    /// What must be inside. Content may be a layer here and a document there.
    inside: BTreeMap<Digest, u64>,
    absent: BTreeMap<Digest, u64>,
    held: BTreeMap<Digest, String>,
}

impl Split {
    fn sort(&mut self, digest: Digest, size: u64, own: Option<&str>, holder: Option<&str>, receipt: &Receipt) {
        let Some(holder) = holder else {
            self.inside.insert(digest, size);
            return;
        };
        let held = own.and_then(|own| receipt.repositories().get(own));
        if held.is_none_or(|held| held.blobs.get(&digest) != Some(&size)) {
            self.held.insert(digest.clone(), holder.to_owned());
        }
        self.absent.insert(digest, size);
    }

    fn into_delta(mut self, receipt: &Receipt) -> Delta {
        let inside = &self.inside;
        self.absent.retain(|digest, _| !inside.contains_key(digest));
        self.held.retain(|digest, _| self.absent.contains_key(digest));
        // Nobody checked the sizes that documents promise.
        let left_out = self.absent.values().fold(0, |sum: u64, size| sum.saturating_add(*size));
        let absent = self.absent.into_keys().collect();
        let since = Since { receipt: receipt.id().clone(), absent, held: self.held };
        Delta { since, inside: self.inside, left_out }
    }
}

/// The first repository that has each blob.
fn holders(receipt: &Receipt) -> HashMap<(&Digest, u64), &str> {
    let mut holders = HashMap::new();
    for (repository, held) in receipt.repositories() {
        for (digest, size) in &held.blobs {
            holders.entry((digest, *size)).or_insert(repository.as_str());
        }
    }
    holders
}

fn repository(name: &str, receipt: &Receipt) -> Result<String, ReceiptError> {
    let reference: Reference = name.parse().map_err(|error: crate::ReferenceError| ReceiptError::Name {
        written: name.to_owned(),
        reason: error.kind.to_string(),
    })?;
    Ok(receipt.prefix().repository(&reference))
}

fn missing(digest: &Digest) -> String {
    format!("the document {digest} is missing; a delta needs every index and manifest, so pull the images again")
}
