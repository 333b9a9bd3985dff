//! [`BuildRecord`]: `build.json`, the digest of every input and output of a build, and all that it depended on.
//!
//! It has no key, no path, no host and no time of its own, so it is the same for the same build anywhere.

use crate::base::BaseSource;
use crate::content::{PartSource, Preload, PreloadedImage};
use crate::licences::LicenceRecord;
use crate::lint::Finding;
use crate::request::Request;
use crate::root_image::RootFormat;
use crate::sign::CertificateRecord;
use kfimg_images::digest::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the file beside the outputs.
pub const RECORD_FILE: &str = "build.json";
/// The version of the format.
pub const FORMAT_VERSION: u32 = 1;

/// A finished build.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildRecord {
    /// Always [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The kfimg that built it.
    pub kfimg_version: String,
    /// `IMAGE_ID`.
    pub image_id: String,
    /// `IMAGE_VERSION`.
    pub image_version: String,
    /// In Go's words.
    pub architecture: String,
    /// The time of everything in the image, in seconds since 1970.
    pub source_date_epoch: u64,
    /// What the base calls itself (`PRETTY_NAME`).
    pub system: String,
    /// The base.
    pub base: BaseSource,
    /// The version of the kernel.
    pub kernel_version: String,
    /// Host programs and agent.
    pub parts: Vec<PartSource>,
    /// Preloaded images.
    pub preloaded: Vec<PreloadedImage>,
    /// Packages of the base and their versions, where it has a database that kfimg reads.
    pub packages: BTreeMap<String, String>,
    /// Licences of the base's packages, and of what kfimg adds.
    pub licences: Vec<LicenceRecord>,
    /// Programs that wrote the image, with their versions.
    pub programs: Vec<String>,
    /// The root.
    pub root: RootRecord,
    /// The kernel's command line without the root hash.
    pub command_line: String,
    /// What else was asked for.
    pub options: OptionsRecord,
    /// Whose key signed the kernel image of disks and ISO.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_boot: Option<CertificateRecord>,
    /// What lints found.
    pub findings: Vec<Finding>,
    /// Bytes of the root by what brought them, before compression.
    pub sizes: BTreeMap<String, u64>,
    /// Every file that was written, by its name.
    pub outputs: BTreeMap<String, OutputRecord>,
}

/// The root image.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RootRecord {
    /// Its format.
    pub format: RootFormat,
    /// Files, folders and links.
    pub entries: u64,
    /// Bytes of all files before compression.
    pub content_bytes: u64,
    /// Bytes of the image.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
    /// The root hash of its verity tree.
    pub root_hash: String,
    /// The salt of its verity tree.
    pub salt: String,
}

/// Options that change what is written, and stand nowhere else in the record. What was not given is not there.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OptionsRecord {
    /// Kinds of outputs, sorted.
    pub outputs: Vec<String>,
    /// Whose images are preloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preload: Option<&'static str>,
    /// Lints that only warn, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Where machines that boot from the network fetch the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_url: Option<String>,
    /// Bytes of disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_size: Option<u64>,
    /// Bytes of each root partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_size: Option<u64>,
    /// Bytes of the EFI system partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub esp_size: Option<u64>,
}

impl OptionsRecord {
    /// Those of a request.
    pub(crate) fn of(request: &Request<'_>) -> Self {
        let mut allowed = request.allowed.to_vec();
        allowed.sort();
        allowed.dedup();
        let mut outputs: Vec<String> = request.outputs.iter().map(ToString::to_string).collect();
        outputs.sort();
        Self {
            outputs,
            preload: request.preload.map(Preload::name),
            allowed,
            root_url: request.root_url.map(str::to_owned),
            disk_size: request.disk.disk,
            slot_size: request.disk.slot,
            esp_size: request.disk.esp,
        }
    }
}

/// A file of the output.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputRecord {
    /// Bytes.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
}

impl BuildRecord {
    /// The file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("texts, numbers and maps with text keys always have a JSON form");
        bytes.push(b'\n');
        bytes
    }
}
