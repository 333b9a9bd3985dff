//! Formats in which a node's tree travels. An encoder reads a [`crate::tree::NodeTree`] and nothing else.

mod data_url;
mod guestinfo;
mod ignition;

pub use guestinfo::{
    ENCODING, Guestinfo, IGNITION_KEY, METADATA_KEY, USER_DATA_KEY, guestinfo_cloud_init, guestinfo_ignition,
};
pub use ignition::{IgnitionVersion, UnknownVersion, ignition};
