//! The lives of the etcd cluster, as renders began them: until when each may be founded, with whose data it begins.
//!
//! What was said of an incarnation may lie in a payload that has booted, so it never changes: two members that begin the
//! same incarnation, each with its own data, would be two clusters. Names of nodes are not judged here.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::generations::Generations;

/// How an incarnation begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Beginning {
    /// The member whose data it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_from: Option<String>,
    /// The member that begins it with a snapshot. The file may be named anew until one was restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<String>,
    /// Members that nobody waits for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub without: BTreeSet<String>,
}

/// Why an incarnation cannot be rendered like this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncarnationFault {
    /// A later one was rendered.
    GoesBack {
        /// The last one.
        last: u64,
    },
    /// It was rendered with the data of another member, or of none.
    OtherSource {
        /// The member whose data it was rendered with.
        rendered: Option<String>,
    },
    /// It was rendered with a snapshot at another member, or with none.
    OtherRestore {
        /// The member that it was rendered with.
        rendered: Option<String>,
    },
    /// It was rendered to wait for this member.
    LeftOut {
        /// The member.
        member: String,
    },
    /// No node was ever rendered with this state, so none holds data of its cluster.
    NothingToRecover,
}

impl Generations {
    /// The last incarnation that was rendered.
    pub fn last_incarnation(&self) -> Option<u64> {
        self.bootstrap_not_after.keys().next_back().copied()
    }

    /// What speaks against rendering an incarnation like this. What was said before may be left out: then members that
    /// have not begun wait, and the others need it no more.
    pub fn incarnation_faults(&self, incarnation: u64, wanted: &Beginning) -> Vec<IncarnationFault> {
        let Some(last) = self.last_incarnation() else {
            return wanted.recover_from.iter().map(|_| IncarnationFault::NothingToRecover).collect();
        };
        if incarnation != last {
            return if incarnation < last { vec![IncarnationFault::GoesBack { last }] } else { Vec::new() };
        }
        let rendered = self.beginnings.get(&last).cloned().unwrap_or_default();
        let differs = |wanted: &Option<String>, rendered: &Option<String>| wanted.is_some() && wanted != rendered;
        let mut faults = Vec::new();
        if differs(&wanted.recover_from, &rendered.recover_from) {
            faults.push(IncarnationFault::OtherSource { rendered: rendered.recover_from });
        }
        if differs(&wanted.restore, &rendered.restore) {
            faults.push(IncarnationFault::OtherRestore { rendered: rendered.restore });
        }
        let more = wanted.without.difference(&rendered.without);
        faults.extend(more.map(|member| IncarnationFault::LeftOut { member: member.clone() }));
        faults
    }

    /// Notes that an incarnation is rendered, and gives the last moment at which it may be founded: fixed at the first
    /// call for it, `window` from `now`, as is how it begins.
    pub fn begin_incarnation(
        &mut self,
        incarnation: u64,
        beginning: Beginning,
        now: Timestamp,
        window: Duration,
    ) -> Timestamp {
        let is_new = !self.bootstrap_not_after.contains_key(&incarnation);
        if is_new && beginning != Beginning::default() {
            self.beginnings.insert(incarnation, beginning);
        }
        let end = now.checked_add(window).unwrap_or(Timestamp::MAX).as_second();
        let seconds = *self.bootstrap_not_after.entry(incarnation).or_insert(end);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::{Beginning, Generations, IncarnationFault, Timestamp};
    use std::time::Duration;

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn beginning(recover_from: Option<&str>, restore: Option<&str>, without: &[&str]) -> Beginning {
        Beginning {
            recover_from: recover_from.map(str::to_owned),
            restore: restore.map(str::to_owned),
            without: without.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn an_incarnations_end_and_beginning_are_fixed_at_the_first_call() {
        let mut incarnations = Generations::default();
        let first = incarnations.begin_incarnation(1, Beginning::default(), at(0), YEAR);
        assert_eq!(incarnations.begin_incarnation(1, Beginning::default(), at(1_000), YEAR), first);
        let second = incarnations.begin_incarnation(2, beginning(Some("a"), None, &["c"]), at(1_000), YEAR);
        assert_eq!(second.as_second(), first.as_second() + 1_000);
        assert_eq!(incarnations.begin_incarnation(2, Beginning::default(), at(2_000), YEAR), second);
        assert_eq!(incarnations.incarnation_faults(2, &beginning(Some("a"), None, &["c"])), []);
        assert_eq!(incarnations.last_incarnation(), Some(2));
    }

    #[test]
    fn what_an_incarnation_began_with_may_be_left_out_and_nothing_else() {
        let mut incarnations = Generations::default();
        incarnations.begin_incarnation(1, Beginning::default(), at(0), YEAR);
        incarnations.begin_incarnation(2, beginning(Some("a"), None, &["c"]), at(0), YEAR);
        let other = |rendered: Option<&str>| IncarnationFault::OtherSource { rendered: rendered.map(str::to_owned) };
        let snapshot = || IncarnationFault::OtherRestore { rendered: None };
        let left_out = |member: &str| IncarnationFault::LeftOut { member: member.to_owned() };
        let back = || IncarnationFault::GoesBack { last: 2 };
        let table = [
            (2, beginning(None, None, &[]), vec![]),
            (2, beginning(Some("a"), None, &[]), vec![]),
            (2, beginning(Some("b"), None, &["c"]), vec![other(Some("a"))]),
            (2, beginning(None, Some("a"), &[]), vec![snapshot()]),
            (2, beginning(Some("a"), None, &["b", "c"]), vec![left_out("b")]),
            (2, beginning(Some("c"), None, &["a", "b"]), vec![other(Some("a")), left_out("a"), left_out("b")]),
            (1, beginning(None, None, &[]), vec![back()]),
            (3, beginning(Some("b"), None, &["a"]), vec![]),
        ];
        for (incarnation, wanted, faults) in table {
            assert_eq!(incarnations.incarnation_faults(incarnation, &wanted), faults, "{incarnation} {wanted:?}");
        }
    }

    #[test]
    fn a_new_state_has_nothing_to_recover_but_may_restore_a_snapshot() {
        let new = Generations::default();
        assert_eq!(new.incarnation_faults(2, &beginning(Some("a"), None, &[])), [IncarnationFault::NothingToRecover]);
        assert_eq!(new.incarnation_faults(2, &beginning(None, Some("a"), &["b"])), []);
    }
}
