//! A host program as an OCI artifact: an empty configuration, the file as the only layer, and what it is as annotations.
//!
//! The same file gives the same bytes everywhere: no time, no host.
//! Source: OCI image specification v1.1.1, manifest.md, "Guidelines for Artifact Usage".

use super::Binary;
use crate::hasher::sha256;
use crate::layout::media_type::{EMPTY, OCI_MANIFEST};
use crate::layout::{Descriptor, Manifest, REFERENCE_ANNOTATION};
use crate::lock::Pin;
use crate::reference::Reference;
use crate::store::{Store, StoreError};

/// The type of the artifact.
pub const BINARY_TYPE: &str = "application/vnd.kfimg.binary.v1";
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

/// The file as a layer.
pub(super) fn layer(binary: &Binary, file: &Pin) -> Descriptor {
    let name = binary.file_name();
    let packed = [".tar.gz", ".tgz"].iter().any(|suffix| name.ends_with(suffix));
    let media_type = if packed { "application/gzip" } else { "application/octet-stream" };
    let mut layer = Descriptor::new(media_type, file.digest.clone(), file.size);
    layer.annotations.insert(TITLE_ANNOTATION.to_owned(), name.to_owned());
    layer
}

/// Stores configuration and manifest; returns what `index.json` lists.
pub(super) fn write(
    store: &Store,
    binary: &Binary,
    reference: &Reference,
    layer: Descriptor,
) -> Result<Descriptor, StoreError> {
    let config = Descriptor::new(EMPTY, sha256(NOTHING), NOTHING.len() as u64);
    store.put(&config.digest, NOTHING)?;
    let notes = [
        (NAME_ANNOTATION, binary.artifact.part.as_str()),
        (VERSION_ANNOTATION, &binary.artifact.version),
        (ARCHITECTURE_ANNOTATION, binary.architecture.as_str()),
    ];
    let mut manifest = Manifest::of(config, vec![layer]);
    manifest.artifact_type = Some(BINARY_TYPE.to_owned());
    manifest.annotations = notes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let bytes = manifest.to_bytes();
    let mut entry = Descriptor::new(OCI_MANIFEST, sha256(&bytes), bytes.len() as u64);
    store.put(&entry.digest, &bytes)?;
    entry.artifact_type = manifest.artifact_type;
    entry.annotations = manifest.annotations;
    entry.annotations.insert(REFERENCE_ANNOTATION.to_owned(), reference.to_string());
    Ok(entry)
}
