//! [`Index`] and [`Manifest`]: read with limits, refused when they could be taken for one another, written canonically.
//!
//! What they refer to is not read here: see [`mod@super::walk`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::descriptor::or_default;
use super::media_type::{self, Kind, OCI_INDEX, OCI_MANIFEST};
use super::{DOCUMENT_LIMIT, Descriptor, LayoutError, ROOT_LIMIT};
use crate::shown::shown;

/// The only version of both documents.
const SCHEMA_VERSION: u64 = 2;

/// A list of manifests and further indexes; also a layout's `index.json`.
///
/// Source: OCI image specification, image-index.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u64,
    /// Its own media type; older tools leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The type of an artifact, where the index is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What it lists.
    #[serde(deserialize_with = "or_default")]
    pub manifests: Vec<Descriptor>,
    /// What it says something about, where it is a referrer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free notes.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// One image for one platform, or one artifact.
///
/// Source: OCI image specification, manifest.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u64,
    /// Its own media type; older tools leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The type of an artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The image's configuration.
    pub config: Descriptor,
    /// Its layers, lowest first.
    #[serde(deserialize_with = "or_default")]
    pub layers: Vec<Descriptor>,
    /// What it says something about, where it is a referrer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free notes.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Index {
    /// An index of OCI's type over these descriptors, in the order given.
    #[must_use]
    pub fn of(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            media_type: Some(OCI_INDEX.to_owned()),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// Reads a layout's `index.json`, of at most [`ROOT_LIMIT`] bytes.
    ///
    /// # Errors
    ///
    /// When it is too large, malformed or not an index.
    pub fn parse_root(bytes: &[u8]) -> Result<Self, LayoutError> {
        check_size(bytes, ROOT_LIMIT)?;
        parse_index(OCI_INDEX, bytes)
    }

    /// The same index as the same bytes everywhere: no white space, fields in the order of the specification.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and maps with text keys always have a JSON form")
    }
}

impl Manifest {
    /// A manifest of OCI's type.
    #[must_use]
    pub fn of(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            media_type: Some(OCI_MANIFEST.to_owned()),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The same manifest as the same bytes everywhere: no white space, fields in the order of the specification.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and maps with text keys always have a JSON form")
    }

    /// The type by which referrers are filtered: its own, else that of its configuration.
    ///
    /// Source: OCI distribution specification, "Listing Referrers".
    #[must_use]
    pub fn effective_artifact_type(&self) -> &str {
        self.artifact_type.as_deref().unwrap_or(&self.config.media_type)
    }
}

/// A document that refers to other content.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and not for long")]
pub enum Document {
    /// See [`Index`].
    Index(Index),
    /// See [`Manifest`].
    Manifest(Manifest),
}

impl Document {
    /// Reads a document that was offered as `offered` (by a descriptor or an HTTP header), of at most
    /// [`DOCUMENT_LIMIT`] bytes.
    ///
    /// # Errors
    ///
    /// When it is too large, malformed, Docker's schema 1, or could be taken for the other kind.
    pub fn parse(offered: &str, bytes: &[u8]) -> Result<Self, LayoutError> {
        check_size(bytes, DOCUMENT_LIMIT)?;
        match Kind::of(offered) {
            Kind::Index => parse_index(offered, bytes).map(Self::Index),
            Kind::Manifest => parse_manifest(offered, bytes).map(Self::Manifest),
            Kind::Schema1 => Err(LayoutError::Schema1),
            Kind::Other => Err(LayoutError::MediaType(shown(offered))),
        }
    }

    /// What it says something about, where it is a referrer.
    #[must_use]
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Index(index) => index.subject.as_ref(),
            Self::Manifest(manifest) => manifest.subject.as_ref(),
        }
    }
}

/// The type that a document gives itself, where it is JSON and has one.
pub(crate) fn own_type(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        media_type: Option<String>,
    }
    serde_json::from_slice::<Typed>(bytes).ok()?.media_type
}

/// The fields that tell the kinds apart; their contents do not matter.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    config: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    layers: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    fs_layers: Option<serde::de::IgnoredAny>,
}

fn check_size(bytes: &[u8], limit: u64) -> Result<(), LayoutError> {
    let size = bytes.len() as u64;
    if size > limit { Err(LayoutError::TooLarge { size, limit }) } else { Ok(()) }
}

fn parse_index(offered: &str, bytes: &[u8]) -> Result<Index, LayoutError> {
    let outline = outline(offered, bytes)?;
    let foreign = [("layers", outline.layers.is_some()), ("config", outline.config.is_some())];
    refuse_fields(offered, &foreign)?;
    serde_json::from_slice(bytes).map_err(|error| LayoutError::Json(shown(&error.to_string())))
}

fn parse_manifest(offered: &str, bytes: &[u8]) -> Result<Manifest, LayoutError> {
    let outline = outline(offered, bytes)?;
    refuse_fields(offered, &[("manifests", outline.manifests.is_some())])?;
    serde_json::from_slice(bytes).map_err(|error| LayoutError::Json(shown(&error.to_string())))
}

/// Reads what a document says about itself, and refuses what contradicts the offer.
fn outline(offered: &str, bytes: &[u8]) -> Result<Outline, LayoutError> {
    let outline: Outline =
        serde_json::from_slice(bytes).map_err(|error| LayoutError::Json(shown(&error.to_string())))?;
    if outline.schema_version == Some(1) || outline.fs_layers.is_some() {
        return Err(LayoutError::Schema1);
    }
    if let Some(version) = outline.schema_version.filter(|version| *version != SCHEMA_VERSION) {
        return Err(LayoutError::SchemaVersion(version));
    }
    match &outline.media_type {
        Some(written) if media_type::essence(written) != media_type::essence(offered) => {
            Err(LayoutError::Confused { offered: shown(offered), written: shown(written) })
        }
        _ => Ok(outline),
    }
}

fn refuse_fields(offered: &str, fields: &[(&'static str, bool)]) -> Result<(), LayoutError> {
    match fields.iter().find(|(_, present)| *present) {
        Some((field, _)) => Err(LayoutError::Ambiguous { offered: shown(offered), field }),
        None => Ok(()),
    }
}
