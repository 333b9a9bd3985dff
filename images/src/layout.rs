//! The documents of an OCI image layout: descriptors, indexes and manifests, read with limits and written canonically.
//!
//! - [`mod@media_type`]: which media type means what, of OCI and of Docker's schema 2;
//! - [`mod@document`]: reading and writing [`Index`] and [`Manifest`];
//! - [`mod@walk`]: from descriptors to every blob below them.
//!
//! It opens no file and asks no registry: bytes come from [`crate::content`] or a registry client.
//! Source: OCI image specification v1.1.1 (`descriptor.md`, `manifest.md`, `image-index.md`, `image-layout.md`).

pub mod descriptor;
pub mod document;
mod error;
pub mod media_type;
pub mod walk;

pub use descriptor::{Descriptor, Platform};
pub(crate) use document::own_type;
pub use document::{Document, Index, Manifest};
pub use error::LayoutError;
pub use media_type::Kind;
pub use walk::{Edge, Limits, Role, WalkError, walk};

/// Most bytes of a manifest or an index in a registry or a blob: containerd's limit is a little more (4 x 1048 x 1048).
pub const DOCUMENT_LIMIT: u64 = 4 << 20;
/// Most bytes of a layout's `index.json`, which names every image of a bundle, and of `bundle.json`.
pub const ROOT_LIMIT: u64 = 16 << 20;

/// The annotation that carries an image's whole reference, which skopeo, crane and kfimg's agent read.
pub const REFERENCE_ANNOTATION: &str = "org.opencontainers.image.ref.name";
/// The annotation under which containerd writes the same.
pub const CONTAINERD_REFERENCE_ANNOTATION: &str = "io.containerd.image.name";

#[cfg(test)]
mod tests;
