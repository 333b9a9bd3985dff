//! Applying all objects in order, under the lock: in rounds, so that one that has to wait holds up no other.
//!
//! Nodes are not applied here (see `nodes`), and nothing is deleted (see `prune`).

use super::api::{Trouble, Want};
use super::codes::{API, PENDING, REFUSED};
use super::discovery::Discovery;
use super::inventory::Inventory;
use super::list::{Head, compact};
use super::lock::Lock;
use super::probe::{Found, look};
use super::stop::Stop;
use super::{FIELD_MANAGER, Job, gate};
use crate::failure::Failure;
use crate::step::StepLog;
use crate::texts;
use crate::wait::{Backoff, Deadline};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::thread::sleep;
use std::time::Duration;
use ureq::http::Method;

/// How long objects are tried again before the step fails; it starts again then.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long new kinds are waited for before the objects after them are tried. An API server needs a fraction of it.
const ESTABLISHING: Duration = Duration::from_secs(10);

/// The work of one control plane while it holds the lock.
pub(super) struct Work<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) lock: &'a mut Lock,
    pub(super) discovery: Discovery,
    /// What kfimg made, as far as it is known by now.
    pub(super) inventory: Inventory,
    states: Vec<State>,
    /// Definitions that were applied and not seen established.
    definitions: Vec<usize>,
}

/// How an object stands.
#[derive(Clone, Debug)]
enum State {
    /// Not applied, for this reason.
    Waiting(String),
    Applied,
    Refused(String),
    /// It is for others to apply, or for later.
    Left,
}

#[derive(Deserialize)]
struct Definition {
    #[serde(default)]
    status: DefinitionStatus,
}

#[derive(Default, Deserialize)]
struct DefinitionStatus {
    /// New definitions have `null`.
    #[serde(default)]
    conditions: Option<Vec<Condition>>,
}

#[derive(Deserialize)]
struct Condition {
    r#type: String,
    status: String,
    #[serde(default)]
    message: String,
}

impl<'a> Work<'a> {
    /// With what the record lists. `gated`: kube-proxy is left for later.
    pub(super) fn new(job: &'a Job<'a>, lock: &'a mut Lock, inventory: Inventory, gated: bool) -> Self {
        let state = |head: &Head| match head.is_node() || gated && gate::concerns(head) {
            true => State::Left,
            false => State::Waiting("it was not tried yet".to_owned()),
        };
        let states = job.items.iter().map(|item| state(&item.head)).collect();
        Self { job, lock, discovery: Discovery::default(), inventory, states, definitions: Vec::new() }
    }

