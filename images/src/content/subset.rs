//! A part of a bundle, as if it were a whole one: for files that are written from a store that holds more.
//!
//! Nothing is copied.

use std::collections::BTreeSet;

use super::{BundleManifest, Content};
use crate::digest::Digest;
use crate::layout::Index;

impl Content {
    /// The same bytes under another `index.json` and `bundle.json`, with these blobs only.
    pub(crate) fn subset(mut self, index: Index, manifest: BundleManifest, keep: &BTreeSet<Digest>) -> Self {
        self.index_bytes = index.to_bytes();
        self.index = index;
        self.manifest_bytes = Some(manifest.to_bytes());
        self.manifest = Some(manifest);
        self.blobs.retain(|digest, _| keep.contains(digest));
        self
    }
}
