//! The loop: answer first, then ask, decide, act, tell, and pause, for as long as the machine runs.
//!
//! The decision is `guard::decide`'s; what it takes to carry it out is in `effects`.

use super::deaf;
use super::effects::{EffectError, STOP, carry_out};
use super::manifest::{install_api_server, remove_api_server};
use super::member::Member;
use super::round::{Questions, Round};
use super::serve::{Bell, Endpoint};
use super::tell;
use super::tend::Tending;
use crate::failure::Failure;
use crate::guard::{Action, Effect, Etcd, WaitCode, decide, gives_up};
use crate::notify;
use crate::step::StepLog;
use crate::wait::{Backoff, Deadline, jittered};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pauses between rounds while something is awaited.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause while etcd starts: every one of these is a delay for the API server.
const STARTING_PAUSE: Duration = Duration::from_millis(400);
/// Where its container takes long to come, the pause is this part of the time that it has taken: `STARTING_PAUSE` in the first
/// half minute, and so small a delay afterwards.
const STARTING_PART: u32 = 75;
/// Pause between rounds of a member that has joined.
const JOINED_PAUSE: Duration = Duration::from_secs(8);
/// Pause before a snapshot is read again that could not be restored: it may be gigabytes.
const RESTORE_PAUSE: Duration = Duration::from_secs(30);
/// So long etcd may run without a leader before it is stopped and the table is read with a log that stands still.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long the kubelet may take to start it: an image that comes over a slow line is no reason to begin anew.
const START: Duration = Duration::from_secs(1800);
/// So long a container that was started may take until etcd is seen in it.
const EXECUTION: Duration = Duration::from_secs(60);
/// So long an etcd that has run may be gone before it counts as ended.
const ABSENCE: Duration = Duration::from_secs(5);

/// What was seen of etcd since its manifest was written.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Seen {
    Nothing,
    /// Its container was started.
    Container,
    Process,
}

/// The loop's memory from one round to the next. Nothing of it enters a decision.
struct Loop<'a> {
    member: &'a Member,
    questions: Questions,
    log: &'a mut StepLog,
    bell: Arc<Bell>,
    backoff: Backoff,
    /// When patience with an etcd that has no leader ends.
    patience: Option<Deadline>,
    /// With an etcd that takes no part while the others have a quorum.
    deaf: deaf::Patience,
    /// When an etcd that is not there counts as ended.
    absence: Option<Deadline>,
    seen: Seen,
    /// Since when its container has been awaited.
    awaited: Instant,
    /// Whether the last effects were refused.
    refused: bool,
    /// Whether the API server's manifest is there.
    api_server: bool,
    tending: Tending,
    /// The row that decided last.
    row: &'static str,
}

