//! Imports images, a few at a time: while containerd unpacks one, the next is read.
//!
//! Each image is an import of its own, so that a damaged one harms no other.

use super::Wanted;
use super::containerd::{Containerd, Stock};
use super::layout::{Descriptor, Image, Layout};
use super::stream::{self, StreamError};
use crate::step::{StepLog, tell};
use crate::texts;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Most imports at a time; more of them only compete for the disk.
const WORKERS: usize = 3;
/// Time between two lines of progress, and between two looks at it.
const TOLD: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);
/// Bytes of the client's complaints that are kept.
const COMPLAINT_LIMIT: u64 = 64 << 10;

/// How an image fared.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// It is in containerd now.
    pub(super) imported: bool,
    /// Copies that are damaged.
    pub(super) damaged: Vec<String>,
    /// Why containerd did not take it.
    pub(super) refused: Option<String>,
}

/// An import that failed.
enum ImportError {
    Damaged(String),
    Refused(String),
}

/// The work, and how far it is.
pub(super) struct Import<'a> {
    containerd: &'a Containerd,
    /// Blobs that need not be sent.
    known: Mutex<BTreeSet<String>>,
    sent: AtomicU64,
    finished: AtomicUsize,
    next: AtomicUsize,
}

impl<'a> Import<'a> {
    /// Nothing is done yet.
    pub(super) fn new(containerd: &'a Containerd, stock: &Stock) -> Self {
        let (sent, finished, next) = (AtomicU64::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        Self { containerd, known: Mutex::new(stock.blobs.clone()), sent, finished, next }
    }

    /// Imports all of them, the first ones first; an outcome for each.
    pub(super) fn all(&self, images: &[&Wanted], log: &mut StepLog) -> Vec<Outcome> {
        let outcomes: Vec<Mutex<Outcome>> = images.iter().map(|_| Mutex::default()).collect();
        let workers = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, WORKERS);
        scope(|scope| {
            for _ in 0..workers.min(images.len()) {
                scope.spawn(|| self.work(images, &outcomes));
            }
            self.watch(images, log);
        });
        outcomes.into_iter().map(|outcome| outcome.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    fn work(&self, images: &[&Wanted], outcomes: &[Mutex<Outcome>]) {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let (Some(wanted), Some(outcome)) = (images.get(at), outcomes.get(at)) else { return };
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = self.image(wanted);
            self.finished.fetch_add(1, Ordering::Release);
        }
    }

    fn watch(&self, images: &[&Wanted], log: &mut StepLog) {
        let mut told: Option<Instant> = None;
        loop {
            let finished = self.finished.load(Ordering::Acquire);
            if finished >= images.len() {
                return;
            }
            if told.is_none_or(|told| told.elapsed() >= TOLD) {
                let mebibytes = self.sent.load(Ordering::Relaxed) >> 20;
                log.running(&texts::images::importing(images.len(), finished, mebibytes));
                told = Some(Instant::now());
            }
            sleep(LOOK);
        }
    }

    /// From the first bundle whose copy is good.
    fn image(&self, wanted: &Wanted) -> Outcome {
        let mut outcome = Outcome::default();
        for (layout, image) in &wanted.sources {
            match self.twice(layout, image, &wanted.reference) {
                Ok(()) => {
                    outcome.imported = true;
                    outcome.refused = None;
                    break;
                }
                Err(ImportError::Damaged(reason)) => outcome.damaged.push(reason),
                Err(ImportError::Refused(reason)) => outcome.refused = Some(reason),
            }
        }
        outcome
    }

    /// What containerd has already is not sent, unless it refuses what is sent then: blobs of an import that was cut
    /// short may be collected as garbage while the next one counts on them.
    fn twice(&self, layout: &Layout, image: &Image, reference: &str) -> Result<(), ImportError> {
        let names = super::names(reference, &image.target.digest.to_string());
        let missing: Vec<Descriptor> = image.blobs.iter().filter(|blob| !self.has(blob)).cloned().collect();
        let first = self.once(layout, image, &names, &missing);
        match first {
            Err(ImportError::Refused(_)) => self.once(layout, image, &names, &image.blobs),
            other => other,
        }
    }

    /// A blob that has lost its content is forgotten, because containerd would not take it again.
    fn has(&self, blob: &Descriptor) -> bool {
        let digest = blob.digest.to_string();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest);
        if !known || self.containerd.is_whole(blob) {
            return known;
        }
        if let Err(error) = self.containerd.remove_blob(&blob.digest) {
            tell(format_args!("images: {digest} is damaged in containerd and can't be removed: {error}"));
        }
        false
    }

    fn once(&self, layout: &Layout, image: &Image, names: &[String], blobs: &[Descriptor]) -> Result<(), ImportError> {
        let refused = |error: std::io::Error| ImportError::Refused(format!("can't run ctr: {error}"));
        let mut child = self.containerd.import().map_err(refused)?;
        let complaint = child.stderr.take().map(|pipe| std::thread::spawn(move || read(pipe)));
        let sent = match child.stdin.take() {
            Some(mut pipe) => stream::write(layout, &image.target, names, blobs, &mut pipe, &self.sent),
            None => Ok(()),
        };
        let taken = child.wait().is_ok_and(|status| status.success());
        let complaint = complaint.and_then(|thread| thread.join().ok()).unwrap_or_default();
        match sent {
            Err(StreamError::Layout(error)) => Err(ImportError::Damaged(error.to_string())),
            Ok(()) if taken => {
                let digests = image.blobs.iter().map(|blob| blob.digest.to_string());
                self.known.lock().unwrap_or_else(PoisonError::into_inner).extend(digests);
                Ok(())
            }
            _ => Err(ImportError::Refused(complaint)),
        }
    }
}

/// The last line of what the client says is its reason.
fn read(pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = pipe.take(COMPLAINT_LIMIT).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    text.trim().lines().last().unwrap_or("ctr did not say why").to_owned()
}
