//! Why a receipt cannot be taken or read, or a delta not be made.

use crate::digest::Digest;
use crate::registry::RegistryError;

/// What is wrong with a receipt, or with what it is made of.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The registry does not answer as it should.
    #[error("{repository}: {error}")]
    Registry {
        /// What was asked for.
        repository: String,
        /// What came.
        error: RegistryError,
    },
    /// The registry does not list its repositories, or not to us.
    #[error(
        "{registry} does not tell which repositories it has ({reason}); name a bundle whose images are asked for (--bundle), or describe the cluster (--profile, --site)"
    )]
    NoCatalog {
        /// The registry.
        registry: String,
        /// What it said instead.
        reason: String,
    },
    /// The repositories hold more than a receipt may name.
    #[error("the repositories have more than {0} manifests and blobs; ask for fewer of them")]
    TooMany(usize),
    /// It is larger than any receipt.
    #[error("the receipt has {size} bytes, but at most {limit} are read and written; ask for fewer repositories")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// It is no receipt.
    #[error("this is no receipt: {0}; take it again with `kfimg bundle receipt`")]
    Malformed(String),
    /// It is of another version.
    #[error("the receipt's format version {found} is not known to this kfimg, which reads {known}; use a newer one")]
    Version {
        /// Of the receipt.
        found: u32,
        /// Of this program.
        known: u32,
    },
    /// It is not what was written.
    #[error("the receipt was changed on its way: it says that it is {written}, but it is {found}; copy it again")]
    Changed {
        /// Its id.
        written: Digest,
        /// The digest of what it says.
        found: Digest,
    },
    /// An image of the bundle has no whole name.
    #[error("`{written}` in index.json: {reason}")]
    Name {
        /// As it is written.
        written: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The images cannot be read.
    #[error("{0}")]
    Images(String),
    /// Somebody asked to stop.
    #[error("stopped")]
    Stopped,
}
