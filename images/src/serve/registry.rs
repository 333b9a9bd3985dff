//! What the registry knows of its bundle: repositories, tags, documents and referrers.
//!
//! It is read once, when the bundle is opened, and then only looked up: a name from a request never becomes a path.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;

use crate::content::{BlobReader, Content, ContentError};
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Document, Limits, WalkError, walk};
use crate::reference::{DEFAULT_MIRROR_FOLDER, Reference, mirror_folder};

/// Bytes of documents that stay in memory; more are read again when they are asked for.
const KEPT: usize = 16 << 20;

/// Tags of a repository.
pub(super) type Tags = BTreeMap<String, Digest>;

/// An index or a manifest.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) media_type: String,
    pub(super) size: u64,
    /// Its bytes, while there is room for them.
    pub(super) bytes: Option<Bytes>,
}

/// A bundle, as a registry sees it.
#[derive(Debug)]
pub(super) struct Registry {
    /// None: there are boot files only.
    content: Option<Arc<Content>>,
    repositories: BTreeMap<String, Tags>,
    documents: HashMap<Digest, Known>,
    referrers: HashMap<Digest, Vec<Descriptor>>,
    faults: Vec<String>,
    kept: usize,
}

impl Registry {
    /// A registry that has nothing.
    pub(super) fn empty() -> Self {
        Self {
            content: None,
            repositories: BTreeMap::new(),
            documents: HashMap::new(),
            referrers: HashMap::new(),
            faults: Vec::new(),
            kept: 0,
        }
    }

    /// Reads and verifies every document. What is damaged is not served, and named in [`Registry::faults`].
    pub(super) fn read(content: &Arc<Content>) -> Self {
        let mut registry = Self { content: Some(Arc::clone(content)), ..Self::empty() };
        for root in &content.index().manifests {
            if let Some(reference) = root.reference() {
                registry.name(reference, &root.digest);
            }
        }
        registry.follow(content);
        for list in registry.referrers.values_mut() {
            list.sort_by(|a, b| a.digest.cmp(&b.digest));
            list.dedup_by(|a, b| a.digest == b.digest);
        }
        registry
    }

    /// Reads the documents below each entry of `index.json` alone, so that what is wrong below one hides nothing of the others.
    fn follow(&mut self, content: &Content) {
        let mut opened = HashSet::new();
        let mut limits = Limits::default();
        for root in &content.index().manifests {
            let mut edges = 0;
            let read = |descriptor: &Descriptor| {
                let is_new = opened.insert((descriptor.digest.clone(), descriptor.kind(), descriptor.size));
                Ok::<_, Infallible>(if is_new { self.document(content, descriptor) } else { None })
            };
            let walked = walk(std::slice::from_ref(root), limits, read, |_| edges += 1);
            // The bounds are those of the bundle, however many entries it has.
            limits.edges = limits.edges.saturating_sub(edges);
            limits.documents = Limits::default().documents.saturating_sub(opened.len());
            let Err(error) = walked else { continue };
            let name = root.reference().unwrap_or(root.digest.as_str());
            self.faults.push(format!("{name}: {error}"));
            if matches!(error, WalkError::Edges(_) | WalkError::Documents(_)) {
                self.faults.push(format!("what index.json lists after {name} is not looked into"));
                return;
            }
        }
    }

    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// The bundle, where there is one.
    pub(super) fn content(&self) -> Option<&Arc<Content>> {
        self.content.as_ref()
    }

    /// A blob of the bundle.
    pub(super) fn reader(&self, digest: &Digest) -> Option<BlobReader> {
        self.content()?.reader(digest).ok()
    }

    /// Names of all repositories, sorted.
    pub(super) fn repositories(&self) -> impl Iterator<Item = &str> {
        self.repositories.keys().map(String::as_str)
    }

