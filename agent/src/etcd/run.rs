//! The loop: answer first, then ask, decide, act, tell, and pause, for as long as the machine runs.
//!
//! The decision is `guard::decide`'s; what it takes to carry it out is in `effects`, how long etcd is waited for in `watch`.

use super::codes::GUARD_PORT;
use super::effects::{EffectError, STOP, carry_out};
use super::eviction::Evictions;
use super::manifest::{install_api, remove_api};
use super::member::Member;
use super::round::{Questions, Round};
use super::serve::Endpoint;
use super::wakeup::Wakeup;
use super::watch::{LONGEST_PAUSE, Watch};
use super::{messages, twin};
use crate::failure::{Failure, INTERNAL};
use crate::guard::{Action, Effect, Etcd, WaitCode, decide};
use crate::http::Identity;
use crate::notify;
use crate::step::StepLog;
use crate::texts::{self, Text};
use crate::wait::{Backoff, Deadline, jittered};
use std::sync::Arc;
use std::time::Duration;

/// First pause between rounds while something is awaited.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Pause between rounds of a member that has joined.
const JOINED_PAUSE: Duration = Duration::from_secs(8);
/// Pause before a snapshot is read again that could not be restored: it may be gigabytes.
const RESTORE_PAUSE: Duration = Duration::from_secs(30);
/// So long the network may take to give this member its address; then systemd starts the step again, and a person reads why.
const LISTEN: Duration = Duration::from_secs(60);

/// The loop's memory from one round to the next. Nothing of it enters a decision.
struct Loop<'a> {
    member: &'a Member,
    questions: Questions,
    log: &'a mut StepLog,
    wakeup: Arc<Wakeup>,
    backoff: Backoff,
    watch: Watch,
    evictions: Evictions,
    /// Whether the last effects were refused.
    refused: bool,
    /// Whether the API server's manifest is there.
    api_server: bool,
    /// The row that decided last.
    row: &'static str,
}

/// Runs until the program is ended.
///
/// # Errors
/// [`GUARD_PORT`] when others can't ask this member; the certificates can't be used.
pub(crate) fn run(member: &Member, log: &mut StepLog) -> Result<(), Failure> {
    let identity = member.identity()?;
    let questions = Questions::new(member, &identity).map_err(Failure::internal)?;
    let wakeup = Arc::new(Wakeup::default());
    listen(member, &identity, &wakeup, Deadline::after(LISTEN), log)?;
    notify::ready();
    log.running(&texts::etcd::asking());
    let mut state = Loop {
        member,
        questions,
        log,
        wakeup,
        backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
        watch: Watch::new(),
        evictions: Evictions::default(),
        refused: false,
        api_server: false,
        row: "",
    };
    loop {
        state.turn();
    }
}

/// Answers others from now on.
fn listen(
    member: &Member,
    identity: &Identity,
    wakeup: &Arc<Wakeup>,
    deadline: Deadline,
    log: &mut StepLog,
) -> Result<(), Failure> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    while let Err(error) = Endpoint::start(member, identity, Arc::clone(wakeup)) {
        if deadline.over() {
            return Err(Failure::new(&GUARD_PORT, error.to_string()));
        }
        log.waiting(&texts::etcd::listening(error));
        backoff.pause(deadline);
    }
    Ok(())
}

impl Loop<'_> {
    /// One round, and what follows from it.
    fn turn(&mut self) {
        let round = self.questions.ask(self.member);
        let decision = decide(&round.view);
        if self.row != decision.row {
            self.row = decision.row;
            self.backoff.reset();
        }
        self.serve_api(&round);
        twin::warn(self.member, &round.view, self.log);
        if let Action::Run(effects) = &decision.action {
            return self.act(effects, &round);
        }
        match self.watch.verdict(&self.member.manifest, &round) {
            Some(why) => self.stop_etcd(&why),
            None => self.rest(&decision.action, &round),
        }
    }

    /// There is nothing to do but to wait.
    fn rest(&mut self, action: &Action, round: &Round) {
        self.refused = false;
        messages::show(self.log, self.member, action, &round.view, self.watch.has_started());
        let joined = *action == Action::Wait(WaitCode::Joined, Vec::new());
        let pause = match round.local.as_ref().filter(|_| joined) {
            Some(local) => {
                self.evictions.look(self.member, &self.questions, local, &round.view, self.log);
                jittered(JOINED_PAUSE)
            }
            None => {
                let starts = matches!(action, Action::Wait(WaitCode::EtcdStarts, _));
                let longest = if starts { self.watch.starting_pause() } else { LONGEST_PAUSE };
                self.backoff.next().min(longest)
            }
        };
        self.wakeup.wait(pause);
    }

    fn act(&mut self, effects: &[Effect], round: &Round) {
        // Small steps of founding would only flicker, and what is tried again is still the same.
        if let Some(text) = messages::doing(effects).filter(|_| !self.refused) {
            self.log.running(&text);
        }
        let result = carry_out(effects, self.member, &self.questions, round);
        self.refused = result.is_err();
        match result {
            Ok(()) => self.moved(effects),
            Err(error) => {
                messages::refused(self.log, effects, &error);
                let restore = matches!(error, EffectError::Restore(_));
                let pause = if restore { jittered(RESTORE_PAUSE) } else { self.backoff.next() };
                self.wakeup.wait(pause);
            }
        }
    }

    fn moved(&mut self, effects: &[Effect]) {
        self.backoff.reset();
        if effects.iter().any(|effect| matches!(effect, Effect::Start(_) | Effect::StopEtcd)) {
            self.watch.begin_anew();
        }
        if effects.contains(&Effect::StopEtcd) {
            self.stop_api();
        }
    }

    fn stop_etcd(&mut self, why: &Text) {
        self.log.running(why);
        match self.member.manifest.stop_and_wait(STOP) {
            Ok(()) => self.moved(&[Effect::StopEtcd]),
            Err(error) => self.log.waiting(&texts::etcd::running_on(error)),
        }
    }

    /// Without etcd it would only fail, and would come back minutes after etcd.
    fn stop_api(&mut self) {
        self.api_server = false;
        if let Err(error) = remove_api(&self.member.root, &self.member.plan) {
            self.log.warn(&INTERNAL, &format!("removing the API server: {error}"));
        }
    }

    /// Once the local member votes, and not before: an API server that fails at first is started again only after minutes.
    fn serve_api(&mut self, round: &Round) {
        if self.api_server || round.view.etcd != (Etcd::Running { leader: true, voter: true }) {
            return;
        }
        match install_api(&self.member.root, &self.member.plan) {
            Ok(()) => self.api_server = true,
            Err(error) => self.log.warn(&INTERNAL, &format!("installing the API server: {error}")),
        }
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
