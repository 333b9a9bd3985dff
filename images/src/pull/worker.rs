//! One of several equal workers: takes jobs from the queue until all is done.
//!
//! How a blob is fetched is in [`super::fetch`], what a reference means in [`super::resolve`].

use super::error::{Fault, Problem, PullError};
use super::events::{Event, Events};
use super::fetch::{Fetcher, Outcome};
use super::queue::{Job, Origin, Queue, blob_of, job_of};
use super::{Options, PulledImage, Wanted};
use crate::attached;
use crate::digest::Digest;
use crate::layout::{Descriptor, Document, Limits, REFERENCE_ANNOTATION};
use crate::registry::{Class, Place, Registries, RegistryError};
use crate::store::Store;
use crate::transfer::Transfer;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How far referrers of referrers are followed.
const REFERRERS_DEPTH: usize = 3;

/// What all workers found out.
#[derive(Default)]
pub(super) struct Results {
    pub(super) images: BTreeMap<usize, PulledImage>,
    pub(super) referrers: BTreeMap<usize, Vec<Descriptor>>,
    pub(super) foreign: Vec<Digest>,
    pub(super) received: u64,
}

/// What a worker knows. All of them share one.
pub(super) struct Worker<'a> {
    pub(super) store: &'a Store,
    pub(super) options: &'a Options,
    registries: &'a Registries,
    wanted: &'a [Wanted],
    events: &'a Events<'a>,
    queue: Queue,
    results: Mutex<Results>,
    /// Held while a large document is taken apart, so that hostile ones do not add up.
    large: Mutex<()>,
}

/// A document of more bytes is large.
const LARGE: u64 = 512 << 10;

impl<'a> Worker<'a> {
    pub(super) fn new(
        store: &'a Store,
        registries: &'a Registries,
        wanted: &'a [Wanted],
        options: &'a Options,
        events: &'a Events<'a>,
    ) -> Self {
        let queue = Queue::new(wanted.len());
        Self { store, options, registries, wanted, events, queue, results: Mutex::default(), large: Mutex::default() }
    }

    /// Works until nothing is left.
    pub(super) fn run(&self) {
        while let Some((job, _taken)) = self.queue.take(|| self.registries.stop().is_asked()) {
            let image = match &job {
                Job::Resolve(number) => *number,
                Job::Document { origin, .. } | Job::Blob { origin, .. } => origin.image,
            };
            match self.work(job) {
                Ok(()) => {}
                Err(Fault::Image(problem)) => self.queue.fail(image, problem),
                Err(Fault::All(error)) => self.queue.end(error),
            }
        }
    }

    pub(super) fn into_results(self) -> Result<(Results, BTreeMap<usize, Problem>), PullError> {
        let problems = self.queue.into_problems()?;
        Ok((self.results.into_inner().unwrap_or_else(PoisonError::into_inner), problems))
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts bytes of a document.
    pub(super) fn received(&self, bytes: u64) {
        self.results().received += bytes;
    }

    fn work(&self, job: Job) -> Result<(), Fault> {
        match job {
            Job::Resolve(number) => self.begin(number),
            Job::Document { descriptor, origin, depth } => self.enter(&descriptor, &origin, depth),
            Job::Blob { descriptor, origin } => self.fetch(&descriptor, &origin),
        }
    }

    fn begin(&self, number: usize) -> Result<(), Fault> {
        let wanted = &self.wanted[number];
        let reference = &wanted.reference;
        let referrers_of = self.options.referrers.then(|| format!("{}/{}", reference.host(), reference.repository()));
        let places = self.registries.places(reference)?;
        let origin = Arc::new(Origin { image: number, places, is_own: true, referrers_of });
        let image = self.resolve(wanted, &origin)?;
        (self.events)(Event::Resolved { reference: &wanted.reference, digest: &image.descriptor.digest });
        let job = job_of(&image.descriptor, origin, 0);
        self.results().images.insert(number, image);
        self.plan(job)
    }

    /// Brings a document and plans what it refers to.
    fn enter(&self, descriptor: &Descriptor, origin: &Arc<Origin>, depth: usize) -> Result<(), Fault> {
        if depth >= Limits::default().depth {
            return Err(Problem::Limit(format!("{} lies deeper than {depth} documents", descriptor.digest)).into());
        }
        let _one_at_a_time =
            (descriptor.size > LARGE).then(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
        match self.document(descriptor, &origin.places)? {
            Document::Index(index) => {
                for child in &index.manifests {
                    self.plan(job_of(child, Arc::clone(origin), depth + 1))?;
                }
            }
            Document::Manifest(manifest) => {
                let needed = |layer: &&Descriptor| !(origin.is_own && self.options.is_elsewhere(layer));
                for blob in std::iter::once(&manifest.config).chain(manifest.layers.iter().filter(needed)) {
                    self.plan(blob_of(blob, Arc::clone(origin)))?;
                }
            }
        }
        self.find_referrers(descriptor, origin, depth)
    }

    /// Plans what is new. It is told before a worker can take it: what starts was planned.
    fn plan(&self, job: Job) -> Result<(), Fault> {
        if !self.queue.admit(&job)? {
            return Ok(());
        }
        if let Job::Blob { descriptor, origin } = &job {
            let (digest, size) = (&descriptor.digest, descriptor.size);
            let name = self.wanted[origin.image].reference.to_string();
            (self.events)(Event::Blob(Transfer::Planned { digest, size, name: &name }));
        }
        self.queue.add(job);
        Ok(())
    }

    fn fetch(&self, blob: &Descriptor, origin: &Origin) -> Result<(), Fault> {
        let fetcher = Fetcher { store: self.store, events: self.events };
        match fetcher.blob(blob, &origin.places)? {
            Outcome::Present => {}
            Outcome::Fetched(bytes) => self.received(bytes),
            Outcome::Foreign => self.results().foreign.push(blob.digest.clone()),
        }
        Ok(())
    }

    /// Plans what refers to a document, as far as the first place knows that knows of any: a mirror may have the image alone.
    fn find_referrers(&self, descriptor: &Descriptor, origin: &Arc<Origin>, depth: usize) -> Result<(), Fault> {
        let Some(name) = origin.referrers_of.as_deref().filter(|_| depth < REFERRERS_DEPTH) else { return Ok(()) };
        let (mut problem, mut has_answered): (Option<RegistryError>, bool) = (None, false);
        for place in &origin.places {
            match referrers_at(place, &descriptor.digest, name) {
                Ok(found) if found.is_empty() => has_answered = true,
                Ok(found) => {
                    let beside = Arc::new(Origin { is_own: false, ..(**origin).clone() });
                    for referrer in found {
                        self.plan(job_of(&referrer, Arc::clone(&beside), depth + 1))?;
                        self.results().referrers.entry(origin.image).or_default().push(referrer);
                    }
                    return Ok(());
                }
                Err(error) if error.class() == Class::Final => return Err(error.into()),
                Err(error) => problem = Some(error),
            }
        }
        problem.filter(|_| !has_answered).map_or(Ok(()), |error| Err(error.into()))
    }
}

/// What a place knows that refers to a document: by reference, and by tags of the repository, which is called `name`.
fn referrers_at(place: &Place, digest: &Digest, name: &str) -> Result<Vec<Descriptor>, RegistryError> {
    let mut found = place.client.referrers(&place.repository, digest, None)?;
    for tag in attached::tags(digest) {
        if let Some(mut attached) = place.client.head_manifest(&place.repository, &tag)? {
            attached.annotations = [(REFERENCE_ANNOTATION.to_owned(), format!("{name}:{tag}"))].into();
            found.push(attached);
        }
    }
    Ok(found)
}
