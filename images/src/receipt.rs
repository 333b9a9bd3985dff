//! [`Receipt`]: what a registry has, written down so that a bundle can be made of what it lacks.
//!
//! - [`take`] asks a registry for all tags of some repositories, and for every blob below them; [`take_all`] for all of its own catalog;
//! - [`mod@delta`] says which blobs a bundle may leave out.
//!
//! A receipt is carried by hand from the site to where bundles are made. It holds no secrets, and it promises nothing: push asks
//! again.

pub mod delta;
mod error;
mod take;

pub use delta::Delta;
pub use error::ReceiptError;
pub use take::{Event, Events, Options, references, take, take_all};

use crate::digest::Digest;
use crate::hasher::sha256;
use crate::push::Prefix;
use crate::reference::{check_repository, check_tag};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the format that is written, and the only one that is read.
pub const FORMAT_VERSION: u32 = 1;
/// Most bytes of a receipt.
pub const RECEIPT_LIMIT: u64 = 16 << 20;
/// Most bytes of a registry's name.
const REGISTRY_LIMIT: usize = 300;

/// What a registry has of some repositories, at one time. The same content is the same receipt, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    id: Digest,
    registry: String,
    prefix: Prefix,
    repositories: BTreeMap<String, Held>,
}

/// What a registry has of one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Held {
    /// Its tags, and the manifest or index that each names.
    pub tags: BTreeMap<String, Digest>,
    /// Manifests and indexes, with their sizes in bytes.
    pub manifests: BTreeMap<Digest, u64>,
    /// Configurations and layers, with their sizes in bytes.
    pub blobs: BTreeMap<Digest, u64>,
}

/// As it is written. The id is the digest of the same text without it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    format_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Digest>,
    registry: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    prefix: String,
    repositories: BTreeMap<String, Held>,
}

impl Written {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("texts, numbers and maps with text keys always have a JSON form");
        bytes.push(b'\n');
        bytes
    }
}

impl Receipt {
    /// A receipt of what was found. `repositories` have their whole names on the registry, prefix included.
    #[must_use]
    pub fn new(registry: &str, prefix: Prefix, repositories: BTreeMap<String, Held>) -> Self {
        let (registry, path) = (registry.to_owned(), prefix.as_str().to_owned());
        let written = Written { format_version: FORMAT_VERSION, id: None, registry, prefix: path, repositories };
        let id = sha256(&written.to_bytes());
        Self { id, registry: written.registry, prefix, repositories: written.repositories }
    }

    /// The SHA-256 of what it says: a delta names it.
    #[must_use]
    pub fn id(&self) -> &Digest {
        &self.id
    }

    /// The registry's host, and its port unless it is the usual one.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Below which path of the registry the mirror lies.
    #[must_use]
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// What is there, by the repository's whole name.
    #[must_use]
    pub fn repositories(&self) -> &BTreeMap<String, Held> {
        &self.repositories
    }

    /// All configurations and layers that are there, with their sizes in bytes.
    #[must_use]
    pub fn blobs(&self) -> BTreeMap<Digest, u64> {
        let all = self.repositories.values().flat_map(|held| &held.blobs);
        all.map(|(digest, size)| (digest.clone(), *size)).collect()
    }

    /// The receipt as a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let written = Written {
            format_version: FORMAT_VERSION,
            id: Some(self.id.clone()),
            registry: self.registry.clone(),
            prefix: self.prefix.as_str().to_owned(),
            repositories: self.repositories.clone(),
        };
        written.to_bytes()
    }

    /// Reads a receipt of at most [`RECEIPT_LIMIT`] bytes.
    ///
    /// # Errors
    /// When it is too large, malformed, of another version, or not what was written.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        /// Read first, so that a later version is named and not taken for a malformed one.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            format_version: u32,
        }
        let size = bytes.len() as u64;
        if size > RECEIPT_LIMIT {
            return Err(ReceiptError::TooLarge { size, limit: RECEIPT_LIMIT });
        }
        let malformed = |error: serde_json::Error| ReceiptError::Malformed(error.to_string());
        let version: Version = serde_json::from_slice(bytes).map_err(malformed)?;
        if version.format_version != FORMAT_VERSION {
            return Err(ReceiptError::Version { found: version.format_version, known: FORMAT_VERSION });
        }
        let written: Written = serde_json::from_slice(bytes).map_err(malformed)?;
        let prefix: Prefix = written.prefix.parse().map_err(|error| ReceiptError::Malformed(format!("{error}")))?;
        check(&written)?;
        let receipt = Self::new(&written.registry, prefix, written.repositories);
        match written.id {
            Some(id) if id == receipt.id => Ok(receipt),
            Some(id) => Err(ReceiptError::Changed { written: id, found: receipt.id }),
            None => Err(ReceiptError::Malformed("it has no id".to_owned())),
        }
    }
}

/// Names are what a registry may have, since some of them are asked for later.
fn check(written: &Written) -> Result<(), ReceiptError> {
    let registry = &written.registry;
    if registry.is_empty() || registry.len() > REGISTRY_LIMIT || !registry.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ReceiptError::Malformed("`registry` is no host".to_owned()));
    }
    for (repository, held) in &written.repositories {
        check_repository(repository)
            .map_err(|reason| ReceiptError::Malformed(format!("the repository {repository:?} {reason}")))?;
        for tag in held.tags.keys() {
            check_tag(tag)
                .map_err(|reason| ReceiptError::Malformed(format!("{repository}: the tag {tag:?} {reason}")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
