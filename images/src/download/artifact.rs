//! A host program as an OCI artifact: an empty configuration, the file as the only layer, and what it is as annotations.
//!
//! The same file gives the same bytes everywhere: no time, no host.
//! Source: OCI image specification v1.1.1, manifest.md, "Guidelines for Artifact Usage".

use crate::component::Architecture;
use crate::hasher::sha256;
use crate::layout::media_type::{EMPTY, OCI_MANIFEST};
use crate::layout::{Descriptor, Manifest, REFERENCE_ANNOTATION};
use crate::lock::Pin;
use crate::reference::Reference;
use crate::store::{Store, StoreError};

/// The type of the artifact.
pub const BINARY_TYPE: &str = "application/vnd.kfimg.binary.v1";
/// The type of the artifact of any other file: the image of an operating system.
pub const FILE_TYPE: &str = "application/vnd.kfimg.file.v1";
/// The annotation with the program's name, as [`crate::HostPart`] has it.
pub const NAME_ANNOTATION: &str = "kfimg.io/name";
/// The annotation with its version, without a leading `v`.
pub const VERSION_ANNOTATION: &str = "kfimg.io/version";
/// The annotation with its architecture, in Go's words.
pub const ARCHITECTURE_ANNOTATION: &str = "kfimg.io/architecture";
/// The annotation by which oras and others name the file.
const TITLE_ANNOTATION: &str = "org.opencontainers.image.title";
/// What an artifact's configuration holds.
const NOTHING: &[u8] = b"{}";

/// What a file is.
pub(super) struct About<'a> {
    /// [`BINARY_TYPE`] or [`FILE_TYPE`].
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) architecture: Option<Architecture>,
}

/// The file as a layer.
pub(super) fn layer(name: &str, file: &Pin) -> Descriptor {
    let packed = [".tar.gz", ".tgz"].iter().any(|suffix| name.ends_with(suffix));
    let media_type = if packed { "application/gzip" } else { "application/octet-stream" };
    let mut layer = Descriptor::new(media_type, file.digest.clone(), file.size);
    layer.annotations.insert(TITLE_ANNOTATION.to_owned(), name.to_owned());
    layer
}

/// Stores configuration and manifest; returns what `index.json` lists.
pub(super) fn write(
    store: &Store,
    about: &About<'_>,
    reference: &Reference,
    layer: Descriptor,
) -> Result<Descriptor, StoreError> {
    let config = Descriptor::new(EMPTY, sha256(NOTHING), NOTHING.len() as u64);
    store.put(&config.digest, NOTHING)?;
    let architecture = about.architecture.map(|one| (ARCHITECTURE_ANNOTATION, one.as_str()));
    let notes = [(NAME_ANNOTATION, about.name), (VERSION_ANNOTATION, about.version)].into_iter().chain(architecture);
    let mut manifest = Manifest::of(config, vec![layer]);
    manifest.artifact_type = Some(about.kind.to_owned());
    manifest.annotations = notes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let bytes = manifest.to_bytes();
    let mut entry = Descriptor::new(OCI_MANIFEST, sha256(&bytes), bytes.len() as u64);
    store.put(&entry.digest, &bytes)?;
    entry.artifact_type = manifest.artifact_type;
    entry.annotations = manifest.annotations;
    entry.annotations.insert(REFERENCE_ANNOTATION.to_owned(), reference.to_string());
    Ok(entry)
}
