//! The work of one pull: what is to be done next, what was begun already, and when all is done.
//!
//! How a job is done is not known here.

use super::error::{Problem, PullError};
use crate::digest::Digest;
use crate::layout::{Descriptor, Kind};
use crate::registry::Place;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most documents and blobs of one pull: as many as a bundle may have.
const MOST: usize = 100_000;
/// How often an idle worker looks whether somebody asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// One piece of work.
#[derive(Debug)]
pub(super) enum Job {
    /// Find out what the wanted image of this number is.
    Resolve(usize),
    /// Bring an index or manifest, and plan what it refers to.
    Document { descriptor: Descriptor, origin: Arc<Origin>, depth: usize },
    /// Bring bytes.
    Blob { descriptor: Descriptor, origin: Arc<Origin> },
}

/// For which image something is wanted, and where it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) image: usize,
    pub(super) places: Vec<Place>,
    /// Whether it is a part of the image, and not of what refers to it.
    pub(super) is_own: bool,
    /// The repository that is asked what refers to the documents. Each repository has referrers of its own.
    pub(super) referrers_of: Option<String>,
}

impl Job {
    /// Documents first, since they bring work; then large blobs, so that no worker ends long after the others.
    fn rank(&self) -> (u8, u64) {
        match self {
            Self::Resolve(number) => (1, u64::MAX - *number as u64),
            Self::Document { .. } => (2, 0),
            Self::Blob { descriptor, .. } => (0, descriptor.size),
        }
    }
}

impl PartialEq for Job {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Job {}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Job {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// As what content is wanted: the same bytes may be wanted as several.
#[derive(PartialEq, Eq, Hash)]
enum Role {
    /// Taken apart; once more for each repository that is asked for referrers.
    Document {
        referrers_of: Option<String>,
    },
    Blob,
}

#[derive(Default)]
struct State {
    jobs: BinaryHeap<Job>,
    working: usize,
    /// Sizes of all that was planned.
    sizes: HashMap<Digest, u64>,
    /// What was planned.
    planned: HashSet<(Digest, Role)>,
    /// The first problem of each image.
    problems: BTreeMap<usize, Problem>,
    end: Option<PullError>,
}

/// Work that is shared by all workers.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    /// One job for each of so many wanted images.
    pub(super) fn new(images: usize) -> Self {
        let state = State { jobs: (0..images).map(Job::Resolve).collect(), ..State::default() };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; waits while others may bring one. `None`: all is done, or the end is near.
    pub(super) fn take(&self, stopped: impl Fn() -> bool) -> Option<(Job, Taken<'_>)> {
        let mut state = self.state();
        loop {
            if stopped() && state.end.is_none() {
                state.end = Some(PullError::Stopped);
            }
            if state.end.is_some() {
                return None;
            }
            if let Some(job) = state.jobs.pop() {
                state.working += 1;
                return Some((job, Taken(self)));
            }
            if state.working == 0 {
                return None;
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether a document or a blob is new: then it counts as planned, and whoever asked adds its job.
    pub(super) fn admit(&self, job: &Job) -> Result<bool, Problem> {
        let (descriptor, role) = match job {
            Job::Resolve(_) => return Ok(false),
            Job::Document { descriptor, origin, .. } => {
                (descriptor, Role::Document { referrers_of: origin.referrers_of.clone() })
            }
            Job::Blob { descriptor, .. } => (descriptor, Role::Blob),
        };
        let mut state = self.state();
        let (digest, second) = (&descriptor.digest, descriptor.size);
        let first = *state.sizes.entry(digest.clone()).or_insert(second);
        if first != second {
            return Err(Problem::Sizes { digest: digest.clone(), first, second });
        }
        if !state.planned.insert((digest.clone(), role)) {
            return Ok(false);
        }
        if state.planned.len() > MOST {
            return Err(Problem::Limit(format!("the images have more than {MOST} parts; pull fewer at once")));
        }
        Ok(true)
    }

    /// Lets a worker take a job.
    pub(super) fn add(&self, job: Job) {
        self.state().jobs.push(job);
        self.changed.notify_one();
    }

    /// Keeps the first problem of an image.
    pub(super) fn fail(&self, image: usize, problem: Problem) {
        self.state().problems.entry(image).or_insert(problem);
    }

    /// Ends the whole pull.
    pub(super) fn end(&self, error: PullError) {
        let mut state = self.state();
        state.end.get_or_insert(error);
        drop(state);
        self.changed.notify_all();
    }

    /// The problems by image, when all workers are gone; or what ended the pull.
    pub(super) fn into_problems(self) -> Result<BTreeMap<usize, Problem>, PullError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.end.map_or(Ok(state.problems), Err)
    }
}

/// A job that is being done. Dropped, it is done: also by a panic, so that nobody waits for it.
pub(super) struct Taken<'a>(&'a Queue);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.state().working -= 1;
        self.0.changed.notify_all();
    }
}

/// The job that brings bytes.
pub(super) fn blob_of(descriptor: &Descriptor, origin: Arc<Origin>) -> Job {
    Job::Blob { descriptor: descriptor.bare(), origin }
}

/// The job that brings what a descriptor in an index stands for. It keeps no notes: all of them wait in the queue. Schema 1 counts as a document, so that reading it names it.
pub(super) fn job_of(descriptor: &Descriptor, origin: Arc<Origin>, depth: usize) -> Job {
    match descriptor.kind() {
        Kind::Index | Kind::Manifest | Kind::Schema1 => Job::Document { descriptor: descriptor.bare(), origin, depth },
        Kind::Other => blob_of(descriptor, origin),
    }
}

#[cfg(test)]
mod tests {
    use super::{Job, Origin, job_of};
    use crate::hasher::sha256;
    use crate::layout::Descriptor;
    use crate::layout::media_type::OCI_MANIFEST;
    use std::sync::Arc;

    #[test]
    fn what_waits_has_no_notes_of_strangers() {
        let origin = Arc::new(Origin { image: 0, places: Vec::new(), is_own: true, referrers_of: None });
        for media_type in [OCI_MANIFEST, "application/vnd.example.layer"] {
            let mut descriptor = Descriptor::new(media_type, sha256(b"x"), 1);
            let wanted = descriptor.clone();
            descriptor.urls.push("https://example.local/".to_owned());
            descriptor.annotations.insert("note".to_owned(), "x".repeat(1000));
            let job = job_of(&descriptor, Arc::clone(&origin), 0);
            let (Job::Document { descriptor, .. } | Job::Blob { descriptor, .. }) = job else { panic!("{job:?}") };
            assert_eq!(descriptor, wanted);
        }
    }
}
