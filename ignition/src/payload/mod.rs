//! Formats in which a node's tree travels. An encoder reads a [`crate::tree::NodeTree`] and nothing else.

mod data_url;
mod ignition;
mod size;

pub use ignition::{IgnitionVersion, UnknownVersion, ignition};
pub use size::{GUESTINFO_LIMIT, guestinfo_size};
