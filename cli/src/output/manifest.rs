//! `manifest.json`: what an output consists of, for whoever carries or checks it, and for the next render.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// File name of the manifest in an output.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The only format that this program reads and writes.
const FORMAT: &str = "kfimg/output/v1";

/// What one output consists of.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Manifest {
    format: String,
    /// Version of the program that wrote it.
    pub(crate) kfimg_version: String,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The cluster's identity.
    pub(crate) cluster_uid: String,
    /// Kubernetes version.
    pub(crate) kubernetes_version: String,
    /// Version of the payloads' format.
    pub(crate) ignition_version: String,
    /// Number of the newest payload.
    pub(crate) generation: u64,
    /// Addresses that `--resolve` found, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) resolved: BTreeMap<String, String>,
    /// Servers that machines ask.
    #[serde(default, skip_serializing_if = "Servers::is_none")]
    pub(crate) servers: Servers,
    /// Names of the keys for encryption at rest, newest first, where payloads are sealed: `kfimg diff` can't see them there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) encryption_keys: Vec<String>,
    /// The nodes.
    pub(crate) nodes: BTreeMap<String, NodeRecord>,
    /// Every other file of the output by its path below it.
    pub(crate) files: BTreeMap<String, FileRecord>,
}

/// The servers that boot scripts and payloads name, so that whoever hands these out sees whether they lead to it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Servers {
    /// `delivery.bootServer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boot: Option<String>,
    /// `report.url` without what follows its `?`, which is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<String>,
}

impl Servers {
    /// Of a description.
    pub(crate) fn of(boot: Option<&String>, report: Option<&String>) -> Self {
        let without_query = |url: &String| url.split('?').next().unwrap_or_default().to_owned();
        Self { boot: boot.cloned(), report: report.map(without_query) }
    }

    fn is_none(&self) -> bool {
        self.boot.is_none() && self.report.is_none()
    }
}

/// One node's payload.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NodeRecord {
    /// `control-plane`, `etcd` or `worker`.
    pub(crate) role: String,
    /// Number of the render that last changed it.
    pub(crate) generation: u64,
    /// SHA-256 of its content apart from number and time, in hexadecimal.
    pub(crate) content: String,
    /// SHA-256 of everything that the content was made from; the next render need not make it again while this holds.
    pub(crate) inputs: String,
    /// Images that the node will ask for.
    pub(crate) images: Vec<String>,
    /// Files of the output that the node fetches from the boot server beside its payload.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) fetched: BTreeSet<String>,
    /// SHA-256 of the secret that the node's reports carry, in hexadecimal: who takes reports needs no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) report_token_sha256: Option<String>,
}

/// One file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct FileRecord {
    /// SHA-256 in hexadecimal.
    pub(crate) sha256: String,
    /// Bytes.
    pub(crate) size: u64,
}

impl NodeRecord {
    /// Whether a former record's payload is the one of this content under this number.
    pub(crate) fn is_payload_of(&self, former: &Self, generation: u64) -> bool {
        self.content == former.content && generation == former.generation
    }
}

impl Manifest {
    /// A manifest of this program's format and version; the lists are empty.
    pub(crate) fn new(cluster: &str, cluster_uid: &str, kubernetes_version: &str, ignition_version: &str) -> Self {
        Self {
            format: FORMAT.to_owned(),
            kfimg_version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: cluster.to_owned(),
            cluster_uid: cluster_uid.to_owned(),
            kubernetes_version: kubernetes_version.to_owned(),
            ignition_version: ignition_version.to_owned(),
            generation: 0,
            resolved: BTreeMap::new(),
            servers: Servers::default(),
            encryption_keys: Vec::new(),
            nodes: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    /// Reads a manifest of this format.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if manifest.format == FORMAT { Ok(manifest) } else { Err(format!("unknown format {:?}", manifest.format)) }
    }

    /// The manifest as a file: one entry a line, sorted.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("a manifest has text keys only");
        text.push(b'\n');
        text
    }
}
