//! What is left when the addons are applied and may take hours: Nodes that have not come yet, and kube-proxy while an upgrade
//! is under way. The step is done; its process stays for it, asks at most once a minute, and ends with it.
//!
//! This wait has no bound on purpose: a worker may be switched on next year.

use super::codes::OLDER;
use super::nodes::Labels;
use super::record::{Record, Standing};
use super::stop::Stop;
use super::{End, Job, main_work};
use crate::failure::Failure;
use crate::step::StepLog;
use crate::texts::{self, Text};
use crate::wait::Backoff;
use std::thread::sleep;
use std::time::Duration;

/// What is left.
pub(super) struct Left {
    /// Why kube-proxy waits.
    pub(super) gated: Option<String>,
    /// Nodes to label.
    pub(super) labels: Labels,
}

impl Left {
    fn is_nothing(&self) -> bool {
        self.gated.is_none() && self.labels.is_empty()
    }

    fn tell(&self, job: &Job<'_>, summary: &Text, log: &mut StepLog) {
        let summary =
            self.gated.as_ref().map_or_else(|| summary.clone(), |reason| texts::addons::gated(summary, reason));
        log.done(&match self.labels.is_empty() {
            true => summary,
            false => texts::addons::unlabelled(summary, self.labels.missing(&job.items)),
        });
    }
}

/// Tends to what is left until nothing is, or the cluster has newer addons.
pub(super) fn tend(job: &Job<'_>, mut left: Left, summary: &Text, log: &mut StepLog) -> Result<(), Failure> {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    loop {
        left.tell(job, summary, log);
        if left.is_nothing() {
            return Ok(());
        }
        sleep(backoff.next());
        match look_after(job, &mut left, log) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // The API server is away; it comes back or somebody else's step tells.
            Err(Stop::Again(..)) => {}
            Err(Stop::Failed(failure)) => return Err(failure),
        }
    }
}

/// One look; whether another may be needed.
fn look_after(job: &Job<'_>, left: &mut Left, log: &mut StepLog) -> Result<bool, Stop> {
    match job.ours.standing(Record::read(&job.api)?.as_ref())? {
        Standing::Older(generation) => {
            log.warn(&OLDER, &format!("the cluster has generation {generation}, this node {}", job.generation()));
            return Ok(false);
        }
        // Another control plane did it.
        Standing::Applied { .. } => left.gated = None,
        Standing::Needed => {}
    }
    if left.gated.is_some() {
        left.gated = job.gate.reason(&job.api, || Ok(()))?;
        if left.gated.is_none()
            && let End::Applied { gated, failures } = main_work(job, log)?
        {
            left.gated = gated;
            failures.into_iter().next().map_or(Ok(()), Err)?;
        }
    }
    for failure in left.labels.apply(&job.api, &job.files, &job.items)? {
        log.also(&failure);
    }
    Ok(true)
}
