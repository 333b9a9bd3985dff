//! Images of the bundle in the image, so that a first boot needs no registry: an OCI image layout where the agent's step
//! `images` looks first. Blobs stay where they lie in the bundle until the root image is written.

use crate::error::Error;
use crate::output::Watch;
use crate::tree::{Node, Origin, Tree};
use kfimg_images::content::{Content, ContentError, Extent, INDEX_FILE, LAYOUT_FILE, LAYOUT_TEXT};
use kfimg_images::digest::Digest;
use kfimg_images::download::is_file;
use kfimg_images::hasher::Hasher;
use kfimg_images::layout::{DOCUMENT_LIMIT, Descriptor, Document, Index, Kind};
use kfimg_images::{Architecture, Catalog, Component, Reference};
use serde::Serialize;
use std::collections::BTreeSet;

/// Where the agent looks first.
pub(crate) const FOLDER: &str = "usr/share/kfimg/bundle";
/// Indexes may name indexes; deeper than this nobody nests them.
const DEPTH: u32 = 4;
/// The algorithm of the listing of the root.
const LISTED: &str = "sha256";

/// Whose images are preloaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Preload {
    /// Those of components that every node runs.
    Worker,
    /// Those of a control plane, which are also a worker's.
    ControlPlane,
    /// Those of a machine that runs etcd alone.
    Etcd,
    /// Every image of the bundle, also the site's own.
    All,
}

/// What a role runs by itself; everything else of the bundle is the site's own or an addon's.
const WORKER: &[Component] = &[
    Component::Pause,
    Component::Haproxy,
    Component::KubeProxy,
    Component::Flannel,
    Component::FlannelCniPlugin,
    Component::Coredns,
    Component::NodeLocalDns,
    Component::MetricsServer,
];
const CONTROL_PLANE: &[Component] = &[
    Component::KubeApiserver,
    Component::KubeControllerManager,
    Component::KubeScheduler,
    Component::Etcd,
    Component::Keepalived,
];
const ETCD: &[Component] = &[Component::Pause, Component::Etcd];

/// An image that was laid into an image of a system.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreloadedImage {
    /// As manifests name it.
    pub reference: String,
    /// The digest of its manifest, or of its index.
    pub digest: Digest,
}

impl Preload {
    /// The word on the command line and in `build.json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::ControlPlane => "control-plane",
            Self::Etcd => "etcd",
            Self::All => "all",
        }
    }

    fn components(self) -> Vec<Component> {
        match self {
            Self::Worker => WORKER.to_vec(),
            Self::ControlPlane => [WORKER, CONTROL_PLANE].concat(),
            Self::Etcd => ETCD.to_vec(),
            Self::All => Vec::new(),
        }
    }

    /// Whether an image of this name is wanted.
    fn wants(self, name: &str) -> bool {
        if is_file(name) {
            return false;
        }
        if self == Self::All {
            return true;
        }
        let repository = |reference: &Reference| format!("{}/{}", reference.host(), reference.repository());
        let Ok(found) = name.parse::<Reference>() else { return false };
        let catalog = Catalog::newest();
        let patch = catalog.tested_patch();
        self.components().iter().any(|one| repository(&catalog.image(*one, patch)) == repository(&found))
    }
}

