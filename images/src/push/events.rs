//! What a push tells while it goes on, for progress bars and logs.
//!
//! Nothing is drawn here.

use crate::digest::Digest;

/// One step of a push. A blob that several repositories need is planned, and ended, once for each.
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
    /// A blob will be looked for, and brought unless it is there.
    Planned {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
        /// The repository that it goes to.
        name: &'a str,
    },
    /// A planned blob is there.
    Present {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// A planned blob was taken over from another repository of the registry.
    Mounted {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
        /// The other repository.
        from: &'a str,
    },
    /// A blob is uploaded.
    Started {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// So many further bytes of a blob were sent.
    Advanced {
        /// The blob.
        digest: &'a Digest,
        /// The bytes.
        bytes: u64,
    },
    /// The way broke, and so many bytes of a blob are sent again.
    Restarted {
        /// The blob.
        digest: &'a Digest,
        /// Bytes that are lost.
        lost: u64,
    },
    /// A blob is uploaded, and the registry found it right.
    Finished {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
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
