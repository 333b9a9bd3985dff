//! Patience with a local etcd that is partitioned: it runs, and takes no part in a quorum that the others show.
//!
//! Nothing on the disk is wrong then, and a start of its own data is what heals it: etcd 3.6 was seen to replicate the log after a
//! reboot, and to get no answer to a single linearizable read for minutes, until it was started again.

use crate::wait::{Deadline, jittered};
use std::time::Duration;

/// So long it may take after a start: replaying a log, and fetching a snapshot of gigabytes, look the same.
const FIRST: Duration = Duration::from_secs(120);
/// Longest patience: it doubles with every start that did not help.
const LONGEST: Duration = Duration::from_secs(3600);

/// What is remembered from one round to the next.
#[derive(Debug)]
pub(super) struct Patience {
    next: Duration,
    deadline: Option<Deadline>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { next: FIRST, deadline: None }
    }
}

impl Patience {
    /// Whether patience has ended with an etcd that is `partitioned` in this round.
    pub(super) fn is_over(&mut self, partitioned: bool) -> bool {
        if !partitioned {
            self.deadline = None;
            return false;
        }
        let next = self.next;
        self.deadline.get_or_insert_with(|| Deadline::after(jittered(next))).over()
    }

    /// It was started again: the next time waits longer.
    pub(super) fn restarted(&mut self) {
        *self = Self { next: (self.next * 2).min(LONGEST), deadline: None };
    }

    /// It takes part.
    pub(super) fn healed(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST, LONGEST, Patience};

    #[test]
    fn patience_lasts_a_while_and_longer_after_each_start_that_did_not_help() {
        let mut patience = Patience::default();
        assert!(!patience.is_over(true), "it has just begun");
        for doubled in 1..10 {
            patience.restarted();
            assert_eq!(patience.next, (FIRST * 2_u32.pow(doubled)).min(LONGEST));
        }
        patience.healed();
        assert_eq!(patience.next, FIRST);
    }

    #[test]
    fn a_moment_of_taking_part_begins_anew() {
        let mut patience = Patience::default();
        assert!(!patience.is_over(true));
        let first = patience.deadline.map(crate::wait::Deadline::left);
        assert!(!patience.is_over(false) && patience.deadline.is_none());
        assert!(
            !patience.is_over(true) && patience.deadline.map(crate::wait::Deadline::left) >= first.map(|left| left / 2)
        );
    }
}
