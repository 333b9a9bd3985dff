//! What a pull tells while it goes on, for progress bars and logs.
//!
//! Nothing is drawn here.

use crate::digest::Digest;
use crate::reference::Reference;
use crate::registry::RegistryError;

/// One step of a pull.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A reference leads to this digest.
    Resolved {
        /// What was wanted.
        reference: &'a Reference,
        /// The manifest, or the index for several architectures.
        digest: &'a Digest,
    },
    /// A blob will be looked for, and fetched unless it is there.
    Planned {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
        /// The first image or program that needs it, by its reference.
        name: &'a str,
    },
    /// A planned blob is in the store.
    Present {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// A blob is fetched.
    Started {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
        /// Bytes that an earlier run left.
        from: u64,
    },
    /// So many further bytes of a blob came.
    Advanced {
        /// The blob.
        digest: &'a Digest,
        /// The bytes.
        bytes: u64,
    },
    /// What came of a blob is of no use: it begins again.
    Restarted {
        /// The blob.
        digest: &'a Digest,
        /// Bytes that are lost.
        lost: u64,
    },
    /// Something failed, and is tried again.
    Retrying {
        /// What.
        digest: &'a Digest,
        /// Why.
        error: &'a RegistryError,
    },
    /// A blob is complete, and was right.
    Finished {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// A layer that only its owner may distribute is not in the registry, and is left out.
    Foreign {
        /// The layer.
        digest: &'a Digest,
    },
}

/// Listens, from many threads at once. It should return soon.
pub type Events<'a> = dyn Fn(Event<'_>) + Sync + 'a;
