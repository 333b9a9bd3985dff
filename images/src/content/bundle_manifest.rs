//! [`BundleManifest`]: `bundle.json`, what kfimg adds to an OCI image layout. It is what `kfimg bundle sign` signs.
//!
//! It binds everything: its digests name the images, and [`BundleManifest::index`] names `index.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The version of the format that is written, and the only one that is read.
pub const FORMAT_VERSION: u32 = 1;

/// What a bundle holds, for whom, and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BundleManifest {
    /// Always [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The Kubernetes version that it was created for, such as `v1.36.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// The architectures that it was created for, in Go's words, sorted.
    pub architectures: Vec<String>,
    /// The digest of the bundle's `index.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Digest>,
    /// What a cluster asks for, by its whole reference.
    pub images: BTreeMap<String, BundledImage>,
    /// How many blobs lie in the bundle.
    pub blobs: u64,
    /// Their bytes in all.
    pub bytes: u64,
    /// What a delta stands on; a whole bundle has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
}

/// One image or artifact of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BundledImage {
    /// The digest of its index or manifest.
    pub digest: Digest,
    /// The size of its index or manifest in bytes.
    pub size: u64,
    /// The platforms that are in the bundle, such as `linux/amd64`, sorted; an artifact has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
}

/// What a delta stands on: blobs that are not inside because a registry already has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Since {
    /// The digest of the receipt that the delta was created from.
    pub receipt: Digest,
    /// The blobs that are not inside, sorted, each once.
    pub absent: Vec<Digest>,
    /// The repository on the registry that has the blob, for blobs of `absent` that some image's own repository there lacks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<Digest, String>,
}

impl Since {
    /// Whether a blob is left to the registry.
    #[must_use]
    pub fn leaves_out(&self, digest: &Digest) -> bool {
        self.absent.binary_search(digest).is_ok()
    }
}

impl BundleManifest {
    /// Reads `bundle.json`.
    ///
    /// # Errors
    ///
    /// When it is malformed or of another version; in words for a person.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        /// Read first, so that a later version is named and not taken for a malformed one.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            format_version: u32,
        }
        let version: Version = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if version.format_version != FORMAT_VERSION {
            return Err(format!(
                "the bundle's format version {} is not known to this kfimg, which reads {FORMAT_VERSION}; use a newer one",
                version.format_version
            ));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match &manifest.since {
            Some(since) if !since.absent.is_sorted_by(|a, b| a < b) => {
                Err("the blobs of `since.absent` are not sorted; create the bundle again".to_owned())
            }
            _ => Ok(manifest),
        }
    }

    /// The same manifest as the same bytes everywhere.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("texts, numbers and maps with text keys always have a JSON form");
        bytes.push(b'\n');
        bytes
    }
}
