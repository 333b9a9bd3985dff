//! One of several equal workers: puts documents and tags, until nothing is left. Blobs are brought in [`super::blob`].
//!
//! What is there already was asked before.

use super::error::Problem;
use super::events::Events;
use super::graph::{Graph, Task, TaskKind};
use super::health::Health;
use super::queue::Queue;
use super::referrers::{self, Listing};
use super::survey::{is_same, reference};
use crate::content::Content;
use crate::digest::Digest;
use crate::layout::DOCUMENT_LIMIT;
use crate::parallel;
use crate::registry::Client;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A document of more bytes is large: such are put one at a time, so that they do not add up.
const LARGE: u64 = 512 << 10;

/// What a worker knows. All of them share one.
pub(super) struct Worker<'a> {
    pub(super) content: &'a Content,
    pub(super) client: &'a Client,
    pub(super) health: &'a Health,
    pub(super) events: &'a Events<'a>,
    /// A repository that has the blob.
    pub(super) held: Mutex<HashMap<Digest, Arc<str>>>,
    pub(super) uploaded: AtomicU64,
    pub(super) mounted: AtomicU64,
    pub(super) sent: AtomicU64,
    queue: Queue,
    /// Nodes whose documents were put.
    put: Mutex<Vec<usize>>,
    listings: Mutex<Vec<Listing>>,
    large: Mutex<()>,
}

/// What all workers did.
pub(super) struct Done {
    pub(super) graph: Graph,
    pub(super) listings: Vec<Listing>,
    pub(super) uploaded: u64,
    pub(super) mounted: u64,
    pub(super) sent: u64,
    put: Vec<usize>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        content: &'a Content,
        client: &'a Client,
        health: &'a Health,
        events: &'a Events<'a>,
        graph: Graph,
        listings: Vec<Listing>,
    ) -> Self {
        let since = content.manifest().and_then(|manifest| manifest.since.as_ref());
        let held = since.iter().flat_map(|since| &since.held);
        let held = held.map(|(digest, repository)| (digest.clone(), Arc::from(repository.as_str()))).collect();
        Self {
            content,
            client,
            health,
            events,
            held: Mutex::new(held),
            uploaded: AtomicU64::new(0),
            mounted: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            queue: Queue::new(graph),
            put: Mutex::default(),
            listings: Mutex::new(listings),
            large: Mutex::default(),
        }
    }

    /// Works until nothing is left.
    pub(super) fn run(&self) {
        while let Some((node, task, present, _taken)) = self.queue.take(|| self.health.is_over()) {
            let outcome = match &task.kind {
                TaskKind::Blob => self.blob(&task.descriptor, &task.repository),
                TaskKind::Document(_) if present => Ok(()),
                TaskKind::Document(_) | TaskKind::Tag(_) => self.document(node, &task),
            };
            self.queue.settle(node, outcome);
        }
    }

    fn document(&self, node: usize, task: &Task) -> Result<(), Problem> {
        let descriptor = &task.descriptor;
        let _one_at_a_time =
            (descriptor.size > LARGE).then(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
        let bytes = self
            .content
            .read_small(&descriptor.digest, DOCUMENT_LIMIT)
            .map_err(|error| Problem::Content(Arc::new(error)))?;
        let put = self.client.put_manifest(&task.repository, reference(task), &descriptor.media_type, &bytes);
        let is_listed = self.health.judge(put)?;
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.put.lock().unwrap_or_else(PoisonError::into_inner).push(node);
        if !is_listed {
            let listing = referrers::listing_of(descriptor, &bytes, &task.repository);
            self.listings.lock().unwrap_or_else(PoisonError::into_inner).extend(listing);
        }
        Ok(())
    }

    pub(super) fn into_done(self) -> Done {
        let mut put = self.put.into_inner().unwrap_or_else(PoisonError::into_inner);
        put.sort_unstable();
        Done {
            graph: self.queue.into_graph(),
            listings: self.listings.into_inner().unwrap_or_else(PoisonError::into_inner),
            uploaded: self.uploaded.into_inner(),
            mounted: self.mounted.into_inner(),
            sent: self.sent.into_inner(),
            put,
        }
    }
}

impl Done {
    /// Asks the registry for all that was put: what it does not name by its digest fails.
    pub(super) fn verify(&mut self, content: &Content, client: &Client, health: &Health, workers: usize) {
        let graph = &self.graph;
        let problems = parallel::each(&self.put, workers, |node| {
            if health.is_over() {
                return Some(Health::over());
            }
            let task = graph.task(*node);
            match health.judge(client.head_manifest(&task.repository, reference(task))) {
                Ok(Some(found)) if is_same(content, &task.descriptor, &found.digest) => None,
                Ok(found) => {
                    let separator = if matches!(task.kind, TaskKind::Document(None)) { '@' } else { ':' };
                    let place = format!("{}{separator}{}", task.repository, reference(task));
                    Some(Problem::Lost { place, found: found.map(|found| found.digest) })
                }
                Err(problem) => Some(problem),
            }
        });
        let failed: Vec<_> = self.put.iter().copied().zip(problems).collect();
        for (node, problem) in failed {
            if let Some(problem) = problem {
                self.graph.fail_above(node, &problem);
            }
        }
    }
}
