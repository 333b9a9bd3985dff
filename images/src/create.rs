//! Creates a bundle: pulls images and host programs into a [`Store`], describes them in `bundle.json`, and leaves the store as the
//! bundle or writes it as one tar or as chunks.
//!
//! A bundle holds what was asked for and nothing else, so the same request gives the same bytes, whatever the store held before.
//! `bundle.json` comes last: a folder without it is not finished. A run that was interrupted is gone on with by the next.
//!
//! Which images a cluster needs is not known here, nor whether they suffice: see [`crate::proof`].

mod error;
mod finish;
mod gather;
mod inventory;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::archive::{ChunkOptions, Writing, tar_size, write_chunks, write_tar};
use crate::component::Architecture;
use crate::content::{BundleManifest, ChunkManifest, Content};
use crate::digest::Digest;
use crate::download::{Binary, LocalFile};
use crate::layout::Index;
use crate::lock::Lock;
use crate::pull::{Events, Options};
use crate::receipt::Receipt;
use crate::reference::Reference;
use crate::registry::Registries;
use crate::steps::Watcher;
use crate::stop::Stop;
use crate::store::Store;

pub use error::CreateError;
use finish::Folder;
use inventory::Inventory;

/// What a bundle is to hold.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The Kubernetes version that it is for, such as `v1.36.3`.
    pub kubernetes_version: Option<String>,
    /// The images.
    pub references: Vec<Reference>,
    /// The host programs.
    pub binaries: Vec<Binary>,
    /// Files of this machine.
    pub files: Vec<LocalFile>,
    /// How to pull, and for which architectures, of which there must be one at least.
    pub pull: Options,
    /// What references are pinned to; all must be in it. Without one, registries decide.
    pub lock: Option<Lock>,
    /// References of which registries decide anew, whatever the lock says.
    pub renew: BTreeSet<Reference>,
    /// What the far side has, for a delta that leaves it out.
    pub since: Option<Receipt>,
}

/// In which form a bundle is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The store itself. Whatever else lay in it is removed.
    Folder,
    /// One tar at this path, beside which the store stays for the next run.
    Tar(PathBuf),
    /// Chunks.
    Chunks {
        /// Their manifest, `NAME.chunks.json`.
        manifest: PathBuf,
        /// How they are cut.
        options: ChunkOptions,
    },
}

/// Who is told about progress.
#[derive(Clone)]
pub struct Watch<'a> {
    /// Of what is fetched.
    pub fetched: &'a Events<'a>,
    /// Of how many bytes a tar or chunks will have.
    pub writing: &'a (dyn Fn(u64) + Sync),
    /// Of those that are written.
    pub written: &'a (dyn Fn(u64) + Sync),
    /// Of each change of the disk.
    pub watcher: Watcher,
}

impl Default for Watch<'_> {
    /// Nobody.
    fn default() -> Self {
        Self { fetched: &|_| (), writing: &|_| (), written: &|_| (), watcher: Watcher::default() }
    }
}

/// A bundle that was created.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its `bundle.json`.
    pub manifest: BundleManifest,
    /// What its references stand for: to be kept, or compared with the lock before.
    pub lock: Lock,
    /// Images that are not made for an architecture of the bundle. The proof tells whether a node minds.
    pub lacking: Vec<(Reference, Architecture)>,
    /// Layers that only their owners may distribute, and that are not in the bundle.
    pub foreign: Vec<Digest>,
    /// How many signatures, SBOMs and attestations of the images it holds.
    pub referrers: usize,
    /// Bytes that came over the network.
    pub received: u64,
    /// The chunks, where it is cut.
    pub chunks: Option<ChunkManifest>,
}

/// Creates a bundle by way of the store in `folder`.
///
/// # Errors
/// [`CreateError`]; what could be fetched stays in the store, and the next run goes on.
pub fn create(
    request: &Request,
    folder: &Path,
    output: &Output,
    registries: &Registries,
    watch: &Watch<'_>,
) -> Result<Created, CreateError> {
    gather::check(request)?;
    if let (Some(receipt), Output::Folder) = (&request.since, output) {
        Folder::refuse_whole(folder, receipt)?;
    }
    let store = Store::open_watched(folder, watch.watcher.clone())?.with_stop(registries.stop().clone());
    // Two runs at once would remove each other's blobs.
    let bundle = matches!(output, Output::Folder).then(|| Folder::reserve(&store, &watch.watcher)).transpose()?;
    let gathered = gather::gather(request, &store, registries, watch.fetched);
    if let Some(bundle) = &bundle {
        // Whatever came of it, an old bundle.json must not stand beside an index that it does not name.
        bundle.drop_stale()?;
    }
    let gathered = gathered?;
    let inventory = inventory::take(request, &store, &gathered)?;
    let chunks = match bundle {
        Some(bundle) => {
            bundle.finish(&store, &inventory)?;
            None
        }
        None => write(folder, &inventory, output, watch, registries.stop())?,
    };
    Ok(Created {
        manifest: inventory.manifest,
        lacking: gather::lacking(&gathered.lock),
        lock: gathered.lock,
        foreign: gathered.foreign,
        referrers: gathered.referrers,
        received: gathered.received,
        chunks,
    })
}

/// Writes what belongs to the bundle, of all that the store in `folder` has, as a file or as chunks.
fn write(
    folder: &Path,
    inventory: &Inventory,
    output: &Output,
    watch: &Watch<'_>,
    stop: &Stop,
) -> Result<Option<ChunkManifest>, CreateError> {
    let index = Index::of(inventory.entries.clone());
    let content = Content::open(folder)?.subset(index, inventory.manifest.clone(), &inventory.keep);
    if !matches!(output, Output::Folder) {
        (watch.writing)(tar_size(&content));
    }
    let writing = Writing { progress: watch.written, stop: stop.clone(), watcher: watch.watcher.clone() };
    match output {
        Output::Tar(path) => write_tar(&content, path, &writing).map(|_| None),
        Output::Chunks { manifest, options } => write_chunks(&content, manifest, *options, &writing).map(Some),
        Output::Folder => Ok(None),
    }
    .map_err(CreateError::from)
}
