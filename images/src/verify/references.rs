//! Which reference needs which blob, and what is therefore broken.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Fault, Finding, Report};
use crate::content::{Content, ContentError};
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Document, Kind, Limits, WalkError, walk};

/// Most references that are followed in one bundle, however many of them one image has.
const EDGES: usize = 1_000_000;
/// Most names that all findings have together. A thousand images over one damaged layer are a thousand.
const NAMES: usize = 100_000;

/// What the references of a bundle need: every blob below each of them.
#[derive(Debug, Default)]
struct References {
    /// The documents and roots that refer to each blob.
    parents: HashMap<Digest, BTreeSet<Parent>>,
    /// The size that each blob is promised to have.
    sizes: BTreeMap<Digest, u64>,
    /// Blobs that need not be here.
    foreign: HashSet<Digest>,
    /// Documents that were looked into, as what and of which size: each is once, however many images share it.
    opened: HashSet<(Digest, Kind, u64)>,
    /// References that were followed.
    edges: usize,
}

/// What refers to a blob.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Parent {
    Root(String),
    Document(Digest),
}

impl References {
    /// The names of the images and artifacts that need a blob, sorted; not all of them when there are more than `most`.
    fn that_need(&self, digest: &Digest, most: usize) -> Vec<String> {
        let mut names = BTreeSet::new();
        let mut seen = HashSet::from([digest]);
        let mut open = vec![digest];
        while let Some(digest) = open.pop() {
            for parent in self.parents.get(digest).into_iter().flatten() {
                if names.len() >= most {
                    break;
                }
                match parent {
                    Parent::Root(name) => {
                        names.insert(name.as_str());
                    }
                    Parent::Document(above) => {
                        if seen.insert(above) {
                            open.push(above);
                        }
                    }
                }
            }
        }
        names.into_iter().map(str::to_owned).collect()
    }

    fn add(&mut self, parent: Parent, descriptor: &Descriptor, findings: &mut BTreeMap<Digest, Fault>) {
        let digest = &descriptor.digest;
        self.edges += 1;
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
        match follow(content, root, &name, &mut references, &mut faults) {
            Ok(()) => {}
            Err(WalkError::Edges(_)) => {
                problems
                    .push(format!("there are more than {EDGES} references; {name} and what follows it are not judged"));
                break;
            }
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    let elsewhere = match_sizes(content, &references, &mut faults);
    let unreferenced = content.blobs().map(|(digest, _)| digest).filter(|d| !references.sizes.contains_key(*d));
    let unreferenced = unreferenced.cloned().collect();
    let findings = findings(faults, &references, NAMES, &mut problems);
    Report { unreferenced, findings, problems, elsewhere, ..Report::default() }
}

/// Compares what is promised with what is there; returns what a delta leaves to others.
fn match_sizes(content: &Content, references: &References, faults: &mut BTreeMap<Digest, Fault>) -> Vec<Digest> {
    let since = content.manifest().and_then(|manifest| manifest.since.as_ref());
    let mut elsewhere = Vec::new();
    for (digest, wanted) in &references.sizes {
        match content.extent(digest) {
            Some(extent) if extent.size() != *wanted => {
                faults.entry(digest.clone()).or_insert(Fault::Size(extent.size(), *wanted));
            }
            Some(_) => {}
            None if since.is_some_and(|since| since.leaves_out(digest)) => elsewhere.push(digest.clone()),
            None if references.foreign.contains(digest) => {}
            None => {
                faults.insert(digest.clone(), Fault::Missing);
            }
        }
    }
    elsewhere
}

fn findings(
    faults: BTreeMap<Digest, Fault>,
    references: &References,
    names: usize,
    problems: &mut Vec<String>,
) -> Vec<Finding> {
    let mut left = names;
    let mut find = |(digest, fault)| {
        let breaks = references.that_need(&digest, left);
        left -= breaks.len();
        Finding { digest, fault, breaks }
    };
    let findings = faults.into_iter().map(&mut find).collect();
    if left == 0 {
        problems.push(format!("more is broken than is named: only the first {names} names are told"));
    }
    findings
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
    let mut opened = std::mem::take(&mut references.opened);
    let read = |descriptor: &Descriptor| {
        if !opened.insert((descriptor.digest.clone(), descriptor.kind(), descriptor.size)) {
            return Ok(None);
        }
        Ok(document(content, descriptor).unwrap_or_else(|fault| {
            found.push((descriptor.digest.clone(), fault));
            None
        }))
    };
    let limits = Limits { edges: EDGES - references.edges, ..Limits::default() };
    let walked = walk(std::slice::from_ref(root), limits, read, |edge| {
        let parent = edge.parent.map_or_else(|| Parent::Root(name.to_owned()), |above| Parent::Document(above.clone()));
        references.add(parent, edge.descriptor, faults);
    });
    references.opened = opened;
    for (digest, fault) in found {
        faults.entry(digest).or_insert(fault);
    }
    walked
}

/// The bytes of a document that can be looked into; `None` when it is not here, which is judged later.
fn document(content: &Content, descriptor: &Descriptor) -> Result<Option<Vec<u8>>, Fault> {
    let Some(extent) = content.extent(&descriptor.digest) else { return Ok(None) };
    if extent.size() != descriptor.size {
        return Err(Fault::Size(extent.size(), descriptor.size));
    }
    let bytes = match content.read_small(&descriptor.digest, DOCUMENT_LIMIT) {
        Ok(bytes) => bytes,
        Err(ContentError::Damaged { found, .. }) => return Err(Fault::Damaged(found)),
        Err(ContentError::TooLarge { size, limit, .. }) => {
            return Err(Fault::Malformed(format!("has {size} bytes, but at most {limit} are read")));
        }
        Err(error) => return Err(Fault::Unreadable(error.to_string())),
    };
    // The walk reads it again, and ends where it is malformed; so that is found here.
    match Document::parse(&descriptor.media_type, &bytes) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) => Err(Fault::Malformed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Parent, References, findings};
    use crate::hasher::sha256;
    use crate::verify::Fault;
    use std::collections::BTreeMap;

    #[test]
    fn no_more_names_are_told_than_a_person_reads() {
        let (manifest, blobs) = (sha256(b"manifest"), [sha256(b"a"), sha256(b"b"), sha256(b"c")]);
        let mut references = References::default();
        let roots = (0..10).map(|number| Parent::Root(format!("example.com/app:{number}")));
        references.parents.insert(manifest.clone(), roots.collect());
        for blob in &blobs {
            references.parents.insert(blob.clone(), [Parent::Document(manifest.clone())].into());
        }
        let faults: BTreeMap<_, _> = blobs.into_iter().map(|blob| (blob, Fault::Missing)).collect();
        for (names, wanted, is_cut) in [(100, [10, 10, 10], false), (25, [10, 10, 5], true), (10, [10, 0, 0], true)] {
            let mut problems = Vec::new();
            let found = findings(faults.clone(), &references, names, &mut problems);
            let told: Vec<usize> = found.iter().map(|finding| finding.breaks.len()).collect();
            assert_eq!((told, problems.len()), (wanted.to_vec(), usize::from(is_cut)), "{names}");
        }
    }
}