/// Runs until the program is ended.
pub(crate) fn run(member: &Member, log: &mut StepLog) -> Result<(), Failure> {
    let identity = member.identity()?;
    let questions = Questions::new(member, &identity).map_err(Failure::internal)?;
    let bell = Arc::new(Bell::default());
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    while let Err(error) = Endpoint::start(member, &identity, Arc::clone(&bell)) {
        log.waiting(&error.to_string());
        std::thread::sleep(backoff.next());
    }
    notify::ready();
    log.running("asking the other members");
    backoff.reset();
    let mut state = Loop {
        member,
        questions,
        log,
        bell,
        backoff,
        patience: None,
        deaf: deaf::Patience::default(),
        absence: None,
        seen: Seen::Nothing,
        awaited: Instant::now(),
        refused: false,
        api_server: false,
        tending: Tending::default(),
        row: "",
    };
    loop {
        state.turn();
    }
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
        match &decision.action {
            Action::Run(effects) => self.act(effects, &round),
            _ if self.has_ended() => self.stop_etcd("etcd has ended"),
            _ if self.has_lost_patience(&round) => self.stop_etcd("etcd has had no leader for long"),
            _ if self.is_deaf(&round) => {
                self.deaf.restarted();
                self.stop_etcd("etcd takes no part in the cluster that the others show");
            }
            action => {
                self.refused = false;
                let started = self.seen > Seen::Nothing;
                tell::wait(self.log, self.member, action, &round.view, started);
                let local = round.local.as_ref().filter(|_| *action == Action::Wait(WaitCode::Joined, Vec::new()));
                let joined = local.is_some();
                if let Some(local) = local {
                    self.tending.look(self.member, &self.questions, local, &round.view, self.log);
                }
                let starts = matches!(action, Action::Wait(WaitCode::EtcdStarts, _));
                let longest = if starts { self.starting_pause() } else { LONGEST_PAUSE };
                self.bell.wait(if joined { jittered(JOINED_PAUSE) } else { self.backoff.next().min(longest) });
            }
        }
    }

    /// While there is no container each round looks at all processes, and images that are still being imported need the processor.
    fn starting_pause(&self) -> Duration {
        if self.seen == Seen::Nothing { awaiting_pause(self.awaited.elapsed()) } else { STARTING_PAUSE }
    }

    fn act(&mut self, effects: &[Effect], round: &Round) {
        // Small steps of founding would only flicker, and what is tried again is still the same.
        if let Some(text) = tell::doing(effects).filter(|_| !self.refused) {
            self.log.running(&text);
        }
        let result = carry_out(effects, self.member, &self.questions, round);
        self.refused = result.is_err();
        match result {
            Ok(()) => self.moved(effects),
            Err(error) => {
                tell::refused(self.log, effects, &error);
                let restore = matches!(error, EffectError::Restore(_));
                let pause = if restore { jittered(RESTORE_PAUSE) } else { self.backoff.next() };
                self.bell.wait(pause);
            }
        }
    }

    fn moved(&mut self, effects: &[Effect]) {
        self.backoff.reset();
        if effects.iter().any(|effect| matches!(effect, Effect::Start(_) | Effect::StopEtcd)) {
            self.patience = None;
            self.absence = None;
            self.seen = Seen::Nothing;
            self.awaited = Instant::now();
        }
        if effects.contains(&Effect::StopEtcd) {
            self.stop_api();
        }
    }

    /// Whether a container that the kubelet does not start a second time has ended, or was never started.
    fn has_ended(&mut self) -> bool {
        let manifest = &self.member.manifest;
        let alive = manifest.is_alive();
        let now = match self.seen {
            _ if alive => Seen::Process,
            Seen::Nothing if manifest.was_started() => Seen::Container,
            seen => seen,
        };
        if now > self.seen {
            self.seen = now;
            self.patience = None;
            self.absence = None;
        }
        if alive {
            self.absence = None;
            return false;
        }
        let patience = match self.seen {
            Seen::Nothing => START,
            Seen::Container => EXECUTION,
            Seen::Process => ABSENCE,
        };
        manifest.starts_once() && self.absence.get_or_insert_with(|| Deadline::after(jittered(patience))).over()
    }

    fn has_lost_patience(&mut self, round: &Round) -> bool {
        if !gives_up(&round.view) {
            self.patience = None;
            return false;
        }
        let patience = if self.seen == Seen::Process { PATIENCE } else { START };
        self.patience.get_or_insert_with(|| Deadline::after(jittered(patience))).over()
    }

    /// Whether the others have shown a quorum for long without the local member, whose etcd runs.
    fn is_deaf(&mut self, round: &Round) -> bool {
        if round.local.is_some() {
            self.deaf.heard();
        }
        let runs = self.seen == Seen::Process && matches!(round.view.etcd, Etcd::Running { leader: false, .. });
        self.deaf.is_over(runs && round.source.is_some())
    }

    fn stop_etcd(&mut self, why: &str) {
        self.log.running(&format!("{why}: stopping it to look at its log"));
        match self.member.manifest.stop_and_wait(STOP) {
            Ok(()) => self.moved(&[Effect::StopEtcd]),
            Err(error) => self.log.waiting(&error.to_string()),
        }
    }

    /// Without etcd it would only fail, and would come back minutes after etcd.
    fn stop_api(&mut self) {
        self.api_server = false;
        if let Err(error) = remove_api_server(&self.member.root, &self.member.plan) {
            self.log.warn(&crate::failure::INTERNAL, &format!("removing the API server: {error}"));
        }
    }

    /// Once the local member votes, and not before: an API server that fails at first is started again only after minutes.
    fn serve_api(&mut self, round: &Round) {
        if self.api_server || round.view.etcd != (Etcd::Running { leader: true, voter: true }) {
            return;
        }
        match install_api_server(&self.member.root, &self.member.plan) {
            Ok(()) => self.api_server = true,
            Err(error) => self.log.warn(&crate::failure::INTERNAL, &format!("installing the API server: {error}")),
        }
    }
}

/// Longest pause while etcd's container has been awaited for so long.
fn awaiting_pause(time: Duration) -> Duration {
    (time / STARTING_PART).clamp(STARTING_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_PAUSE, STARTING_PAUSE, awaiting_pause};
    use std::time::Duration;

    #[test]
    fn who_waits_long_for_the_container_looks_less_often_and_sees_it_hardly_later() {
        let mut former = STARTING_PAUSE;
        for seconds in 0..1800 {
            let time = Duration::from_secs(seconds);
            let pause = awaiting_pause(time);
            assert!(pause >= former && pause <= LONGEST_PAUSE, "{pause:?} after {time:?}");
            assert!(pause == STARTING_PAUSE || pause * 50 <= time, "{pause:?} after {time:?}");
            former = pause;
        }
        assert_eq!(awaiting_pause(Duration::from_secs(30)), STARTING_PAUSE);
        assert_eq!(former, LONGEST_PAUSE);
    }
}
