//! [`Graph`]: what is to be put, and what waits for what. A document waits for its parts; a blob waits until the first
//! repository that needs it has it, so that the others can mount it.
//!
//! It puts nothing itself.

use super::error::Problem;
use crate::digest::Digest;
use crate::layout::Descriptor;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Most parts of one push: as many as a bundle may have.
const MOST: usize = 100_000;
/// Most references between them.
const MOST_EDGES: usize = 1_000_000;

/// One piece of work.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) kind: TaskKind,
    pub(super) descriptor: Descriptor,
    pub(super) repository: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TaskKind {
    /// Bring bytes.
    Blob,
    /// Put an index or manifest: by this tag, else by its digest.
    Document(Option<String>),
    /// Give a tag to a document that is there.
    Tag(String),
}

#[derive(Debug)]
struct Node {
    task: Task,
    /// The place in `index.json` of the first image that needs it: whole images come one after the other.
    image: usize,
    /// The registry has it.
    present: bool,
    parents: Vec<usize>,
    waiting: usize,
    problem: Option<Problem>,
}

/// All work of one push.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    documents: HashMap<(Arc<str>, Digest), usize>,
    blobs: HashMap<(Arc<str>, Digest), usize>,
    /// The first node of each blob.
    first: HashMap<Digest, usize>,
    edges: usize,
}

impl Graph {
    /// The node of a document in a repository, and whether it is new.
    pub(super) fn document(
        &mut self,
        repository: &Arc<str>,
        descriptor: &Descriptor,
        image: usize,
    ) -> Result<(usize, bool), Problem> {
        let key = (Arc::clone(repository), descriptor.digest.clone());
        if let Some(node) = self.documents.get(&key) {
            return Ok((*node, false));
        }
        let node = self.add(TaskKind::Document(None), repository, descriptor, image)?;
        self.documents.insert(key, node);
        Ok((node, true))
    }

    /// The node of a blob in a repository, and whether it is new.
    pub(super) fn blob(
        &mut self,
        repository: &Arc<str>,
        descriptor: &Descriptor,
        image: usize,
    ) -> Result<(usize, bool), Problem> {
        let key = (Arc::clone(repository), descriptor.digest.clone());
        if let Some(node) = self.blobs.get(&key) {
            return Ok((*node, false));
        }
        let node = self.add(TaskKind::Blob, repository, descriptor, image)?;
        self.blobs.insert(key, node);
        let first = *self.first.entry(descriptor.digest.clone()).or_insert(node);
        if first != node {
            self.order(first, node)?;
        }
        Ok((node, true))
    }

    /// The node that ends an image: its document, or a tag beside it.
    pub(super) fn tag(&mut self, document: usize, tag: &str) -> Result<usize, Problem> {
        let node = &mut self.nodes[document];
        let is_plain = node.task.descriptor.digest.algorithm() == "sha256";
        if let TaskKind::Document(by) = &mut node.task.kind
            && is_plain
            && !node.present
            && by.as_deref().is_none_or(|by| by == tag)
        {
            // Put by its tag, it is there by its digest too.
            *by = Some(tag.to_owned());
            return Ok(document);
        }
        let (task, image) = (node.task.clone(), node.image);
        let end = self.add(TaskKind::Tag(tag.to_owned()), &task.repository, &task.descriptor, image)?;
        self.order(document, end)?;
        Ok(end)
    }

    fn add(
        &mut self,
        kind: TaskKind,
        repository: &Arc<str>,
        descriptor: &Descriptor,
        image: usize,
    ) -> Result<usize, Problem> {
        if self.nodes.len() >= MOST {
            return Err(Problem::Limit(format!("the bundle has more than {MOST} parts; split it")));
        }
        let (media_type, digest) = (&descriptor.media_type, descriptor.digest.clone());
        let task = Task {
            kind,
            descriptor: Descriptor::new(media_type, digest, descriptor.size),
            repository: Arc::clone(repository),
        };
        self.nodes.push(Node { task, image, present: false, parents: Vec::new(), waiting: 0, problem: None });
        Ok(self.nodes.len() - 1)
    }

