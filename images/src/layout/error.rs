//! What can be wrong with a document of a layout.

/// A document that is not read any further. Whoever read it adds where it came from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// More bytes than any honest document has.
    #[error("has {size} bytes, but at most {limit} are read; ask its author to split it")]
    TooLarge {
        /// Bytes found.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// Docker's image manifest version 2, schema 1.
    #[error(
        "is a Docker schema 1 manifest, which has no digests of its parts and which containerd 2.1 refuses; push the image again with a current tool"
    )]
    Schema1,
    /// A media type that is neither an index nor a manifest.
    #[error("has the media type `{0}`, which is neither an index nor a manifest")]
    MediaType(String),
    /// The document says that it is something else than its descriptor does (GHSA-qq97-vm5h-rrhg).
    #[error("is offered as `{offered}` but calls itself `{written}`")]
    Confused {
        /// The type of its descriptor or HTTP header.
        offered: String,
        /// The type in the document.
        written: String,
    },
    /// A field that only the other kind of document has.
    #[error("is offered as `{offered}` but has the field `{field}`, which that type does not have")]
    Ambiguous {
        /// The type of its descriptor or HTTP header.
        offered: String,
        /// The field.
        field: &'static str,
    },
    /// The field `schemaVersion` is not 2.
    #[error("has schemaVersion {0}; only 2 is known")]
    SchemaVersion(u64),
    /// It is no JSON, or lacks a field, or has a malformed digest.
    #[error("is malformed: {0}")]
    Json(String),
}
