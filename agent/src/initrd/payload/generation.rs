//! Of which node and generation an Ignition configuration is, and which disk it names for the data: what its plan says.
//!
//! Nothing else in it is looked at. Ignition has checked it, and `preflight` judges the plan.

use crate::plan::{DataPartition, PLAN_PATH};
use data_encoding::BASE64;
use flate2::read::GzDecoder;
use serde::Deserialize;
use std::fmt;
use std::io::Read;

/// No plan is larger than this, in bytes.
const LIMIT: u64 = 4 << 20;

/// What a plan says of its origin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Origin {
    uid: String,
    node: String,
    generation: u64,
}

/// As much of Ignition's configuration as leads to the plan.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Configuration {
    storage: Storage,
    passwd: serde_json::Map<String, serde_json::Value>,
    systemd: Systemd,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Storage {
    files: Option<Vec<File>>,
    directories: Option<Vec<serde::de::IgnoredAny>>,
    links: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Systemd {
    units: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    #[serde(default)]
    contents: Resource,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resource {
    source: Option<String>,
    compression: Option<String>,
}

#[derive(Deserialize)]
struct Plan {
    generation: u64,
    cluster: Cluster,
    node: Node,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Disks {
    data_partition: Option<DataPartition>,
}

#[derive(Deserialize)]
struct Cluster {
    uid: String,
}

#[derive(Deserialize)]
struct Node {
    name: String,
}

impl Origin {
    /// Of a configuration as Ignition keeps it between its stages.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn of(text: &[u8]) -> Result<Self, String> {
        let plan: Plan = serde_json::from_slice(&plan(text)?).map_err(|error| format!("its {PLAN_PATH}: {error}"))?;
        Ok(Self { uid: plan.cluster.uid, node: plan.node.name, generation: plan.generation })
    }

    /// Whether the other is a later one for the same node of the same cluster.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        (&self.uid, &self.node) == (&other.uid, &other.node) && self.generation < other.generation
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, generation {}", self.node, self.generation)
    }
}

/// The plan's text.
fn plan(configuration: &[u8]) -> Result<Vec<u8>, String> {
    let configuration: Configuration =
        serde_json::from_slice(configuration).map_err(|error| format!("it is no Ignition configuration: {error}"))?;
    let files = configuration.storage.files.unwrap_or_default();
    let file = files.into_iter().find(|file| file.path == PLAN_PATH);
    let resource = file.ok_or_else(|| format!("it has no {PLAN_PATH}"))?.contents;
    content(&resource).ok_or_else(|| format!("its {PLAN_PATH} can't be decoded"))
}

/// The data partition that the plan of a configuration wants on a disk which it names: Ignition's to make.
pub(super) fn named_disk(configuration: &[u8]) -> Option<DataPartition> {
    let plan: Disks = serde_json::from_slice(&plan(configuration).ok()?).ok()?;
    plan.data_partition.filter(|partition| partition.disk.is_some())
}

/// Whether a configuration asks for nothing: what Ignition makes of a machine to which nobody gave one.
pub(super) fn is_empty(text: &[u8]) -> bool {
    let Ok(found) = serde_json::from_slice::<Configuration>(text) else { return false };
    let is_none = |list: &Option<Vec<serde::de::IgnoredAny>>| list.as_ref().is_none_or(Vec::is_empty);
    let Storage { files, directories, links } = &found.storage;
    let nothing_stored = files.as_ref().is_none_or(Vec::is_empty) && is_none(directories) && is_none(links);
    nothing_stored && is_none(&found.systemd.units) && found.passwd.values().all(serde_json::Value::is_null)
}

/// What a `data:` URL holds (RFC 2397).
fn content(resource: &Resource) -> Option<Vec<u8>> {
    let (head, data) = resource.source.as_ref()?.strip_prefix("data:")?.split_once(',')?;
    let data = percent_decode(data)?;
    let data = if head.ends_with(";base64") { BASE64.decode(&data).ok()? } else { data };
    let mut content = Vec::new();
    match resource.compression.as_deref() {
        None | Some("") => Some(data),
        Some("gzip") => {
            GzDecoder::new(data.as_slice()).take(LIMIT).read_to_end(&mut content).ok()?;
            Some(content)
        }
        Some(_) => None,
    }
}

fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}
