//! [`Transfer`]: one blob on its way, as progress bars and logs are told of it; the same for a pull and for a push.
//!
//! What else happens is told by [`crate::pull::Event`] and [`crate::push::Event`]. Nothing is drawn here.

use crate::digest::Digest;

/// One step of a blob. What was planned ends as present or finished, or with the whole work.
#[derive(Clone, Copy, Debug)]
pub enum Transfer<'a> {
    /// It will be looked for, and brought unless it is there.
    Planned {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
        /// Who needs it: the first image or program by its reference, or the repository that it goes to.
        name: &'a str,
    },
    /// It is there.
    Present {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// It is brought.
    Started {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
        /// Bytes that an earlier run brought.
        from: u64,
    },
    /// So many further bytes of it came, or were sent.
    Advanced {
        /// The blob.
        digest: &'a Digest,
        /// The bytes.
        bytes: u64,
    },
    /// So many bytes of it are of no use, and are brought again.
    Restarted {
        /// The blob.
        digest: &'a Digest,
        /// Bytes that are lost.
        lost: u64,
    },
    /// It is complete, and was right.
    Finished {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
    },
}
