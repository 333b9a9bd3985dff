//! Several bundles as if they were one: a base and the deltas that stand on it.
//!
//! Nothing is copied. The result has no `bundle.json`, since nobody signed it.

use std::collections::BTreeMap;

use super::{Content, ContentError};
use crate::digest::Digest;
use crate::layout::{CONTAINERD_REFERENCE_ANNOTATION, Descriptor, Index, REFERENCE_ANNOTATION};

impl Content {
    /// This bundle with what the others hold. Where several name one reference, the last of them decides; what it stood for
    /// before stays reachable by its digest, since nodes may be pinned to it.
    ///
    /// # Errors
    ///
    /// [`ContentError::Unfounded`] when one of them is a delta, and what it leaves out lies in none of them.
    pub fn joined(mut self, others: impl IntoIterator<Item = Self>) -> Result<Self, ContentError> {
        let mut foundations = Vec::from_iter(self.foundation());
        let mut entries = Entries::default();
        entries.extend(&self.index);
        let mut alone = true;
        for other in others {
            alone = false;
            foundations.extend(other.foundation());
            entries.extend(&other.index);
            for (digest, extent) in other.blobs {
                self.blobs.entry(digest).or_insert(extent);
            }
        }
        for (path, absent) in foundations {
            let mut lacking = absent.iter().filter(|digest| !self.blobs.contains_key(*digest));
            if let Some(first) = lacking.next() {
                return Err(ContentError::Unfounded { path, digest: first.clone(), count: 1 + lacking.count() });
            }
        }
        if !alone {
            self.index = entries.into_index();
            self.index_bytes = self.index.to_bytes();
            (self.manifest, self.manifest_bytes) = (None, None);
        }
        Ok(self)
    }

    /// What a delta leaves out.
    fn foundation(&self) -> Option<(std::path::PathBuf, Vec<Digest>)> {
        let since = self.manifest.as_ref()?.since.as_ref()?;
        Some((self.place.clone(), since.absent.clone()))
    }
}

/// Entries of several indexes.
#[derive(Default)]
struct Entries {
    named: BTreeMap<String, Descriptor>,
    unnamed: BTreeMap<Digest, Descriptor>,
}

impl Entries {
    fn extend(&mut self, index: &Index) {
        for entry in &index.manifests {
            let former = match entry.reference() {
                Some(reference) => self.named.insert(reference.to_owned(), entry.clone()),
                None => Some(entry.clone()),
            };
            if let Some(mut former) = former {
                former
                    .annotations
                    .retain(|key, _| ![REFERENCE_ANNOTATION, CONTAINERD_REFERENCE_ANNOTATION].contains(&key.as_str()));
                self.unnamed.insert(former.digest.clone(), former);
            }
        }
    }

    fn into_index(self) -> Index {
        Index::of(self.named.into_values().chain(self.unnamed.into_values()).collect())
    }
}