    /// Looks which objects are there and whose they are; see `probe`.
    pub(super) fn survey(&mut self) -> Result<(), Stop> {
        for (item, state) in self.job.items.iter().zip(&self.states) {
            let listed = self.inventory.get(&item.head);
            if matches!(state, State::Left) || listed.is_some_and(|entry| entry.uid.is_some()) {
                continue;
            }
            self.lock.keep(&self.job.api)?;
            match look(&self.job.api, &mut self.discovery, &item.head) {
                Ok(None) => self.inventory.put(&item.head, None),
                Ok(Some(found)) if listed.is_some() && found.may_be_ours() => {
                    self.inventory.put(&item.head, Some(found.metadata.uid));
                }
                Ok(Some(_)) => self.inventory.remove(&item.head),
                Err(trouble @ Trouble::Silent(_)) => return Err(trouble.stop("looking which objects are there")),
                // Nobody can tell; applying it says more.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Applies all, again and again while any waits and there is patience.
    pub(super) fn apply(&mut self, log: &mut StepLog) -> Result<(), Stop> {
        let patience = Deadline::after(PATIENCE);
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        log.running(&texts::addons::applying(self.job.items.len()));
        loop {
            self.round()?;
            let Some((head, reason)) = self.waiting().next() else { return Ok(()) };
            if patience.over() {
                return Ok(());
            }
            let (count, all) = (self.waiting().count(), self.job.items.len());
            log.waiting(&texts::addons::pending(count, all, head, reason));
            backoff.pause(patience);
        }
    }

    /// What could not be applied.
    pub(super) fn failures(&self) -> Vec<Failure> {
        let heads = self.job.items.iter().map(|item| &item.head);
        let refused = heads.zip(&self.states).filter_map(|(head, state)| match state {
            State::Refused(reason) => Some(Failure::new(&REFUSED, format!("{head}: {reason}"))),
            _ => None,
        });
        let pending = self.waiting().map(|(head, reason)| Failure::new(&PENDING, format!("{head}: {reason}")));
        refused.chain(pending).collect()
    }

    fn waiting(&self) -> impl Iterator<Item = (&Head, &str)> {
        let heads = self.job.items.iter().map(|item| &item.head);
        heads.zip(&self.states).filter_map(|(head, state)| match state {
            State::Waiting(reason) => Some((head, reason.as_str())),
            _ => None,
        })
    }

    /// Tries each that waits once.
    fn round(&mut self) -> Result<(), Stop> {
        let job = self.job;
        for (number, file) in job.files.iter().enumerate() {
            let first = job.items.partition_point(|item| item.file < number);
            let last = job.items.partition_point(|item| item.file <= number);
            if !self.states[first..last].iter().any(|state| matches!(state, State::Waiting(_))) {
                continue;
            }
            file.each(&mut |position, object| self.one(first + position, object))?;
        }
        self.await_definitions()
    }

    fn one(&mut self, index: usize, object: &RawValue) -> Result<(), Stop> {
        let head = &self.job.items[index].head;
        if !matches!(self.states[index], State::Waiting(_)) {
            return Ok(());
        }
        if !head.defines_others() {
            self.await_definitions()?;
        }
        self.lock.keep(&self.job.api)?;
        self.states[index] = match self.send(head, object) {
            Ok(true) => State::Waiting("the one that is there is being deleted".to_owned()),
            Ok(false) if head.is_definition() => {
                self.definitions.push(index);
                State::Waiting("its kind is not established".to_owned())
            }
            Ok(false) => State::Applied,
            Err(Trouble::Refused(reason)) => State::Refused(reason),
            Err(Trouble::Passing(reason, pause)) => {
                sleep(pause);
                State::Waiting(reason)
            }
            // A slow webhook holds up its own object alone.
            Err(Trouble::Silent(reason)) if self.job.api.is_ready() => State::Waiting(reason),
            Err(Trouble::Silent(reason)) => return Err(Stop::Again(&API, texts::addons::again(reason))),
        };
        Ok(())
    }

    /// Sends one, and notes it when it is ours; whether it is being deleted.
    fn send(&mut self, head: &Head, object: &RawValue) -> Result<bool, Trouble> {
        let Some(path) = self.discovery.path(&self.job.api, head)? else {
            let Head { api_version, kind, .. } = head;
            return Err(Trouble::Passing(format!("there is no kind {kind} in {api_version}"), Duration::ZERO));
        };
        let path = format!("{path}?fieldManager={FIELD_MANAGER}&force=true");
        let content = ("application/apply-patch+yaml", compact(object));
        let sent = self.job.api.send::<Found>(Method::PATCH, &path, content, Want::Metadata);
        let (status, found) = sent.map_err(|error| Trouble::of(&error, head.is_secret()))?;
        let (uid, created) = (found.metadata.uid, status == 201);
        let listed = self.inventory.get(head).map(|entry| entry.uid.as_deref().is_none_or(|known| known == uid));
        if created || listed == Some(true) {
            self.inventory.put(head, Some(uid));
        } else {
            self.inventory.remove(head);
        }
        Ok(found.metadata.deletion_timestamp.is_some())
    }

    /// Waits until new kinds are served, for a moment: objects of theirs come next.
    fn await_definitions(&mut self) -> Result<(), Stop> {
        let deadline = Deadline::after(ESTABLISHING);
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        for index in std::mem::take(&mut self.definitions) {
            loop {
                self.lock.keep(&self.job.api)?;
                self.states[index] = self.definition(index)?;
                if !matches!(self.states[index], State::Waiting(_)) || deadline.over() {
                    break;
                }
                backoff.pause(deadline);
            }
        }
        Ok(())
    }

    fn definition(&mut self, index: usize) -> Result<State, Stop> {
        let (api, head) = (&self.job.api, &self.job.items[index].head);
        let stop = |trouble: &Trouble| trouble.stop("looking whether a kind is established");
        let path = self.discovery.path(api, head).map_err(|trouble| stop(&trouble))?.unwrap_or_default();
        let found = api.find::<Definition>(&path, Want::All).map_err(|error| stop(&Trouble::of(&error, false)))?;
        let conditions = found.and_then(|definition| definition.status.conditions).unwrap_or_default();
        if conditions.iter().any(|condition| condition.r#type == "Established" && condition.status == "True") {
            return Ok(State::Applied);
        }
        let reason = conditions.into_iter().find(|condition| condition.status == "False");
        let reason = reason.map(|condition| format!(": {}", condition.message)).unwrap_or_default();
        Ok(State::Waiting(format!("its kind is not established{reason}")))
    }
}