    /// `later` waits for `earlier`.
    pub(super) fn order(&mut self, earlier: usize, later: usize) -> Result<(), Problem> {
        self.edges += 1;
        if self.edges > MOST_EDGES {
            return Err(Problem::Limit(format!("the bundle has more than {MOST_EDGES} references; split it")));
        }
        self.nodes[earlier].parents.push(later);
        self.nodes[later].waiting += 1;
        Ok(())
    }

    pub(super) fn task(&self, node: usize) -> &Task {
        &self.nodes[node].task
    }

    /// Whole images one after the other; of each, documents first, since they end it, then large blobs.
    pub(super) fn rank(&self, node: usize) -> (std::cmp::Reverse<usize>, bool, u64) {
        let node = &self.nodes[node];
        (std::cmp::Reverse(node.image), node.task.kind != TaskKind::Blob, node.task.descriptor.size)
    }

    pub(super) fn set_present(&mut self, node: usize) {
        self.nodes[node].present = true;
    }

    pub(super) fn is_present(&self, node: usize) -> bool {
        self.nodes[node].present
    }

    pub(super) fn problem(&self, node: usize) -> Option<&Problem> {
        self.nodes[node].problem.as_ref()
    }

    /// Keeps the first problem of a node.
    pub(super) fn fail(&mut self, node: usize, problem: Problem) {
        self.nodes[node].problem.get_or_insert(problem);
    }

    /// Nodes that wait for nothing.
    pub(super) fn leaves(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].waiting == 0).collect()
    }

    /// All nodes of blobs, with what they bring.
    pub(super) fn all_blobs(&self) -> impl Iterator<Item = (usize, &Task)> {
        let all = self.nodes.iter().map(|node| &node.task).enumerate();
        all.filter(|(_, task)| task.kind == TaskKind::Blob)
    }

    /// A node is done, well or not; returns what can be begun now. What stands on a failed one fails with it.
    pub(super) fn settle(&mut self, node: usize, outcome: Result<(), Problem>) -> Vec<usize> {
        if let Err(problem) = outcome {
            self.fail(node, problem);
        }
        let (mut ready, mut open) = (Vec::new(), vec![node]);
        while let Some(node) = open.pop() {
            let problem = self.nodes[node].problem.clone();
            for number in 0..self.nodes[node].parents.len() {
                let parent = self.nodes[node].parents[number];
                self.nodes[parent].waiting -= 1;
                self.inherit(parent, problem.as_ref());
                if self.nodes[parent].waiting == 0 {
                    if self.nodes[parent].problem.is_some() { open.push(parent) } else { ready.push(parent) }
                }
            }
        }
        ready
    }

    /// A blob that waits for the same blob elsewhere does not fail with it.
    fn inherit(&mut self, parent: usize, problem: Option<&Problem>) {
        if let Some(problem) = problem
            && self.nodes[parent].task.kind != TaskKind::Blob
        {
            self.fail(parent, problem.clone());
        }
    }

    /// A node, and all that stand on it, fail after they were done.
    pub(super) fn fail_above(&mut self, node: usize, problem: &Problem) {
        for above in self.above(node) {
            self.fail(above, problem.clone());
        }
    }

    /// A node and all that stand on it. For a blob, not what needs the same blob elsewhere.
    pub(super) fn above(&self, node: usize) -> BTreeSet<usize> {
        let (mut found, mut open) = (BTreeSet::from([node]), vec![node]);
        while let Some(node) = open.pop() {
            for parent in &self.nodes[node].parents {
                if self.nodes[*parent].task.kind != TaskKind::Blob && found.insert(*parent) {
                    open.push(*parent);
                }
            }
        }
        found
    }
}
