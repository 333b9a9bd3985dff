//! Brings a bundle into one registry: what is there is skipped, what another repository has is mounted, the rest is uploaded.
//!
//! First it is asked what is there, from the images downwards; nothing is written before that. Then children are put before
//! parents, and the tag that makes an image visible last; in the end the registry is asked whether it has what was put. A push
//! that was cut is run again, and goes on where it ended.
//!
//! Where images lie is [`Prefix`]'s; a delta is made in [`crate::receipt`]. The bundle is trusted as little as the registry: its
//! documents are verified while they are read, and its blobs by the registry.

mod blob;
mod error;
mod events;
mod graph;
mod health;
mod prefix;
mod queue;
mod referrers;
mod roots;
mod survey;
mod worker;

pub use error::{Absent, Failure, Problem, PushError};
pub use events::{Event, Events};
pub use prefix::{Prefix, PrefixError};

use crate::content::Content;
use crate::digest::Digest;
use crate::registry::Client;
use crate::stop::Stop;
use graph::Graph;
use health::Health;
use roots::{Placed, Root};
use survey::Survey;
use worker::Worker;

/// Workers unless told otherwise: enough to keep a network busy, few enough for 64 MiB.
const WORKERS: usize = 6;
/// Most workers.
const MOST_WORKERS: usize = 32;

/// How to push.
#[derive(Clone, Debug)]
pub struct Options {
    /// Below which path of the registry.
    pub prefix: Prefix,
    /// Transfers at a time, at most 32.
    pub workers: usize,
    /// Ask for every blob, also below images that are there: finds what the registry lost, and brings it.
    pub thorough: bool,
    /// Ends the push early. It should be the client's own.
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Self {
        Self { prefix: Prefix::default(), workers: WORKERS, thorough: false, stop: Stop::new() }
    }
}

/// What a push did.
#[derive(Clone, Debug, Default)]
pub struct Pushed {
    /// The images and artifacts, in the order of `index.json`; all of them are in the registry.
    pub images: Vec<PushedImage>,
    /// Content without a name that refers to nothing in the bundle, so that it has no place in a registry.
    pub unplaced: Vec<Digest>,
    /// Blobs that were uploaded.
    pub uploaded: u64,
    /// Blobs that were mounted from another repository.
    pub mounted: u64,
    /// Bytes of blobs and documents that were sent.
    pub sent: u64,
}

/// One image or artifact in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedImage {
    /// As the bundle names it: a reference; for what refers to another image, its digest.
    pub name: String,
    /// Where it lies on the registry.
    pub repository: String,
    /// Its tag there.
    pub tag: Option<String>,
    /// Its digest.
    pub digest: Digest,
    /// Whether it was there already.
    pub was_there: bool,
}

/// Pushes all that a bundle's `index.json` lists.
///
/// # Errors
/// [`PushError::Base`] for a delta whose base the registry does not have: nothing was written then. [`PushError::Incomplete`] names
/// every image that could not be pushed, after all others are. [`PushError::Registry`] when the registry fails again and again,
/// [`PushError::Stopped`]; both end the push early.
pub fn push(content: &Content, client: &Client, options: &Options, events: &Events<'_>) -> Result<Pushed, PushError> {
    let health = Health::new(options.stop.clone());
    let Placed { roots, mut failures, unplaced } = roots::place(content, &options.prefix);
    let workers = options.workers.clamp(1, MOST_WORKERS);
    let mut survey = Survey::new(content, client, &health, workers, options.thorough, events);
    survey.ask(&roots);
    health.check()?;
    survey.check_base(&roots)?;
    health.check()?;
    let survey::Found { graph, states, listings } = survey.into_found();
    let worker = Worker::new(content, client, &health, events, graph, listings);
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(|| worker.run());
        }
        worker.run();
    });
    health.check()?;
    let mut done = worker.into_done();
    done.verify(content, client, &health, workers);
    failures.extend(referrers::list(client, &health, &done.listings));
    health.check()?;
    let mut pushed =
        Pushed { unplaced, uploaded: done.uploaded, mounted: done.mounted, sent: done.sent, ..Pushed::default() };
    for (root, state) in roots.iter().zip(states) {
        match state.and_then(|state| outcome(&done.graph, state)) {
            Ok(was_there) => {
                events(Event::Pushed { name: &root.name, digest: &root.descriptor.digest });
                pushed.images.push(image(root, was_there));
            }
            Err(problem) => failures.push(Failure { name: root.name.clone(), problem }),
        }
    }
    if failures.is_empty() { Ok(pushed) } else { Err(PushError::Incomplete(failures)) }
}

/// Whether an image was there already; or why it is not there now.
fn outcome(graph: &Graph, state: survey::State) -> Result<bool, Problem> {
    match state {
        survey::State::Complete => Ok(true),
        survey::State::Ends { nodes, was_there } => {
            let problem = nodes.iter().find_map(|node| graph.problem(*node).cloned());
            problem.map_or(Ok(was_there), Err)
        }
    }
}

fn image(root: &Root, was_there: bool) -> PushedImage {
    PushedImage {
        name: root.name.clone(),
        repository: root.repository.to_string(),
        tag: root.tag.clone(),
        digest: root.descriptor.digest.clone(),
        was_there,
    }
}