    /// The tags of the repository that a request means; `None` when there is no such repository.
    ///
    /// `namespace` is the upstream host, as containerd gives it in `?ns=`, beside the mirror's own path or instead of it.
    pub(super) fn tags(&self, name: &str, namespace: Option<&str>) -> Option<&Tags> {
        let of_host = |name: &str| self.repositories.get(&format!("{}/{name}", mirror_folder(namespace?)));
        // Below that folder a name never stands for itself: it would be another host's.
        match name.strip_prefix(DEFAULT_MIRROR_FOLDER).and_then(|rest| rest.strip_prefix('/')) {
            Some(repository) => of_host(repository),
            None => of_host(name).or_else(|| self.repositories.get(name)),
        }
    }

    pub(super) fn known(&self, digest: &Digest) -> Option<&Known> {
        self.documents.get(digest)
    }

    /// What refers to some content as its subject, in the order of the digests.
    pub(super) fn referrers(&self, subject: &Digest) -> &[Descriptor] {
        self.referrers.get(subject).map_or(&[], Vec::as_slice)
    }

    /// Enters a name of `index.json`: where the mirror layout has it, and as it is written.
    fn name(&mut self, written: &str, digest: &Digest) {
        let Ok(reference) = written.parse::<Reference>() else {
            self.faults.push(format!("`{written}` of index.json is no image reference, so it is not served"));
            return;
        };
        // Whoever asks by that digest does not get this, and so nobody shall by the tag beside it.
        if reference.digest().is_some_and(|own| own != digest) {
            self.faults.push(format!("index.json gives the name {written} to {digest}, which it is not"));
            return;
        }
        let mirrored = format!("{}/{}", mirror_folder(reference.host()), reference.repository());
        let plain = written.split('@').next().unwrap_or_default();
        let plain = match plain.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => name,
            _ => plain,
        };
        for name in [mirrored.as_str(), plain] {
            let tags = self.repositories.entry(name.to_owned()).or_default();
            if let Some(tag) = reference.tag() {
                tags.entry(tag.to_owned()).or_insert_with(|| digest.clone());
            }
        }
    }

    /// The bytes of a document, verified, for the walk; remembers what it is.
    fn document(&mut self, content: &Content, descriptor: &Descriptor) -> Option<Vec<u8>> {
        let bytes = match content.read_small(&descriptor.digest, DOCUMENT_LIMIT) {
            Ok(bytes) => bytes,
            // A bundle of one architecture has an index without all of its manifests; a delta lacks more.
            Err(ContentError::Missing { .. }) => return None,
            Err(error) => {
                self.faults.push(error.to_string());
                return None;
            }
        };
        let document = match Document::parse(&descriptor.media_type, &bytes) {
            Ok(document) if bytes.len() as u64 == descriptor.size => document,
            Ok(_) => {
                self.faults.push(format!("the document {} has another size than promised", descriptor.digest));
                return None;
            }
            Err(error) => {
                self.faults.push(format!("the document {} {error}", descriptor.digest));
                return None;
            }
        };
        self.refer(&document, descriptor);
        let room = self.kept + bytes.len() <= KEPT;
        self.kept += if room { bytes.len() } else { 0 };
        let kept = room.then(|| Bytes::copy_from_slice(&bytes));
        let known = Known { media_type: descriptor.media_type.clone(), size: descriptor.size, bytes: kept };
        self.documents.entry(descriptor.digest.clone()).or_insert(known);
        Some(bytes)
    }

    /// Enters a document that has a subject as its referrer.
    ///
    /// Source: OCI distribution specification, "Listing Referrers".
    fn refer(&mut self, document: &Document, descriptor: &Descriptor) {
        let Some(subject) = document.subject() else { return };
        let (artifact_type, annotations) = match document {
            Document::Index(index) => (index.artifact_type.clone(), &index.annotations),
            Document::Manifest(manifest) => {
                (Some(manifest.effective_artifact_type().to_owned()), &manifest.annotations)
            }
        };
        let entry = Descriptor {
            artifact_type,
            annotations: annotations.clone(),
            ..Descriptor::new(&descriptor.media_type, descriptor.digest.clone(), descriptor.size)
        };
        self.referrers.entry(subject.digest.clone()).or_default().push(entry);
    }
}
