//! What was seen of the local etcd since its manifest was written, and when patience with it ends.
//!
//! Nothing of it enters a decision: etcd is stopped, and the table is read again with a log that stands still.

use super::manifest::Manifest;
use super::partition;
use super::round::Round;
use crate::guard::{Etcd, gives_up};
use crate::texts::{self, Text};
use crate::wait::{Deadline, jittered};
use std::time::{Duration, Instant};

/// Longest pause between rounds while etcd starts: every one of these is a delay for the API server.
const STARTING_PAUSE: Duration = Duration::from_millis(400);
/// Where its container takes long to come, the pause is this part of the time that it has taken: `STARTING_PAUSE` in the first
/// half minute, and so small a delay afterwards.
const STARTING_PART: u32 = 75;
/// Longest pause between rounds while something is awaited.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// So long etcd may run without a leader.
const LEADERLESS: Duration = Duration::from_secs(60);
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

/// See above.
#[derive(Debug)]
pub(super) struct Watch {
    seen: Seen,
    /// Since when its container has been awaited.
    awaited: Instant,
    /// When patience with an etcd that has no leader ends.
    leaderless: Option<Deadline>,
    /// When an etcd that is not there counts as ended.
    absence: Option<Deadline>,
    partition: partition::Patience,
}

impl Watch {
    /// Nothing was seen yet.
    pub(super) fn new() -> Self {
        Self {
            seen: Seen::Nothing,
            awaited: Instant::now(),
            leaderless: None,
            absence: None,
            partition: partition::Patience::default(),
        }
    }

    /// The manifest was written or taken away. How often a start has not helped a partitioned etcd is remembered.
    pub(super) fn begin_anew(&mut self) {
        self.leaderless = None;
        self.absence = None;
        self.seen = Seen::Nothing;
        self.awaited = Instant::now();
    }

    /// Whether anything of etcd was seen.
    pub(super) fn has_started(&self) -> bool {
        self.seen > Seen::Nothing
    }

    /// Longest pause while etcd starts. While there is no container each round looks at all processes, and images that are
    /// still being imported need the processor.
    pub(super) fn starting_pause(&self) -> Duration {
        if self.has_started() { STARTING_PAUSE } else { awaiting_pause(self.awaited.elapsed()) }
    }

    /// Why etcd is to be stopped after this round, if it is.
    pub(super) fn verdict(&mut self, manifest: &Manifest, round: &Round) -> Option<Text> {
        if self.has_ended(manifest) {
            return Some(texts::etcd::ended());
        }
        if self.is_leaderless(round) {
            return Some(texts::etcd::leaderless());
        }
        let partitioned = self.is_partitioned(round);
        partitioned.then(|| {
            self.partition.restarted();
            texts::etcd::partitioned()
        })
    }

    /// Whether a container that the kubelet does not start a second time has ended, or was never started.
    fn has_ended(&mut self, manifest: &Manifest) -> bool {
        let alive = manifest.is_alive();
        let now = match self.seen {
            _ if alive => Seen::Process,
            Seen::Nothing if manifest.was_started() => Seen::Container,
            seen => seen,
        };
        if now > self.seen {
            self.seen = now;
            self.leaderless = None;
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

    fn is_leaderless(&mut self, round: &Round) -> bool {
        if !gives_up(&round.view) {
            self.leaderless = None;
            return false;
        }
        let patience = if self.seen == Seen::Process { LEADERLESS } else { START };
        self.leaderless.get_or_insert_with(|| Deadline::after(jittered(patience))).over()
    }

    /// Whether the others have shown a quorum for long without the local member, whose etcd runs.
    fn is_partitioned(&mut self, round: &Round) -> bool {
        if round.local.is_some() {
            self.partition.healed();
        }
        let runs = self.seen == Seen::Process && matches!(round.view.etcd, Etcd::Running { leader: false, .. });
        self.partition.is_over(runs && round.source.is_some())
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
