//! The state folder as files: locking, checked reading, and publishing many files at once.
//!
//! It does not know what a certificate is; [`crate::state`] does.

mod folder;
mod index;
mod journal;
mod lock;
mod operations;

pub(crate) use folder::Folder;
pub(crate) use index::{Index, Listed, authority_path, holder_path, is_plain_name, key_path};
pub(crate) use journal::{publish, recover};
pub(crate) use lock::Lock;
pub(crate) use operations::Operations;

/// What the folder holds and in which state everything else is. Always published last.
pub(crate) const INDEX: &str = "state.json";
/// The lock file, always empty.
pub(crate) const LOCK: &str = "lock";
/// New files before they are published.
pub(crate) const STAGING: &str = ".staging";
/// New files that are published and on their way to their places.
pub(crate) const COMMIT: &str = ".commit";
/// Authorities, common keys and the administrator's certificate.
pub(crate) const PKI: &str = "pki";
/// One file for each node.
pub(crate) const NODES: &str = "nodes";
/// Mode of every folder.
pub(crate) const FOLDER_MODE: u32 = 0o700;
/// Mode of every file.
pub(crate) const FILE_MODE: u32 = 0o600;
