//! The state of one cluster: opened under a lock, filled with what is missing, published at once.
//!
//! Files and their order are in `store`, certificates in `x509`; this module says what must be there.

mod ending;
mod ensure;
mod holder_file;
mod keys;
mod load;
mod renew;
mod rotate;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kfimg_profiles::description::values::KubernetesVersion;

pub use ending::Warning;
pub use ensure::{Watch, check};
pub(crate) use keys::{EncryptionKeyPair, Keys, ServiceAccountKey};
pub use renew::Renewed;
pub use rotate::{Rotated, RotatedKeys, Rotation};

use crate::credentials::Credentials;
use crate::error::Error;
use crate::generations::Generations;
use crate::key::draw_uuid;
use crate::request::Node;
use crate::secret::Secret;
use crate::store::{self, Folder, INDEX, Index, Lock, Operations, holder_path};
use crate::summary::{self, Row};

/// How long to wait for another process that holds the lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open state. The lock is held until it is dropped; nothing is written before [`State::commit`].
pub struct State {
    folder: Folder,
    _lock: Lock,
    index: Index,
    /// state.json as it lies on disk; none for a new state.
    published: Option<String>,
    keys: Arc<Keys>,
    /// Files to publish, by path below the folder.
    pending: BTreeMap<PathBuf, Secret>,
    /// Files that the published state lists, which new ones may replace.
    listed: BTreeSet<PathBuf>,
    nodes: Arc<BTreeMap<String, Node>>,
    ca_key_on_nodes: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("State")
            .field("folder", &self.folder.root())
            .field("cluster", &self.index.cluster)
            .field("pending", &self.pending.keys())
            .finish_non_exhaustive()
    }
}

impl State {
    /// Opens the state of `cluster` in `folder`, or begins a new one there when the folder is missing or empty. The
    /// folder that holds it must exist.
    ///
    /// Everything that the state lists is read and checked: owner and mode, certificate and key, signatures.
    ///
    /// # Errors
    ///
    /// Each fault is named with its path and refused; nothing is repaired.
    pub fn open(folder: &Path, cluster: &str, now: Timestamp) -> Result<Self, Error> {
        let folder = Folder::new(folder);
        if !folder.exists()? {
            Operations::default().create_folder(folder.root())?;
        }
        let (lock, text) = Self::lock_and_recover(&folder, PATIENCE)?;
        match text {
            Some(text) => Self::load(folder, lock, text, Some(cluster)),
            None => Ok(Self::with(folder, lock, Index::new(cluster, draw_uuid()?, now), None, Keys::default())),
        }
    }

    /// Opens a state that must exist, whichever cluster it belongs to.
    ///
    /// # Errors
    ///
    /// As [`State::open`], and [`Error::NoState`] where there is none.
    pub fn open_existing(folder: &Path) -> Result<Self, Error> {
        let folder = Folder::new(folder);
        let no_state = || Error::NoState { path: folder.root().to_path_buf() };
        if !folder.exists()? {
            return Err(no_state());
        }
        let (lock, text) = Self::lock_and_recover(&folder, PATIENCE)?;
        let text = text.ok_or_else(no_state)?;
        Self::load(folder, lock, text, None)
    }

    fn lock_and_recover(folder: &Folder, patience: Duration) -> Result<(Lock, Option<String>), Error> {
        folder.check_root()?;
        let lock = Lock::acquire(folder, patience)?;
        store::recover(folder, &Operations::default())?;
        match folder.read(INDEX) {
            Ok(text) => Ok((lock, Some(text))),
            Err(Error::MissingFile { .. }) => Ok((lock, None)),
            Err(error) => Err(error),
        }
    }

