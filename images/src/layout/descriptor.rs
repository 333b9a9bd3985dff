//! [`Descriptor`]: type, digest and size of a piece of content; [`Platform`]: the machine that an image is for.
//!
//! Fields that kfimg does not use are not kept: documents that are passed on are passed on as bytes.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::media_type::{self, Kind};
use super::{CONTAINERD_REFERENCE_ANNOTATION, REFERENCE_ANNOTATION};
use crate::digest::Digest;

/// Most bytes of a media type, parameters included.
const MEDIA_TYPE_LIMIT: usize = 512;

/// What a document says about a piece of content that it refers to.
///
/// Source: OCI image specification, descriptor.md. The order of the fields is the order in which they are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type of the content, of at most 512 bytes.
    #[serde(deserialize_with = "short")]
    pub media_type: String,
    /// The type of an artifact, where the content is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The digest of the content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Other places to fetch it from. kfimg never asks them.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Free notes.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The machine that the content is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Descriptor {
    /// A descriptor without the optional parts.
    #[must_use]
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            artifact_type: None,
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            platform: None,
        }
    }

    /// Type, digest and size alone: what it takes to fetch the content, however much is noted about it.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self::new(&self.media_type, self.digest.clone(), self.size)
    }

    /// What the media type makes of the content.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::of(&self.media_type)
    }

    /// Whether a registry need not hold the content, because it is a layer that only its owner may distribute.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        media_type::is_foreign(&self.media_type)
    }

    /// The whole reference under which a layout's `index.json` names the content.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        [REFERENCE_ANNOTATION, CONTAINERD_REFERENCE_ANNOTATION]
            .into_iter()
            .find_map(|name| self.annotations.get(name))
            .map(String::as_str)
    }
}

/// The machine that an image runs on.
///
/// Source: OCI image specification, image-index.md, "platform".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`, in Go's words.
    pub architecture: String,
    /// `linux`, in Go's words.
    pub os: String,
    /// A version of the operating system, which only Windows uses.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// What the operating system must offer, which only Windows uses.
    #[serde(default, rename = "os.features", deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// `v8`: a variant of the architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// Types are kept for each piece of content. RFC 6838, 4.2: both parts of a name have at most 127 characters.
fn short<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() <= MEDIA_TYPE_LIMIT {
        return Ok(text);
    }
    Err(serde::de::Error::custom(format!("a media type has {} bytes; at most {MEDIA_TYPE_LIMIT} are read", text.len())))
}

/// Go writes an empty list or map as `null`.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
