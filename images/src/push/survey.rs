//! Asks a registry what it has, from the images downwards, and plans what is missing. Nothing is written.
//!
//! Below what is there nobody looks, unless the push is to be thorough: registries take a document only when its parts are there.

use super::error::{Absent, Problem, PushError};
use super::events::{Event, Events};
use super::graph::{Graph, Task, TaskKind};
use super::health::Health;
use super::referrers::{self, Listing};
use super::roots::Root;
use crate::content::{Content, ContentError, Since};
use crate::digest::Digest;
use crate::hasher::digest_like;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Document, Kind, Limits};
use crate::parallel;
use crate::registry::Client;
use crate::transfer::Transfer;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How an image stands.
#[derive(Debug)]
pub(super) enum State {
    /// All of it is there.
    Complete,
    /// It is complete when these nodes are done.
    Ends { nodes: Vec<usize>, was_there: bool },
}

/// What the registry says about one image.
struct Look {
    tagged: bool,
    present: bool,
}

/// What came out.
pub(super) struct Found {
    pub(super) graph: Graph,
    pub(super) states: Vec<Result<State, Problem>>,
    pub(super) listings: Vec<Listing>,
}

pub(super) struct Survey<'a> {
    content: &'a Content,
    client: &'a Client,
    health: &'a Health,
    workers: usize,
    thorough: bool,
    events: &'a Events<'a>,
    found: Found,
    /// Documents that are neither in a delta nor in the registry.
    absent: Vec<usize>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(
        content: &'a Content,
        client: &'a Client,
        health: &'a Health,
        workers: usize,
        thorough: bool,
        events: &'a Events<'a>,
    ) -> Self {
        let found = Found { graph: Graph::default(), states: Vec::new(), listings: Vec::new() };
        Self { content, client, health, workers, thorough, events, found, absent: Vec::new() }
    }

    pub(super) fn into_found(self) -> Found {
        self.found
    }

    /// Asks for every image, and for the parts of those that are not there.
    pub(super) fn ask(&mut self, roots: &[Root]) {
        let looks = parallel::each(roots, self.workers, |root| self.look(root));
        let mut level = Vec::new();
        for (number, (root, look)) in roots.iter().zip(looks).enumerate() {
            let state = look.and_then(|look| self.begin(number, root, &look, &mut level));
            self.found.states.push(state);
        }
        let mut depth = 0;
        while !level.is_empty() && !self.health.is_over() {
            depth += 1;
            level = self.descend(&level, depth);
        }
    }

    fn look(&self, root: &Root) -> Result<Look, Problem> {
        let tagged = match &root.tag {
            Some(tag) => self.has(&root.repository, tag, &root.descriptor)?,
            None => true,
        };
        let present = if tagged && root.tag.is_some() {
            true
        } else {
            self.has(&root.repository, root.descriptor.digest.as_str(), &root.descriptor)?
        };
        Ok(Look { tagged, present })
    }

    fn has(&self, repository: &str, reference: &str, wanted: &Descriptor) -> Result<bool, Problem> {
        if self.health.is_over() {
            return Err(Health::over());
        }
        let found = self.health.judge(self.client.head_manifest(repository, reference))?;
        Ok(found.is_some_and(|found| is_same(self.content, wanted, &found.digest)))
    }

    /// Plans the document and the tag of an image, unless all of it is there.
    fn begin(&mut self, image: usize, root: &Root, look: &Look, level: &mut Vec<usize>) -> Result<State, Problem> {
        if look.present && root.tag.is_none() {
            self.found.listings.extend(referrers::listing(self.content, &root.descriptor, &root.repository));
        }
        if look.present && look.tagged && !self.thorough {
            (self.events)(Event::Unchanged { name: &root.name, digest: &root.descriptor.digest });
            return Ok(State::Complete);
        }
        let (node, is_new) = self.found.graph.document(&root.repository, &root.descriptor, image)?;
        if is_new && look.present {
            self.found.graph.set_present(node);
        }
        if is_new && (self.thorough || !look.present) {
            level.push(node);
        }
        let mut nodes = vec![node];
        if let Some(tag) = root.tag.as_ref().filter(|_| !look.tagged) {
            nodes.push(self.found.graph.tag(node, tag)?);
        }
        Ok(State::Ends { nodes, was_there: look.present && look.tagged })
    }

    /// Opens the documents of one level, and asks for those below them; returns which of these are to be opened.
    fn descend(&mut self, level: &[usize], depth: usize) -> Vec<usize> {
        let mut below = Vec::new();
        for node in level {
            match self.open(*node, depth, &mut below) {
                Ok(()) => {}
                Err(problem) => self.found.graph.fail(*node, problem),
            }
        }
        let heads = parallel::each(&below, self.workers, |node| {
            let task = self.found.graph.task(*node);
            self.has(&task.repository, task.descriptor.digest.as_str(), &task.descriptor)
        });
        let mut next = Vec::new();
        for (node, head) in below.into_iter().zip(heads) {
            match head {
                Ok(true) => {
                    self.found.graph.set_present(node);
                    next.extend(self.thorough.then_some(node));
                }
                Ok(false) => next.push(node),
                Err(problem) => self.found.graph.fail(node, problem),
            }
        }
        next
    }

    /// Plans the parts of a document; new documents are added to `below`.
    fn open(&mut self, node: usize, depth: usize, below: &mut Vec<usize>) -> Result<(), Problem> {
        let task = self.found.graph.task(node).clone();
        if depth > Limits::default().depth {
            return Err(Problem::Limit(format!("{} lies deeper than {depth} documents", task.descriptor.digest)));
        }
        let Some(children) = self.children(node, &task)? else { return Ok(()) };
        let mut parts = Vec::with_capacity(children.len());
        for (descriptor, is_document) in children {
            if is_document || self.is_to_be_brought(&descriptor)? {
                parts.push((descriptor, is_document));
            }
        }
        let image = self.found.graph.rank(node).0.0;
        for (descriptor, is_document) in parts {
            let graph = &mut self.found.graph;
            let (part, is_new) = if is_document {
                graph.document(&task.repository, &descriptor, image)?
            } else {
                graph.blob(&task.repository, &descriptor, image)?
            };
            graph.order(part, node)?;
            if is_new && is_document {
                below.push(part);
            } else if is_new {
                let (digest, size) = (&descriptor.digest, descriptor.size);
                (self.events)(Event::Blob(Transfer::Planned { digest, size, name: &task.repository }));
            }
        }
        Ok(())
    }

    /// What a document refers to, and whether each is a document; `None` when a delta leaves the document to the registry.
    fn children(&mut self, node: usize, task: &Task) -> Result<Option<Vec<(Descriptor, bool)>>, Problem> {
        let digest = &task.descriptor.digest;
        let bytes = match self.content.read_small(digest, DOCUMENT_LIMIT) {
            Ok(bytes) => bytes,
            Err(ContentError::Missing { .. }) if self.leaves_out(digest) => {
                if !self.found.graph.is_present(node) {
                    self.absent.push(node);
                }
                return Ok(None);
            }
            Err(ContentError::Missing { .. }) => return Err(Problem::Missing(digest.clone())),
            Err(error) => return Err(Problem::Content(Arc::new(error))),
        };
        check_size(&task.descriptor, bytes.len() as u64)?;
        let document = Document::parse(&task.descriptor.media_type, &bytes)
            .map_err(|error| Problem::Document { digest: digest.clone(), error })?;
        Ok(Some(match document {
            Document::Index(index) => {
                let with_kind = |child: Descriptor| {
                    let is_document = child.kind() != Kind::Other;
                    (child, is_document)
                };
                index.manifests.into_iter().map(with_kind).collect()
            }
            Document::Manifest(manifest) => {
                std::iter::once(manifest.config).chain(manifest.layers).map(|blob| (blob, false)).collect()
            }
        }))
    }

    /// Whether a blob belongs into the registry: a layer that only its owner may distribute does not, unless the bundle has it.
    fn is_to_be_brought(&self, blob: &Descriptor) -> Result<bool, Problem> {
        match self.content.extent(&blob.digest) {
            Some(extent) => check_size(blob, extent.size()).map(|()| true),
            None if self.leaves_out(&blob.digest) => Ok(true),
            None if blob.is_foreign() => Ok(false),
            None => Err(Problem::Missing(blob.digest.clone())),
        }
    }

    fn since(&self) -> Option<&Since> {
        self.content.manifest()?.since.as_ref()
    }

    fn leaves_out(&self, digest: &Digest) -> bool {
        self.since().is_some_and(|since| since.leaves_out(digest))
    }

    /// For a delta: whether the registry has all that the delta leaves to it.
    pub(super) fn check_base(&mut self, roots: &[Root]) -> Result<(), PushError> {
        let blobs =
            self.found.graph.all_blobs().filter(|(_, task)| self.content.extent(&task.descriptor.digest).is_none());
        let blobs: Vec<usize> = blobs.map(|(node, _)| node).collect();
        let places = parallel::each(&blobs, self.workers, |node| self.is_in_reach(self.found.graph.task(*node)));
        let mut absent = std::mem::take(&mut self.absent);
        for (node, place) in blobs.into_iter().zip(places) {
            match place {
                Ok(true) => {}
                Ok(false) => absent.push(node),
                Err(problem) => self.found.graph.fail(node, problem),
            }
        }
        if absent.is_empty() { Ok(()) } else { Err(PushError::Base(self.describe(&absent, roots))) }
    }

    /// Whether a blob is in its repository, or in the one that the delta names.
    fn is_in_reach(&self, task: &Task) -> Result<bool, Problem> {
        let digest = &task.descriptor.digest;
        let elsewhere = self.since().and_then(|since| since.held.get(digest)).map(String::as_str);
        for repository in std::iter::once(&*task.repository).chain(elsewhere) {
            if self.health.is_over() {
                return Err(Health::over());
            }
            if self.health.judge(self.client.head_blob(repository, digest))? == Some(task.descriptor.size) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn describe(&self, absent: &[usize], roots: &[Root]) -> Vec<Absent> {
        let mut names: HashMap<usize, Vec<&str>> = HashMap::new();
        for (root, state) in roots.iter().zip(&self.found.states) {
            if let Ok(State::Ends { nodes, .. }) = state {
                nodes.iter().for_each(|node| names.entry(*node).or_default().push(&root.name));
            }
        }
        let describe = |node: &usize| {
            let task = self.found.graph.task(*node);
            let above = self.found.graph.above(*node);
            let needed_by: BTreeSet<&str> =
                above.iter().filter_map(|node| names.get(node)).flatten().copied().collect();
            Absent {
                digest: task.descriptor.digest.clone(),
                repository: task.repository.to_string(),
                needed_by: needed_by.into_iter().map(str::to_owned).collect(),
            }
        };
        let mut described: Vec<Absent> = absent.iter().map(describe).collect();
        described.sort_by(|a, b| (&a.digest, &a.repository).cmp(&(&b.digest, &b.repository)));
        described
    }
}

fn check_size(descriptor: &Descriptor, found: u64) -> Result<(), Problem> {
    let (digest, wanted) = (descriptor.digest.clone(), descriptor.size);
    if wanted == found { Ok(()) } else { Err(Problem::Size { digest, place: "bundle", wanted, found }) }
}

/// Whether what the registry names is the document that is wanted; a registry may name it by another algorithm.
pub(super) fn is_same(content: &Content, wanted: &Descriptor, found: &Digest) -> bool {
    if found.algorithm() == wanted.digest.algorithm() {
        return *found == wanted.digest;
    }
    content.read_small(&wanted.digest, DOCUMENT_LIMIT).is_ok_and(|bytes| digest_like(found, &bytes) == *found)
}

/// By what a node's document is asked for.
pub(super) fn reference(task: &Task) -> &str {
    match &task.kind {
        TaskKind::Document(Some(tag)) | TaskKind::Tag(tag) => tag,
        TaskKind::Document(None) | TaskKind::Blob => task.descriptor.digest.as_str(),
    }
}
