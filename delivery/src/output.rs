//! What `kfimg render` wrote, read where it lies: nodes, the names of their machines, files with their digests.
//!
//! A render replaces its output as a whole. [`Store`] looks for that, and holds each output by its folder, so that files of two
//! renders never mix. A file of a node goes out only when it is, byte for byte, what `manifest.json` says: an output that is being
//! copied is one that is not ready.

use crate::folder::{Folder, Stamp};
use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The format of `manifest.json` that is read.
const FORMAT: &str = "kfimg/output/v1";
/// Most bytes of `manifest.json`: that of 5,000 nodes has a fifth.
const MANIFEST_LIMIT: u64 = 128 << 20;
/// How often is looked whether there is a new output.
const LOOK: Duration = Duration::from_secs(1);

/// The part of `manifest.json` that is of use here.
#[derive(Deserialize)]
struct Manifest {
    format: String,
    cluster: String,
    #[serde(default)]
    servers: Servers,
    nodes: BTreeMap<String, Node>,
    files: BTreeMap<String, FileRecord>,
}

/// The servers that scripts and payloads name.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct Servers {
    /// Where machines fetch what they boot from: `delivery.bootServer`.
    pub boot: Option<String>,
    /// Where nodes report to: `report.url`, without its secret.
    pub report: Option<String>,
}

/// A node of the inventory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Node {
    /// `control-plane`, `etcd` or `worker`.
    pub role: String,
    /// Number of its payload.
    pub generation: u64,
    /// SHA-256 of the secret that its reports carry, in hexadecimal; none where the description names a secret for all nodes, or
    /// no place for reports.
    #[serde(default, rename = "reportTokenSha256")]
    pub report_token: Option<String>,
}

/// A file of the output.
#[derive(Clone, Debug, Deserialize)]
struct FileRecord {
    sha256: String,
    size: u64,
}

/// One finished output.
#[derive(Debug)]
pub struct Output {
    /// Tells renders apart, also such as wrote the same.
    pub render: String,
    /// The cluster's name.
    pub cluster: String,
    /// Where its machines ask.
    pub servers: Servers,
    /// The nodes by name.
    pub nodes: BTreeMap<String, Node>,
    /// Which node a script is for, by the script's name without folder and extension: `mac-52-54-…`.
    pub scripts: BTreeMap<String, String>,
    folder: Folder,
    files: BTreeMap<String, FileRecord>,
    /// Nodes by the digests of their secrets for reports.
    reporters: HashMap<String, String>,
    /// Found once: who asks may be anybody, and as often as he likes.
    knows_all_machines: bool,
    is_known_by_mac_alone: bool,
    /// Files that were hashed and found right, as they were then.
    verified: Mutex<HashMap<String, Stamp>>,
}

/// Why a file does not go out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Absent {
    /// The output has no such file.
    Unknown,
    /// It will have it, or has it only in part; the reason is for whoever runs the server.
    NotReady(String),
}

/// A file that is what the manifest says.
#[derive(Debug)]
pub struct Sound {
    /// It, open.
    pub file: File,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

impl Output {
    fn open(path: &Path) -> Result<Self, String> {
        let folder = Folder::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let manifest = path.join("manifest.json");
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", manifest.display());
        let file = folder.file("manifest.json").map_err(|error| named(&error))?;
        let render = Stamp::of(&file.metadata().map_err(|error| named(&error))?).tag();
        let mut text = Vec::new();
        file.take(MANIFEST_LIMIT).read_to_end(&mut text).map_err(|error| named(&error))?;
        let Manifest { format, cluster, servers, nodes, files } =
            serde_json::from_slice(&text).map_err(|error| named(&error))?;
        if format != FORMAT {
            return Err(named(&format_args!("its format is {format:?}; render again with this kfimg")));
        }
        let scripts = scripts(&nodes, &files);
        let tokens = nodes.iter().filter_map(|(name, node)| Some((node.report_token.clone()?, name.clone())));
        let reporters = tokens.collect();
        let is_early = |name: &str| name.starts_with("mac-") || name.starts_with("uuid-");
        let early = scripts.iter().filter(|(name, _)| is_early(name));
        let early: HashSet<&String> = early.map(|(_, node)| node).collect();
        let knows_all_machines = nodes.keys().all(|node| early.contains(node));
        let is_known_by_mac_alone = scripts.keys().all(|name| name.starts_with("mac-"));
        let verified = Mutex::default();
        Ok(Self {
            render,
            cluster,
            servers,
            nodes,
            scripts,
            folder,
            files,
            reporters,
            knows_all_machines,
            is_known_by_mac_alone,
            verified,
        })
    }

