//! From `index.json` to repositories and tags: what has a name goes where its name says, what refers to an image goes beside it.
//!
//! The registry is not asked here.

use super::error::{Failure, Problem};
use super::prefix::Prefix;
use crate::content::{Content, ContentError};
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Document, Kind, Limits, walk};
use crate::reference::{Reference, check_repository};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Referrers of referrers are followed so far.
const REFERRERS_DEPTH: usize = 3;

/// One image or artifact, and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) name: String,
    pub(super) descriptor: Descriptor,
    pub(super) repository: Arc<str>,
    pub(super) tag: Option<String>,
}

/// What `index.json` comes to.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) roots: Vec<Root>,
    pub(super) failures: Vec<Failure>,
    pub(super) unplaced: Vec<Digest>,
}

/// Finds the places of all that `index.json` lists.
pub(super) fn place(content: &Content, prefix: &Prefix) -> Placed {
    let mut placed = Placed::default();
    let mut taken: BTreeMap<String, Digest> = BTreeMap::new();
    let mut unnamed = Vec::new();
    for descriptor in &content.index().manifests {
        let Some(name) = descriptor.reference() else {
            unnamed.push(descriptor);
            continue;
        };
        match named(name, descriptor, prefix, &mut taken) {
            Ok(root) => placed.roots.push(root),
            Err(problem) => placed.failures.push(Failure { name: name.to_owned(), problem }),
        }
    }
    if !unnamed.is_empty() {
        place_referrers(content, unnamed, &mut placed);
    }
    placed
}

fn named(
    name: &str,
    descriptor: &Descriptor,
    prefix: &Prefix,
    taken: &mut BTreeMap<String, Digest>,
) -> Result<Root, Problem> {
    let wrong = |reason: String| Problem::Name { written: name.to_owned(), reason };
    let reference: Reference = name.parse().map_err(|error: crate::ReferenceError| wrong(error.kind.to_string()))?;
    if reference.to_string() != name {
        return Err(wrong(format!("is no whole reference; write {reference} if that is meant")));
    }
    let digest = &descriptor.digest;
    if reference.digest().is_some_and(|own| own != digest) {
        return Err(wrong(format!("is the name of {digest} in index.json, which it is not")));
    }
    if !matches!(descriptor.kind(), Kind::Index | Kind::Manifest | Kind::Schema1) {
        return Err(Problem::Kind { digest: digest.clone(), media_type: descriptor.media_type.clone() });
    }
    let repository = prefix.repository(&reference);
    check_repository(&repository).map_err(|reason| wrong(format!("would lie in {repository}, which {reason}")))?;
    if let Some(tag) = reference.tag() {
        let place = format!("{repository}:{tag}");
        if let Some(other) = taken.get(&place).filter(|other| *other != digest) {
            return Err(Problem::Taken { place, other: other.clone() });
        }
        taken.insert(place, digest.clone());
    }
    let tag = reference.tag().map(str::to_owned);
    Ok(Root { name: name.to_owned(), descriptor: descriptor.clone(), repository: repository.into(), tag })
}

/// Puts what has a subject into every repository that has the subject.
fn place_referrers(content: &Content, unnamed: Vec<&Descriptor>, placed: &mut Placed) {
    let mut places: HashMap<Digest, BTreeSet<Arc<str>>> = HashMap::new();
    for root in &placed.roots {
        note(content, &root.descriptor, &root.repository, &mut places);
    }
    let mut open: Vec<(&Descriptor, Option<Digest>)> =
        unnamed.into_iter().map(|descriptor| (descriptor, subject(content, descriptor))).collect();
    for _ in 0..REFERRERS_DEPTH {
        let (found, rest): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|(_, subject)| subject.as_ref().is_some_and(|of| places.contains_key(of)));
        open = rest;
        for (descriptor, subject) in found {
            let repositories = subject.and_then(|of| places.get(&of).cloned()).unwrap_or_default();
            for repository in repositories {
                note(content, descriptor, &repository, &mut places);
                let name = descriptor.digest.to_string();
                placed.roots.push(Root { name, descriptor: descriptor.clone(), repository, tag: None });
            }
        }
    }
    placed.unplaced = open.into_iter().map(|(descriptor, _)| descriptor.digest.clone()).collect();
}

/// Notes in which repository the documents below a root lie. What cannot be read is named when it is pushed.
fn note(content: &Content, root: &Descriptor, repository: &Arc<str>, places: &mut HashMap<Digest, BTreeSet<Arc<str>>>) {
    let read = |descriptor: &Descriptor| match content.read_small(&descriptor.digest, DOCUMENT_LIMIT) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ContentError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    let _ = walk(std::slice::from_ref(root), Limits::default(), read, |edge| {
        if matches!(edge.descriptor.kind(), Kind::Index | Kind::Manifest) {
            places.entry(edge.descriptor.digest.clone()).or_default().insert(Arc::clone(repository));
        }
    });
}

fn subject(content: &Content, descriptor: &Descriptor) -> Option<Digest> {
    let bytes = content.read_small(&descriptor.digest, DOCUMENT_LIMIT).ok()?;
    Some(Document::parse(&descriptor.media_type, &bytes).ok()?.subject()?.digest.clone())
}
