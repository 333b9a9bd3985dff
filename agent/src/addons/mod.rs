//! `kfimg-agent addons`: applies the addons and the site's own objects in order, deletes what a newer generation dropped, and
//! records both in `kube-system/kfimg-cluster`.
//!
//! All control planes do this at every boot. The first one works, under a lock; the others find it done. What is applied is
//! rendered elsewhere and looked into only for its name.

mod api;
mod apply;
mod codes;
mod discovery;
mod gate;
mod inventory;
mod kubeconfig;
mod list;
mod lock;
mod nodes;
mod probe;
mod prune;
mod record;
mod stop;
mod tend;

use crate::failure::{Code, Failure};
use crate::plan::Plan;
use crate::program::Context;
use crate::step::StepLog;
use crate::texts;
use crate::wait::{Backoff, Deadline};
use api::Api;
use apply::Work;
use codes::OLDER;
use gate::Gate;
use list::{Item, ListFile};
use lock::{Lock, Watch};
use nodes::Labels;
use record::{Ours, Record, Standing};
use sha2::{Digest, Sha256};
use std::time::Duration;
use stop::Stop;
use tend::Left;

/// Codes of this step.
pub(crate) const CODES: &[Code] = codes::CODES;

/// Under which name the API server keeps the fields that we apply.
const FIELD_MANAGER: &str = "kfimg";
/// How long the lock, or an API server that comes and goes, is waited for.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Of many failures no more are told beside the first.
const MOST_TOLD: usize = 20;

/// All that is to be done, and with what.
struct Job<'a> {
    api: Api,
    files: Vec<ListFile>,
    items: Vec<Item>,
    ours: Ours<'a>,
    gate: Gate,
}

/// How the work ended.
enum End {
    /// Another generation is newer.
    Older(u64),
    /// It was all done before.
    Found,
    /// It was done here, but for what could not be.
    Applied {
        /// Why kube-proxy waits.
        gated: Option<String>,
        /// What could not be applied or deleted.
        failures: Vec<Failure>,
    },
}

impl<'a> Job<'a> {
    fn new(context: &'a Context, addons: &crate::plan::Addons) -> Result<Self, Failure> {
        let Context { root, plan } = context;
        let file = |name: &String| ListFile { name: name.clone(), path: root.at(name) };
        let files: Vec<ListFile> = addons.files.iter().map(file).collect();
        let (items, files_digest) = list::inspect(&files)?;
        let gate = Gate::new(&plan.cluster.kubernetes_version, &files, &items)?;
        let api = Api::open(&root.at(&addons.kubeconfig))?;
        let ours = Ours { plan, digest: digest(plan, &files_digest) };
        Ok(Self { api, files, items, ours, gate })
    }

    fn generation(&self) -> u64 {
        self.ours.plan.generation
    }
}

/// What must be the same on all control planes of a render, and is told apart from other renders'.
fn digest(plan: &Plan, files: &str) -> String {
    let plan = &plan.cluster;
    let text = format!("{files}\n{}\n{}\n", plan.kubernetes_version, plan.incarnation);
    data_encoding::HEXLOWER.encode(&Sha256::digest(text))
}

/// Runs the step.
pub(crate) fn run(context: &Context, log: &mut StepLog) -> Result<(), Failure> {
    let Some(addons) = &context.plan.addons else {
        log.done(&texts::addons::none());
        return Ok(());
    };
    let job = Job::new(context, addons)?;
    let (gated, failures, summary) = match main_work(&job, log)? {
        End::Older(generation) => {
            log.warn(&OLDER, &format!("the cluster has generation {generation}, this node {}", job.generation()));
            log.done(&texts::addons::older());
            return Ok(());
        }
        End::Found => (None, Vec::new(), texts::addons::found(job.items.len())),
        End::Applied { gated, failures } => (gated, failures, texts::addons::applied(job.items.len())),
    };
    let mut labels = Labels::new(&job.items);
    let refused = match labels.apply(&job.api, &job.files, &job.items) {
        Ok(refused) => refused,
        Err(Stop::Again(..)) => Vec::new(),
        Err(Stop::Failed(failure)) => vec![failure],
    };
    let mut failures = failures.into_iter().chain(refused);
    if let Some(first) = failures.next() {
        failures.take(MOST_TOLD).for_each(|failure| log.also(&failure));
        return Err(first);
    }
    tend::tend(&job, Left { gated, labels }, &summary, log)
}

/// Applies and prunes, or finds it done, or waits for the one that does it.
fn main_work(job: &Job<'_>, log: &mut StepLog) -> Result<End, Failure> {
    let deadline = Deadline::after(PATIENCE);
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(2));
    let mut watch = Watch::default();
    loop {
        job.api.wait_ready(log)?;
        let (code, reason) = match attempt(job, &mut watch, log) {
            Ok(end) => return Ok(end),
            Err(Stop::Failed(failure)) => return Err(failure),
            Err(Stop::Again(code, reason)) => (code, reason),
        };
        if deadline.over() {
            return Err(Failure::new(code, reason.to_string()));
        }
        log.waiting(&reason);
        backoff.pause(deadline);
    }
}

fn attempt(job: &Job<'_>, watch: &mut Watch, log: &mut StepLog) -> Result<End, Stop> {
    if let Some(end) = found(job)? {
        return Ok(end);
    }
    let mut lock = watch.lock(&job.api, &job.ours.plan.node.name)?;
    let end = locked(job, &mut lock, log);
    lock.release(&job.api);
    end
}

/// The end of the work where the record already shows it.
fn found(job: &Job<'_>) -> Result<Option<End>, Stop> {
    let record = Record::read(&job.api)?;
    match job.ours.standing(record.as_ref())? {
        Standing::Older(generation) => Ok(Some(End::Older(generation))),
        Standing::Applied { behind } => {
            if let Some(record) = record.filter(|_| behind) {
                Record::write(&job.api, &job.ours, Some(&record), true, &record.objects)?;
            }
            Ok(Some(End::Found))
        }
        Standing::Needed => Ok(None),
    }
}

/// Under the lock everything is read afresh: its last holder may have done the work.
fn locked(job: &Job<'_>, lock: &mut Lock, log: &mut StepLog) -> Result<End, Stop> {
    if let Some(end) = found(job)? {
        return Ok(end);
    }
    let record = Record::read(&job.api)?;
    let gated = job.gate.reason(&job.api, || lock.keep(&job.api))?;
    let objects = record.as_ref().map(|record| record.objects.clone()).unwrap_or_default();
    let mut work = Work::new(job, lock, objects, gated.is_some());
    work.survey()?;
    let record = Record::write(&job.api, &job.ours, record.as_ref(), false, &work.inventory)?;
    work.apply(log)?;
    let mut failures = work.failures();
    let all_applied = failures.is_empty() && gated.is_none();
    if all_applied {
        failures = work.prune(log)?;
    }
    let complete = all_applied && failures.is_empty();
    work.inventory.forget_unmade();
    Record::write(&job.api, &job.ours, Some(&record), complete, &work.inventory)?;
    Ok(End::Applied { gated, failures })
}
