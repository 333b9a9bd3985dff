//! What a pull tells while it goes on, for progress bars and logs.
//!
//! Nothing is drawn here.

use crate::digest::Digest;
use crate::reference::Reference;
use crate::registry::RegistryError;
use crate::transfer::Transfer;

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
    /// A step of one blob.
    Blob(Transfer<'a>),
    /// A blob of the right size lies in the store, and is read and hashed now.
    Checking {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// So many further bytes of it were read.
    Checked {
        /// The blob.
        digest: &'a Digest,
        /// The bytes.
        bytes: u64,
    },
    /// What lay in the store was not the blob. It is removed, and the blob fetched.
    Damaged {
        /// The blob.
        digest: &'a Digest,
    },
    /// Something failed, and is tried again.
    Retrying {
        /// What.
        digest: &'a Digest,
        /// Why.
        error: &'a RegistryError,
    },
    /// A layer that only its owner may distribute is not in the registry, and is left out.
    Foreign {
        /// The layer.
        digest: &'a Digest,
    },
}

/// Listens, from many threads at once. It should return soon.
pub type Events<'a> = dyn Fn(Event<'_>) + Sync + 'a;