    /// A file of the output, once it is known to be whole and right.
    ///
    /// # Errors
    /// [`Absent`].
    pub fn sound(&self, path: &str) -> Result<Sound, Absent> {
        let record = self.files.get(path).ok_or(Absent::Unknown)?;
        let not_ready = |error: &dyn std::fmt::Display| Absent::NotReady(format!("{path}: {error}"));
        let mut file = self.folder.file(path).map_err(|error| not_ready(&error))?;
        let stamp = Stamp::of(&file.metadata().map_err(|error| not_ready(&error))?);
        let known = || self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if known().get(path) != Some(&stamp) {
            let digest = digest(&mut file, record.size).map_err(|error| not_ready(&error))?;
            if digest != record.sha256 {
                return Err(not_ready(&"it is not what manifest.json says; copy the whole output, or render again"));
            }
            known().insert(path.to_owned(), stamp);
        }
        Ok(Sound { file, sha256: record.sha256.clone() })
    }

    /// A small text file, as [`Output::sound`].
    ///
    /// # Errors
    /// [`Absent`].
    pub fn text(&self, path: &str) -> Result<String, Absent> {
        use std::os::unix::fs::FileExt;
        let Sound { file, .. } = self.sound(path)?;
        let size = self.files.get(path).map_or(0, |record| record.size).min(1 << 20);
        let mut text = vec![0; usize::try_from(size).unwrap_or_default()];
        let read = file.read_exact_at(&mut text, 0).map_err(|error| Absent::NotReady(format!("{path}: {error}")));
        read.and_then(|()| String::from_utf8(text).map_err(|_| Absent::Unknown))
    }

    /// The node whose reports carry this secret.
    #[must_use]
    pub fn reporter(&self, token: &str) -> Option<&str> {
        let digest = HEXLOWER.encode(&Sha256::digest(token));
        self.reporters.get(&digest).map(String::as_str)
    }

    /// The node whose machine has this Ethernet address, written `52:54:…`, or this UUID.
    #[must_use]
    pub fn machine(&self, mac: &str, uuid: Option<&str>) -> Option<&str> {
        let by_mac = self.scripts.get(&format!("mac-{}", mac.replace(':', "-")));
        let by_uuid = || self.scripts.get(&format!("uuid-{}", uuid?));
        by_mac.or_else(by_uuid).map(String::as_str)
    }

    /// Whether machines have no names but their Ethernet addresses.
    #[must_use]
    pub fn is_known_by_mac_alone(&self) -> bool {
        self.is_known_by_mac_alone
    }

    /// Whether all machines can be known by Ethernet address or UUID, before they run iPXE.
    #[must_use]
    pub fn knows_all_machines(&self) -> bool {
        self.knows_all_machines
    }
}

/// The scripts of the machines. All scripts of one machine are alike, and of two machines they are not; a machine that has a name
/// of its own is not known by its node's name, which anybody can guess.
fn scripts(nodes: &BTreeMap<String, Node>, files: &BTreeMap<String, FileRecord>) -> BTreeMap<String, String> {
    let by_hand = |name: &str| files.get(&format!("pxe/node-{name}.ipxe"));
    let owners: HashMap<&str, &String> =
        nodes.keys().filter_map(|name| Some((by_hand(name)?.sha256.as_str(), name))).collect();
    let mut scripts = BTreeMap::new();
    for (path, record) in files {
        let Some(name) = path.strip_prefix("pxe/").and_then(|name| name.strip_suffix(".ipxe")) else { continue };
        let is_machine = ["mac-", "uuid-", "serial-"].iter().any(|kind| name.starts_with(kind));
        if let Some(node) = owners.get(record.sha256.as_str()).filter(|_| is_machine) {
            scripts.insert(name.to_owned(), (*node).clone());
        }
    }
    let named: HashSet<String> = scripts.values().cloned().collect();
    for name in nodes.keys().filter(|name| !named.contains(name.as_str()) && by_hand(name).is_some()) {
        scripts.insert(format!("node-{name}"), name.clone());
    }
    scripts
}

/// The SHA-256 of a file that should have so many bytes; it is not read further than to the first byte more.
fn digest(file: &mut File, size: u64) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut portion = vec![0; 64 << 10];
    let mut rest = file.take(size + 1);
    loop {
        match rest.read(&mut portion) {
            Ok(0) => return Ok(HEXLOWER.encode(&hash.finalize())),
            Ok(count) => hash.update(&portion[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The newest output in a place.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    newest: Mutex<Newest>,
}

#[derive(Debug)]
struct Newest {
    looked: Option<Instant>,
    stamp: Option<Stamp>,
    output: Result<Arc<Output>, String>,
}

impl Store {
    /// Of the output in this folder, which need not be there yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        let output = Err(format!("{}: nothing was rendered yet", path.display()));
        Self { path, newest: Mutex::new(Newest { looked: None, stamp: None, output }) }
    }

    /// The output that lies there now.
    ///
    /// # Errors
    /// Why there is none yet, for whoever runs the server.
    pub fn current(&self) -> Result<Arc<Output>, String> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            newest.looked = Some(Instant::now());
            let stamp = std::fs::metadata(self.path.join("manifest.json")).ok().map(|metadata| Stamp::of(&metadata));
            if stamp != newest.stamp || newest.output.is_err() {
                newest.stamp = stamp;
                newest.output = Output::open(&self.path).map(Arc::new);
            }
        }
        newest.output.clone()
    }
}

#[cfg(test)]
mod tests;
