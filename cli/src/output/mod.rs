//! The output folder: written beside the former one, swapped in at once, with the digest of every file.
//!
//! It knows files, not what they mean. Whatever goes wrong before the swap leaves the former output as it was.

mod build_folder;
mod error;
mod former;
mod manifest;
mod payload_file;
mod read;
mod replace;
mod staging;

pub(crate) use build_folder::BuildFolder;
pub(crate) use error::{Error, Kind};
pub(crate) use manifest::{FileRecord, Manifest, NodeRecord, Servers};
pub(crate) use payload_file::PayloadFile;
pub(crate) use read::Output;
pub(crate) use replace::replace;
pub(crate) use staging::{Secrecy, Staging};
