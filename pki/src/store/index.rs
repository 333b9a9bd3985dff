//! `state.json`: what a state holds, with a fingerprint of each certificate and key.
//!
//! It holds no secret: fingerprints of keys are of public halves, or of 256 random bits, which nobody can guess back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kfimg_profiles::description::values::KubernetesVersion;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::generations::Generations;
use crate::state::Rotated;
use crate::store::{NODES, PKI};
use crate::table::{Ca, Leaf};

const KIND: &str = "kfimg-state";
/// The format that this program writes, and the newest that it reads.
const FORMAT: u64 = 1;

/// The contents of `state.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Index {
    kind: String,
    format: u64,
    pub(crate) cluster: String,
    pub(crate) uid: String,
    pub(crate) created: Timestamp,
    /// SHA-256 of the issuing certificate, or of the chain's bundle where there is more than one.
    pub(crate) authorities: BTreeMap<Ca, String>,
    /// Newest first.
    pub(crate) service_account_keys: Vec<Listed>,
    /// Newest first.
    pub(crate) encryption_keys: Vec<Listed>,
    /// The highest generation when each of these lists was changed last, where one ever was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) rotated: BTreeMap<Rotated, u64>,
    pub(crate) administrator: BTreeMap<Leaf, String>,
    pub(crate) nodes: BTreeMap<String, BTreeMap<Leaf, String>>,
    /// The version of the last render.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kubernetes_version: Option<KubernetesVersion>,
    pub(crate) generations: Generations,
}

/// A key in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) sha256: String,
}

impl Index {
    pub(crate) fn new(cluster: &str, uid: String, created: Timestamp) -> Self {
        Self {
            kind: KIND.to_owned(),
            format: FORMAT,
            cluster: cluster.to_owned(),
            uid,
            created,
            authorities: BTreeMap::new(),
            service_account_keys: Vec::new(),
            encryption_keys: Vec::new(),
            rotated: BTreeMap::new(),
            administrator: BTreeMap::new(),
            nodes: BTreeMap::new(),
            kubernetes_version: None,
            generations: Generations::default(),
        }
    }

    /// Reads the text of `path`.
    pub(crate) fn read(text: &str, path: &Path) -> Result<Self, Error> {
        let damaged = |reason: String| Error::damaged(path, reason);
        let value: Value = serde_json::from_str(text).map_err(|error| damaged(format!("not JSON: {error}")))?;
        if value.get("kind").and_then(Value::as_str) != Some(KIND) {
            return Err(damaged(format!("its kind is not {KIND:?}")));
        }
        match value.get("format").and_then(Value::as_u64) {
            Some(FORMAT) => {}
            Some(found) if found > FORMAT => {
                return Err(Error::NewerFormat { path: path.to_path_buf(), found, supported: FORMAT });
            }
            _ => return Err(damaged("it has no valid format number".to_owned())),
        }
        let index: Self = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        index.fault().map_or(Ok(index), |reason| Err(damaged(reason)))
    }

    pub(crate) fn write(&self) -> Result<String, Error> {
        let mut text =
            serde_json::to_string_pretty(self).map_err(|error| Error::crypto("writing state.json", error))?;
        text.push('\n');
        Ok(text)
    }

    fn fault(&self) -> Option<String> {
        if let Some(ca) = Ca::ALL.into_iter().find(|ca| !self.authorities.contains_key(ca)) {
            return Some(format!("it lists no {} CA", ca.label()));
        }
        if self.service_account_keys.is_empty() || self.encryption_keys.is_empty() {
            return Some("it lists no service-account or encryption key".to_owned());
        }
        let keys = self.service_account_keys.iter().chain(&self.encryption_keys).map(|key| &key.name);
        if let Some(name) = self.nodes.keys().chain(keys).find(|name| !is_plain_name(name)) {
            return Some(format!("{name:?} is not a name"));
        }
        self.generations.fault()
    }
}

/// Whether a name can be the name of a file or folder and nothing else.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.len() <= 253 && name.bytes().all(plain)
}

/// Where the certificates and keys of a node, or of the administrator, lie. One file for each holder, because making
/// thousands of files is what takes the time.
pub(crate) fn holder_path(node: Option<&str>) -> PathBuf {
    node.map_or_else(|| Path::new(PKI).join("admin.pem"), |node| Path::new(NODES).join(format!("{node}.pem")))
}

/// Where the chain (`crt`) or key (`key`) of an authority lies.
pub(crate) fn authority_path(ca: Ca, extension: &str) -> PathBuf {
    Path::new(PKI).join(format!("{}.{extension}", ca.file_stem()))
}

/// Where a service-account or encryption key lies.
pub(crate) fn key_path(name: &str) -> PathBuf {
    Path::new(PKI).join(format!("{name}.key"))
}
