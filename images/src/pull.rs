//! Brings images from registries into a [`Store`]: each blob once, several at a time, verified byte by byte.
//!
//! A reference leads to an index or a manifest, and from there to everything below. What is in the store is read, and fetched only
//! where it does not hash to its digest; what an interrupted pull left is gone on with; an image is listed in `index.json` when all of it is there.
//!
//! What a bundle adds to the layout (`bundle.json`, the lock, binaries) is not made here.

mod error;
mod events;
mod fetch;
mod queue;
mod resolve;
mod worker;

pub(crate) use error::Fault;
pub use error::{Failure, Problem, PullError};
pub use events::{Event, Events};
pub(crate) use fetch::{Fetcher, Outcome, Supplier};

use crate::component::Architecture;
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Limits, REFERENCE_ANNOTATION, Role, walk};
use crate::reference::Reference;
use crate::registry::Registries;
use crate::store::{Store, StoreError, listed};
use std::collections::{BTreeMap, BTreeSet};
use worker::Worker;

/// Workers unless told otherwise: enough to keep a network busy, few enough for 64 MiB.
const WORKERS: usize = 6;
/// Most workers.
const MOST_WORKERS: usize = 32;

/// An image that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub reference: Reference,
    /// What a lock pins it to: an index or a manifest.
    pub digest: Option<Digest>,
}

/// How to pull.
#[derive(Clone, Debug)]
pub struct Options {
    /// For which machines. One: of an index, the image for that machine is kept. None or several: the whole index, because
    /// registries refuse an index with gaps.
    pub architectures: Vec<Architecture>,
    /// Transfers at a time, at most 32.
    pub workers: usize,
    /// Bring what refers to the images: signatures, SBOMs, attestations.
    pub referrers: bool,
    /// Layers that whoever gets the images has already, with their sizes in bytes: they are not fetched.
    pub elsewhere: BTreeMap<Digest, u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { architectures: Vec::new(), workers: WORKERS, referrers: false, elsewhere: BTreeMap::new() }
    }
}

impl Options {
    /// Whether a layer needs not be fetched.
    pub(crate) fn is_elsewhere(&self, layer: &Descriptor) -> bool {
        self.elsewhere.get(&layer.digest) == Some(&layer.size)
    }
}

/// What a pull brought.
#[derive(Clone, Debug, Default)]
pub struct Pulled {
    /// The images, in the order in which they were wanted.
    pub images: Vec<PulledImage>,
    /// What refers to them, as `index.json` lists it.
    pub referrers: Vec<Descriptor>,
    /// Layers that only their owners may distribute, and that the registries do not have.
    pub foreign: Vec<Digest>,
    /// Bytes of blobs and documents that came over the network.
    pub received: u64,
}

impl Pulled {
    /// What `index.json` lists of it: the images by their names, and what refers to them.
    #[must_use]
    pub fn entries(&self) -> Vec<Descriptor> {
        let named = self.images.iter().map(|image| {
            let mut entry = image.descriptor.clone();
            entry.annotations = [(REFERENCE_ANNOTATION.to_owned(), image.reference.containerd_name())].into();
            entry
        });
        named.chain(self.referrers.iter().cloned()).collect()
    }
}

/// One image in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulledImage {
    /// What was wanted.
    pub reference: Reference,
    /// The digest that the registry, or the lock, gave for the reference: an index, or a manifest.
    pub resolved: Digest,
    /// What `index.json` lists: the same, or the image for the one architecture that was chosen.
    pub descriptor: Descriptor,
}

/// Pulls all `wanted` images, and lists those that are complete.
///
/// # Errors
/// [`PullError::Incomplete`] names every image that could not be pulled, after all others are listed; [`PullError::Store`] ends the
/// pull at once, as does [`PullError::Stopped`].
pub fn pull(
    store: &Store,
    registries: &Registries,
    wanted: &[Wanted],
    options: &Options,
    events: &Events<'_>,
) -> Result<Pulled, PullError> {
    let store = store.clone().with_stop(registries.stop().clone());
    let worker = Worker::new(&store, registries, wanted, options, events);
    std::thread::scope(|scope| {
        for _ in 1..options.workers.clamp(1, MOST_WORKERS) {
            scope.spawn(|| worker.run());
        }
        worker.run();
    });
    let (mut results, mut problems) = worker.into_results()?;
    let foreign: BTreeSet<Digest> = results.foreign.iter().cloned().collect();
    let mut pulled = Pulled { received: results.received, foreign: results.foreign, ..Pulled::default() };
    for (number, want) in wanted.iter().enumerate() {
        if problems.contains_key(&number) {
            continue;
        }
        let image = results.images.remove(&number);
        let image = image.expect("a worker either resolves a wanted image or keeps its problem");
        let referrers = results.referrers.remove(&number).unwrap_or_default();
        let roots: Vec<Descriptor> = std::iter::once(&image.descriptor).chain(&referrers).cloned().collect();
        match check_complete(&store, &roots, &foreign, options) {
            Ok(()) => {
                pulled.images.push(PulledImage { reference: want.reference.clone(), ..image });
                pulled.referrers.extend(referrers);
            }
            Err(Fault::Image(problem)) => drop(problems.insert(number, problem)),
            Err(Fault::All(error)) => return Err(error),
        }
    }
    pulled.referrers = listed(std::mem::take(&mut pulled.referrers));
    store.set_index(&pulled.entries())?;
    if problems.is_empty() { Ok(pulled) } else { Err(PullError::Incomplete(failures(wanted, problems))) }
}

/// Whether everything below these roots is in the store, so that an image which shares a part with a failed one fails too.
fn check_complete(
    store: &Store,
    roots: &[Descriptor],
    foreign: &BTreeSet<Digest>,
    options: &Options,
) -> Result<(), Fault> {
    let (mut missing, mut failed): (Option<Descriptor>, Option<StoreError>) = (None, None);
    let read = |document: &Descriptor| store.read_small(&document.digest, DOCUMENT_LIMIT);
    walk(roots, Limits::default(), read, |edge| match store.has(edge.descriptor) {
        Ok(true) => {}
        Ok(false) if foreign.contains(&edge.descriptor.digest) => {}
        Ok(false) if edge.role == Role::Layer && options.is_elsewhere(edge.descriptor) => {}
        Ok(false) => drop(missing.get_or_insert_with(|| edge.descriptor.clone())),
        Err(error) => drop(failed.get_or_insert(error)),
    })?;
    match (missing, failed) {
        (_, Some(error)) => Err(error.into()),
        (Some(descriptor), None) => Err(Problem::Missing(Box::new(descriptor)).into()),
        (None, None) => Ok(()),
    }
}

fn failures(wanted: &[Wanted], problems: BTreeMap<usize, Problem>) -> Vec<Failure> {
    let failure =
        |(number, problem): (usize, Problem)| Failure { reference: wanted[number].reference.clone(), problem };
    problems.into_iter().map(failure).collect()
}