/// Adds the wanted images; returns which they are.
///
/// # Errors
/// When the bundle has none of them, none for these machines, or leaves blobs to a registry.
pub(crate) fn add(
    tree: &mut Tree,
    bundle: &Content,
    preload: Preload,
    architecture: Architecture,
    watch: &Watch<'_>,
) -> Result<Vec<PreloadedImage>, Error> {
    let wanted: Vec<&Descriptor> = bundle
        .index()
        .manifests
        .iter()
        .filter(|entry| entry.reference().is_some_and(|name| preload.wants(name)))
        .collect();
    if wanted.is_empty() {
        let reason =
            "it has no image to preload; create it for a described cluster (`kfimg bundle create --profile …`)";
        return Err(Error::Bundle { bundle: bundle.place().to_owned(), reason: reason.to_owned() });
    }
    let mut blobs = BTreeSet::new();
    for entry in &wanted {
        collect(bundle, entry, architecture, 0, &mut blobs)?;
    }
    for digest in blobs {
        let missing = || ContentError::Missing { path: bundle.place().to_owned(), digest: digest.clone() };
        let extent = bundle.extent(&digest).ok_or_else(missing)?.clone();
        if digest.algorithm() != LISTED {
            verify_one(bundle, &digest, &extent, watch)?;
        }
        let path = format!("{FOLDER}/blobs/{}/{}", digest.algorithm(), digest.hexadecimal());
        tree.insert(&path, Node::stored(0o644, extent, Origin::Images)).map_err(Error::tree(&path))?;
    }
    let index = Index::of(wanted.iter().map(|entry| (*entry).clone()).collect()).to_bytes();
    for (name, bytes) in [(INDEX_FILE, index), (LAYOUT_FILE, LAYOUT_TEXT.as_bytes().to_vec())] {
        let path = format!("{FOLDER}/{name}");
        let node = Node { origin: Origin::Images, ..Node::file(0o644, bytes) };
        tree.insert(&path, node).map_err(Error::tree(&path))?;
    }
    let image = |entry: &&Descriptor| {
        let reference = entry.reference()?.to_owned();
        Some(PreloadedImage { reference, digest: entry.digest.clone() })
    };
    Ok(wanted.iter().filter_map(image).collect())
}

/// Reads a blob whose digest the listing of the root does not tell.
fn verify_one(bundle: &Content, digest: &Digest, extent: &Extent, watch: &Watch<'_>) -> Result<(), Error> {
    let mut hasher = Hasher::like(digest);
    hasher.read(watch.reader(extent.reader())).map_err(Error::io("reading", bundle.place()))?;
    let found = hasher.finish();
    if found == *digest {
        return Ok(());
    }
    Err(ContentError::Damaged { path: bundle.place().to_owned(), digest: digest.clone(), found }.into())
}

/// Holds the blobs that were written against the digests that they bear; their bytes pass by only once, into the root image.
///
/// # Errors
/// When one is damaged.
pub(crate) fn verify(listing: &str, bundle: &Content) -> Result<(), Error> {
    let blobs = format!("./{FOLDER}/blobs/{LISTED}/");
    for line in listing.lines() {
        let Some((name, about)) = line.strip_prefix(&blobs).and_then(|line| line.split_once(' ')) else { continue };
        let found = about.rsplit("sha256=").next().unwrap_or_default();
        if found == name {
            continue;
        }
        let of = |digits: &str| format!("{LISTED}:{digits}").parse::<Digest>();
        if let (Ok(digest), Ok(found)) = (of(name), of(found)) {
            return Err(ContentError::Damaged { path: bundle.place().to_owned(), digest, found }.into());
        }
    }
    Ok(())
}

/// The document and everything below it that these machines need. An index keeps its digest, so it goes along whole.
fn collect(
    bundle: &Content,
    entry: &Descriptor,
    architecture: Architecture,
    depth: u32,
    blobs: &mut BTreeSet<Digest>,
) -> Result<(), Error> {
    let reason = |text: String| Error::Bundle { bundle: bundle.place().to_owned(), reason: text };
    if depth > DEPTH {
        return Err(reason(format!("the indexes above {} nest too deep", entry.digest)));
    }
    let bytes = bundle.read_small(&entry.digest, DOCUMENT_LIMIT)?;
    let document =
        Document::parse(&entry.media_type, &bytes).map_err(|error| reason(format!("{} {error}", entry.digest)))?;
    blobs.insert(entry.digest.clone());
    match document {
        Document::Manifest(manifest) => {
            blobs.insert(manifest.config.digest);
            blobs.extend(manifest.layers.into_iter().filter(|layer| !layer.is_foreign()).map(|layer| layer.digest));
        }
        Document::Index(index) => {
            let fits = |child: &&Descriptor| {
                let platform = child.platform.as_ref();
                platform.is_some_and(|one| one.os == "linux" && one.architecture == architecture.as_str())
            };
            let known = |child: &&Descriptor| matches!(child.kind(), Kind::Index | Kind::Manifest);
            let children: Vec<&Descriptor> = index.manifests.iter().filter(known).filter(fits).collect();
            if children.is_empty() {
                let name = entry.reference().unwrap_or(entry.digest.as_str());
                return Err(reason(format!("{name} is not there for linux/{architecture}; create the bundle for it")));
            }
            children.into_iter().try_for_each(|child| collect(bundle, child, architecture, depth + 1, blobs))?;
        }
    }
    Ok(())
}
