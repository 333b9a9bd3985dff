//! Media types of OCI and of Docker's image manifest version 2, schema 2, and what kfimg does with each.
//!
//! A type that is not named here is content that nobody looks into.

/// An OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An OCI image manifest; artifacts use it too.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Docker's manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker's manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// An OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The configuration of an artifact that has none: `{}`.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Docker's schema 1, signed and not. containerd 2.1 no longer knows it.
const SCHEMA_1: [&str; 3] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.container.image.v1+json.schema1",
];

/// All types that a registry is asked for (`Accept`), best first.
pub const ACCEPTED: [&str; 4] = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];

/// What a media type makes of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Names manifests or further indexes.
    Index,
    /// Names a configuration and layers.
    Manifest,
    /// Docker's schema 1, which is refused.
    Schema1,
    /// Content that is not looked into.
    Other,
}

impl Kind {
    /// The kind of a media type; parameters (`; charset=utf-8`) and letter case do not count.
    #[must_use]
    pub fn of(media_type: &str) -> Self {
        let name = essence(media_type);
        if name == OCI_INDEX || name == DOCKER_LIST {
            Self::Index
        } else if name == OCI_MANIFEST || name == DOCKER_MANIFEST {
            Self::Manifest
        } else if SCHEMA_1.contains(&name.as_str()) {
            Self::Schema1
        } else {
            Self::Other
        }
    }
}

/// The type without its parameters, in lower case.
#[must_use]
pub fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a layer may only be fetched from its own URLs, so that a registry need not hold it (old Windows base layers).
///
/// Source: OCI image specification, layer.md, "Non-Distributable Layers"; Docker's "foreign" layers.
#[must_use]
pub fn is_foreign(media_type: &str) -> bool {
    let name = essence(media_type);
    name.contains(".nondistributable.") || name.contains(".foreign.")
}
