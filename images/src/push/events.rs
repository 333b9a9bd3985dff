//! What a push tells while it goes on, for progress bars and logs.
//!
//! Nothing is drawn here.

use crate::digest::Digest;
use crate::transfer::Transfer;

/// One step of a push.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An image or artifact is in the registry already, by its tag and digest.
    Unchanged {
        /// As the bundle names it.
        name: &'a str,
        /// Its digest.
        digest: &'a Digest,
    },
    /// A step of one blob. One that several repositories need is planned, and ended, once for each.
    Blob(Transfer<'a>),
    /// A planned blob was taken over from another repository of the registry.
    Mounted {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
        /// The other repository.
        from: &'a str,
    },
    /// An image or artifact is in the registry, and was looked at there. Comes at the end, for those that were there too.
    Pushed {
        /// As the bundle names it.
        name: &'a str,
        /// Its digest.
        digest: &'a Digest,
    },
}

/// Listens, from many threads at once. It should return soon.
pub type Events<'a> = dyn Fn(Event<'_>) + Sync + 'a;
