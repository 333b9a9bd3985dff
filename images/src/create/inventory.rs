//! What belongs to a bundle, of all that its store holds, and `bundle.json` about it.

use std::collections::{BTreeMap, BTreeSet};

use super::gather::Gathered;
use super::{CreateError, Request};
use crate::content::bundle_manifest::FORMAT_VERSION;
use crate::content::{BundleManifest, BundledImage};
use crate::digest::Digest;
use crate::hasher::sha256;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Index, Limits, WalkError, walk};
use crate::platforms::images;
use crate::receipt::Delta;
use crate::store::{Store, StoreError};

/// What belongs to a bundle.
pub(super) struct Inventory {
    /// The entries of its index, sorted.
    pub(super) entries: Vec<Descriptor>,
    /// The blobs inside.
    pub(super) keep: BTreeSet<Digest>,
    pub(super) manifest: BundleManifest,
}

/// Follows every entry to its blobs.
pub(super) fn take(request: &Request, store: &Store, gathered: &Gathered) -> Result<Inventory, CreateError> {
    let entries = gathered.entries.clone();
    let mut sizes = BTreeMap::new();
    let foreign: BTreeSet<&Digest> = gathered.foreign.iter().collect();
    let read = |document: &Descriptor| store.read_small(&document.digest, DOCUMENT_LIMIT);
    walk(&entries, Limits::default(), read, |edge| {
        if !foreign.contains(&edge.descriptor.digest) {
            sizes.insert(edge.descriptor.digest.clone(), edge.descriptor.size);
        }
    })
    .map_err(failed)?;
    let delta = request.since.as_ref().map(|receipt| Delta::of_store(store, &entries, receipt)).transpose()?;
    if let Some(delta) = &delta {
        sizes.retain(|digest, _| delta.inside.contains_key(digest));
    }
    let keep: BTreeSet<Digest> = sizes.keys().cloned().collect();
    let mut names: Vec<String> = request.pull.architectures.iter().map(ToString::to_string).collect();
    names.sort();
    names.dedup();
    let mut manifest = BundleManifest {
        format_version: FORMAT_VERSION,
        kubernetes_version: request.kubernetes_version.clone(),
        architectures: names,
        index: Some(sha256(&Index::of(entries.clone()).to_bytes())),
        images: bundled(&entries, store)?,
        blobs: keep.len() as u64,
        bytes: sizes.values().sum(),
        since: None,
    };
    if let Some(delta) = &delta {
        delta.apply(&mut manifest);
    }
    Ok(Inventory { entries, keep, manifest })
}

/// The named entries, each with its platforms.
fn bundled(entries: &[Descriptor], store: &Store) -> Result<BTreeMap<String, BundledImage>, CreateError> {
    let mut all = BTreeMap::new();
    for entry in entries {
        let Some(name) = entry.reference() else { continue };
        let found =
            images(entry, &mut |document| store.read_small(&document.digest, DOCUMENT_LIMIT)).map_err(failed)?;
        let platforms: BTreeSet<String> = found.iter().map(|image| image.platform.to_string()).collect();
        let platforms = platforms.into_iter().collect();
        all.insert(name.to_owned(), BundledImage { digest: entry.digest.clone(), size: entry.size, platforms });
    }
    Ok(all)
}

fn failed(error: WalkError<StoreError>) -> CreateError {
    match error {
        WalkError::Read(error) => error.into(),
        other => CreateError::Documents(other.to_string()),
    }
}