    fn load(folder: Folder, lock: Lock, text: String, cluster: Option<&str>) -> Result<Self, Error> {
        let index = Index::read(&text, &folder.path(INDEX))?;
        if let Some(wanted) = cluster.filter(|wanted| *wanted != index.cluster) {
            let (path, found) = (folder.root().to_path_buf(), index.cluster);
            return Err(Error::OtherCluster { path, found, wanted: wanted.to_owned() });
        }
        let keys = load::keys(&folder, &index)?;
        let listed = index.nodes.keys().map(|node| holder_path(Some(node))).chain([holder_path(None)]).collect();
        Ok(Self { listed, ..Self::with(folder, lock, index, Some(text), keys) })
    }

    fn with(folder: Folder, lock: Lock, index: Index, published: Option<String>, keys: Keys) -> Self {
        Self {
            folder,
            _lock: lock,
            index,
            published,
            keys: Arc::new(keys),
            pending: BTreeMap::new(),
            listed: BTreeSet::new(),
            nodes: Arc::default(),
            ca_key_on_nodes: false,
        }
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &str {
        &self.index.cluster
    }

    /// The cluster's random identity (a UUID), drawn once.
    pub fn uid(&self) -> &str {
        &self.index.uid
    }

    /// What nodes may have, as asked for in [`State::ensure`]. Independent of this state's lifetime.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(self.index.uid.clone(), Arc::clone(&self.keys), Arc::clone(&self.nodes), self.ca_key_on_nodes)
    }

    /// Payload generations.
    pub const fn generations(&self) -> &Generations {
        &self.index.generations
    }

    /// Payload generations, to give the next numbers.
    pub const fn generations_mut(&mut self) -> &mut Generations {
        &mut self.index.generations
    }

    /// The Kubernetes version of the last render that was committed.
    pub const fn kubernetes_version(&self) -> Option<KubernetesVersion> {
        self.index.kubernetes_version
    }

    /// Notes the Kubernetes version of this render.
    pub const fn set_kubernetes_version(&mut self, version: KubernetesVersion) {
        self.index.kubernetes_version = Some(version);
    }

    /// Every certificate of the state, without secrets.
    pub fn summary(&self, now: Timestamp) -> Vec<Row> {
        summary::rows(&self.keys, now)
    }

    /// Publishes everything that is new, all at once: whoever opens the state after a crash finds either all of it or
    /// none. Returns whether anything was written; when nothing is new, nothing on disk is touched.
    ///
    /// # Errors
    ///
    /// On any error before the moment of publication the state on disk is as it was.
    pub fn commit(&mut self) -> Result<bool, Error> {
        self.commit_with(&Operations::default())
    }

    fn commit_with(&mut self, operations: &Operations) -> Result<bool, Error> {
        let text = self.index.write()?;
        if self.pending.is_empty() && self.published.as_deref() == Some(text.as_str()) {
            return Ok(false);
        }
        self.check_targets()?;
        let mut files = self.pending.clone();
        files.insert(PathBuf::from(INDEX), Secret::new(text.clone()));
        store::publish(&self.folder, &files, operations)?;
        self.published = Some(text);
        self.pending.clear();
        self.listed.extend(files.into_keys());
        Ok(true)
    }

    /// Nothing unlisted may lie where a new file goes, and no folder on the way may be somebody else's.
    fn check_targets(&self) -> Result<(), Error> {
        let folders: BTreeSet<&Path> = self.pending.keys().filter_map(|path| path.parent()).collect();
        for relative in folders.into_iter().filter(|relative| self.folder.path(relative).symlink_metadata().is_ok()) {
            self.folder.check_folder(relative)?;
        }
        let mut created = self.pending.keys().filter(|path| !self.listed.contains(*path));
        match created.find(|relative| self.folder.path(relative).symlink_metadata().is_ok()) {
            Some(relative) => Err(Error::Unrecorded { path: self.folder.path(relative) }),
            None => Ok(()),
        }
    }

    fn put(&mut self, path: PathBuf, text: Secret) {
        self.pending.insert(path, text);
    }
}

#[cfg(test)]
mod tests;
