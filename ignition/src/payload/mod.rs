//! Formats in which a node's tree travels. An encoder reads a [`crate::tree::NodeTree`] and, where a format asks for it, the
//! node's name and cards; none knows Kubernetes. What is needed to compare payloads is read back.

mod all_in_one;
mod cloud_init;
mod data_url;
mod drive;
mod fat;
mod guestinfo;
mod gzip;
mod ignition;

pub use all_in_one::{AllInOne, DoesNotFit, Machine};
pub use cloud_init::{CloudInit, cloud_init, read_cloud_init};
pub use drive::{config_drive, nocloud_seed, read_config_drive};
pub use guestinfo::{
    ENCODING, Guestinfo, IGNITION_KEY, METADATA_KEY, USER_DATA_KEY, guestinfo_cloud_init, guestinfo_ignition,
    read_guestinfo,
};
pub use ignition::{IgnitionVersion, ReadError, UnknownVersion, ignition, read_ignition};
