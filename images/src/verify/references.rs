//! Which reference needs which blob, and what is therefore broken.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Fault, Finding, Report};
use crate::content::{Content, ContentError};
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Limits, WalkError, walk};

/// What the references of a bundle need: every blob below each of them.
#[derive(Debug, Default)]
pub struct References {
    /// The documents and roots that refer to each blob.
    parents: HashMap<Digest, BTreeSet<Parent>>,
    /// The size that each blob is promised to have.
    sizes: BTreeMap<Digest, u64>,
    /// Blobs that need not be here.
    foreign: HashSet<Digest>,
}

/// What refers to a blob.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Parent {
    Root(String),
    Document(Digest),
}

impl References {
    /// The names of the images and artifacts that need a blob, sorted.
    #[must_use]
    pub fn that_need(&self, digest: &Digest) -> Vec<String> {
        let mut names = BTreeSet::new();
        let mut seen = HashSet::from([digest]);
        let mut open = vec![digest];
        while let Some(digest) = open.pop() {
            for parent in self.parents.get(digest).into_iter().flatten() {
                match parent {
                    Parent::Root(name) => {
                        names.insert(name.clone());
                    }
                    Parent::Document(above) => {
                        if seen.insert(above) {
                            open.push(above);
                        }
                    }
                }
            }
        }
        names.into_iter().collect()
    }

    fn add(&mut self, parent: Parent, descriptor: &Descriptor, findings: &mut BTreeMap<Digest, Fault>) {
        let digest = &descriptor.digest;
        self.parents.entry(digest.clone()).or_default().insert(parent);
        let promised = *self.sizes.entry(digest.clone()).or_insert(descriptor.size);
        if promised != descriptor.size {
            findings.entry(digest.clone()).or_insert(Fault::Size(promised, descriptor.size));
        }
        if descriptor.is_foreign() {
            self.foreign.insert(digest.clone());
        }
    }
}

/// Follows every reference and joins what is wrong with what needs it.
pub(super) fn judge(content: &Content, damaged: BTreeMap<Digest, Fault>) -> Report {
    let mut faults = damaged;
    let mut references = References::default();
    let mut problems = Vec::new();
    for root in &content.index().manifests {
        let name = root.reference().map_or_else(|| root.digest.to_string(), str::to_owned);
        if let Err(problem) = follow(content, root, &name, &mut references, &mut faults) {
            problems.push(format!("{name}: {problem}"));
        }
    }
    let absent: HashSet<&Digest> =
        content.manifest().and_then(|m| m.since.as_ref()).map_or_else(HashSet::new, |s| s.absent.iter().collect());
    let mut elsewhere = Vec::new();
    for (digest, wanted) in &references.sizes {
        match content.extent(digest) {
            Some(extent) if extent.size() != *wanted => {
                faults.entry(digest.clone()).or_insert(Fault::Size(extent.size(), *wanted));
            }
            Some(_) => {}
            None if absent.contains(digest) => elsewhere.push(digest.clone()),
            None if references.foreign.contains(digest) => {}
            None => {
                faults.insert(digest.clone(), Fault::Missing);
            }
        }
    }
    let unreferenced = content.blobs().map(|(digest, _)| digest).filter(|d| !references.sizes.contains_key(*d));
    Report {
        unreferenced: unreferenced.cloned().collect(),
        findings: findings(faults, &references),
        problems,
        elsewhere,
        ..Report::default()
    }
}

fn findings(faults: BTreeMap<Digest, Fault>, references: &References) -> Vec<Finding> {
    faults.into_iter().map(|(digest, fault)| Finding { breaks: references.that_need(&digest), digest, fault }).collect()
}

/// Follows one reference. What is damaged ends the way there, not the walk.
fn follow(
    content: &Content,
    root: &Descriptor,
    name: &str,
    references: &mut References,
    faults: &mut BTreeMap<Digest, Fault>,
) -> Result<(), WalkError<std::convert::Infallible>> {
    let mut found = Vec::new();
    let read = |descriptor: &Descriptor| {
        Ok(match document(content, descriptor) {
            Ok(bytes) => bytes,
            Err(fault) => {
                found.push((descriptor.digest.clone(), fault));
                None
            }
        })
    };
    let mut edges = Vec::new();
    let walked = walk(std::slice::from_ref(root), Limits::default(), read, |edge| {
        let parent = edge.parent.map_or_else(|| Parent::Root(name.to_owned()), |above| Parent::Document(above.clone()));
        edges.push((parent, edge.descriptor.clone()));
    });
    for (digest, fault) in found {
        faults.entry(digest).or_insert(fault);
    }
    for (parent, descriptor) in edges {
        references.add(parent, &descriptor, faults);
    }
    match walked {
        Err(WalkError::Document { digest, error }) => {
            faults.entry(digest).or_insert_with(|| Fault::Malformed(error.to_string()));
            Ok(())
        }
        Err(WalkError::Size { digest, wanted, found }) => {
            faults.entry(digest).or_insert(Fault::Size(found, wanted));
            Ok(())
        }
        other => other,
    }
}

/// The bytes of a document; `None` when it is not here, which is judged later.
fn document(content: &Content, descriptor: &Descriptor) -> Result<Option<Vec<u8>>, Fault> {
    match content.read_small(&descriptor.digest, DOCUMENT_LIMIT) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ContentError::Missing { .. }) => Ok(None),
        Err(ContentError::Damaged { found, .. }) => Err(Fault::Damaged(found)),
        Err(ContentError::TooLarge { size, limit, .. }) => {
            Err(Fault::Malformed(format!("has {size} bytes, but at most {limit} are read")))
        }
        Err(error) => Err(Fault::Unreadable(error.to_string())),
    }
}
