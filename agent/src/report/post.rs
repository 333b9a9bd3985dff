//! Posts boot reports to the plan's URL, where a site wants them. Nothing depends on whether they arrive.
//!
//! Only the newest report is kept while one is under way.

use crate::http;
use crate::root::Root;
use crate::step;
use crate::wait::Backoff;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// Least time between two posts, and the most that is added to it while they fail.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(120);
/// Bound of one post.
const TIME: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Waiting {
    report: Mutex<Option<Vec<u8>>>,
    changed: Condvar,
}

/// Posts in a thread of its own.
pub(super) struct Poster {
    waiting: Arc<Waiting>,
}

impl Poster {
    /// Begins.
    pub(super) fn start(root: &Root, url: String) -> Self {
        let waiting: Arc<Waiting> = Arc::default();
        let (queue, root) = (Arc::clone(&waiting), root.clone());
        spawn(move || serve(&root, &url, &queue));
        Self { waiting }
    }

    /// Takes the place of a report that has not been sent yet.
    pub(super) fn post(&self, report: Vec<u8>) {
        *self.waiting.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        self.waiting.changed.notify_one();
    }
}

fn serve(root: &Root, url: &str, waiting: &Waiting) {
    let mut arrived = None;
    let mut backoff = Backoff::new(Duration::from_secs(1), LONGEST);
    loop {
        let mut report = next(waiting);
        backoff.reset();
        loop {
            let sent =
                http::anonymous(root, TIME).post(url).header("Content-Type", "application/json").send(&report[..]);
            tell(url, sent.as_ref().err(), &mut arrived);
            if sent.is_ok() {
                break;
            }
            sleep(PAUSE + backoff.next());
            if let Some(newer) = waiting.report.lock().unwrap_or_else(PoisonError::into_inner).take() {
                report = newer;
            }
        }
        sleep(PAUSE);
    }
}

fn next(waiting: &Waiting) -> Vec<u8> {
    let mut report = waiting.report.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(report) = report.take() {
            return report;
        }
        report = waiting.changed.wait(report).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Once when it fails, and once when it works again. What stands behind a `?` may be a secret of the site.
fn tell(url: &str, error: Option<&ureq::Error>, arrived: &mut Option<bool>) {
    let url = url.split('?').next().unwrap_or_default();
    match (error, *arrived) {
        (Some(error), None | Some(true)) => step::tell(format_args!("report: {url} does not take reports: {error}")),
        (None, Some(false)) => step::tell(format_args!("report: {url} takes reports again")),
        _ => {}
    }
    *arrived = Some(error.is_none());
}
