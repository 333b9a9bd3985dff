//! From `index.json` to repositories and tags: what has a name goes where its name says, what refers to an image goes beside it.
//!
//! The registry is not asked here.

use super::error::{Failure, Problem};
use super::prefix::Prefix;
use crate::content::{Content, ContentError};
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Document, Kind, Limits, walk};
use crate::reference::{Reference, check_repository};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Referrers of referrers are followed so far.
const REFERRERS_DEPTH: usize = 3;
/// Most images and artifacts of one push, a referrer once for each repository that it goes to.
const MOST: usize = 100_000;

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
    let mut open: Vec<(&Descriptor, Option<Digest>)> =
        unnamed.into_iter().map(|descriptor| (descriptor, subject(content, descriptor))).collect();
    let subjects = open.iter().filter_map(|(_, subject)| subject.clone()).collect();
    let mut places = Places { content, subjects, below: HashMap::new(), found: HashMap::new(), count: 0 };
    let named = placed.roots.len();
    for root in &placed.roots {
        places.note(&root.descriptor, &root.repository);
    }
    for _ in 0..REFERRERS_DEPTH {
        let (found, rest): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|(_, subject)| subject.as_ref().is_some_and(|of| places.found.contains_key(of)));
        open = rest;
        for (descriptor, subject) in found {
            let repositories = subject.and_then(|of| places.found.get(&of).cloned()).unwrap_or_default();
            for repository in repositories {
                if places.count.max(placed.roots.len()) > MOST {
                    placed.roots.truncate(named);
                    placed.failures.push(too_many());
                    return;
                }
                places.note(descriptor, &repository);
                let name = descriptor.digest.to_string();
                placed.roots.push(Root { name, descriptor: descriptor.clone(), repository, tag: None });
            }
        }
    }
    placed.unplaced = open.into_iter().map(|(descriptor, _)| descriptor.digest.clone()).collect();
}

fn too_many() -> Failure {
    let name = "what refers to the images".to_owned();
    Failure { name, problem: Problem::Limit(format!("it would lie in more than {MOST} places; split the bundle")) }
}

/// In which repositories the documents lie that something refers to.
struct Places<'a> {
    content: &'a Content,
    subjects: HashSet<Digest>,
    /// The subjects below each root: one is looked into once, however many names it has.
    below: HashMap<Digest, Vec<Digest>>,
    found: HashMap<Digest, BTreeSet<Arc<str>>>,
    count: usize,
}

impl Places<'_> {
    fn note(&mut self, root: &Descriptor, repository: &Arc<str>) {
        let below = self.below.entry(root.digest.clone()).or_insert_with(|| below(self.content, root, &self.subjects));
        for digest in below.iter().take(MOST.saturating_sub(self.count) + 1) {
            let is_new = self.found.entry(digest.clone()).or_default().insert(Arc::clone(repository));
            self.count += usize::from(is_new);
        }
    }
}

/// The subjects below a root, itself included. What cannot be read is named when it is pushed.
fn below(content: &Content, root: &Descriptor, subjects: &HashSet<Digest>) -> Vec<Digest> {
    let read = |descriptor: &Descriptor| match content.read_small(&descriptor.digest, DOCUMENT_LIMIT) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ContentError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    let mut found = BTreeSet::new();
    let _ = walk(std::slice::from_ref(root), Limits::default(), read, |edge| {
        let is_document = matches!(edge.descriptor.kind(), Kind::Index | Kind::Manifest);
        if is_document && subjects.contains(&edge.descriptor.digest) {
            found.insert(edge.descriptor.digest.clone());
        }
    });
    found.into_iter().collect()
}

fn subject(content: &Content, descriptor: &Descriptor) -> Option<Digest> {
    let bytes = content.read_small(&descriptor.digest, DOCUMENT_LIMIT).ok()?;
    Some(Document::parse(&descriptor.media_type, &bytes).ok()?.subject()?.digest.clone())
}

#[cfg(test)]
mod tests {
    use super::{MOST, place};
    use crate::content::Content;
    use crate::fake::FakeBundle;
    use crate::push::{Prefix, Problem};

    #[test]
    fn referrers_of_many_names_have_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let mut bundle = FakeBundle::new(folder.path());
        let image = bundle.image("amd64", &[b"layer"]);
        for number in 0..400 {
            bundle.name(&format!("example.com/app{number}:1"), image.clone());
        }
        for number in 0..300_u32 {
            let signature = bundle.artifact("application/vnd.example", &number.to_be_bytes(), Some(image.clone()));
            bundle.unnamed(signature);
            if number == 1 {
                bundle.finish();
                let placed = place(&Content::open(folder.path()).unwrap(), &Prefix::default());
                assert_eq!((placed.roots.len(), placed.failures.len(), placed.unplaced.len()), (1200, 0, 0));
            }
        }
        bundle.finish();
        let placed = place(&Content::open(folder.path()).unwrap(), &Prefix::default());
        const { assert!(400 + 400 * 300 > MOST) };
        assert_eq!(placed.roots.len(), 400, "the images are still pushed");
        assert!(matches!(&placed.failures[..], [failure] if matches!(failure.problem, Problem::Limit(_))));
    }
}
