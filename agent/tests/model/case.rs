//! A search in words: `5 founded cuts=1 wipes=2 recover renders=1`.
//!
//! | word | meaning |
//! |---|---|
//! | `1`, `2`, `3`, `5` | members |
//! | `founded` | begins with a cluster that all have joined; else with machines that were never on |
//! | `one-by-one` | answers come one by one; else all at the moment of the decision |
//! | `empty`, `recover`, `restore`, `without=1`, `kept` | what the operator may render, see [`Operator`] |
//! | `heal` | clocks may be set right |
//! | `cuts=1`, … | faults, named as in [`Faults`] |

use super::plan::Operator;
use super::search::{Outcome, compare_orders, search};
use super::state::{Faults, State};
use super::steps::{Rounds, Setup};
use kfimg_agent::guard::{ROWS, Row};

/// More states take more memory than a machine of a developer should have to give.
const MOST: usize = 25_000_000;

/// What is searched.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    text: String,
    members: usize,
    founded: bool,
    rounds: Rounds,
    operator: Operator,
    clocks_heal: bool,
    faults: Faults,
}

impl From<&str> for Case {
    fn from(text: &str) -> Self {
        let mut case = Self {
            text: text.trim().to_owned(),
            members: 0,
            founded: false,
            rounds: Rounds::AtOnce,
            operator: Operator::default(),
            clocks_heal: false,
            faults: Faults::default(),
        };
        text.split_whitespace().for_each(|word| case.read(word));
        case
    }
}

impl Case {
    fn read(&mut self, word: &str) {
        let (name, number) = word.split_once('=').unwrap_or((word, ""));
        let number = || number.parse::<u8>().unwrap_or_else(|_| panic!("`{word}` needs a number"));
        let (operator, faults) = (&mut self.operator, &mut self.faults);
        match name {
            "1" | "2" | "3" | "5" => self.members = usize::from(name.as_bytes()[0] - b'0'),
            "founded" => self.founded = true,
            "one-by-one" => self.rounds = Rounds::OneByOne,
            "heal" => self.clocks_heal = true,
            "empty" => operator.empty = true,
            "recover" => operator.recover = true,
            "restore" => operator.restore = true,
            "kept" => operator.kept = true,
            "without" => operator.without = number().into(),
            "cuts" => faults.cuts = number(),
            "wipes" => faults.wipes = number(),
            "lost-logs" => faults.lost_logs = number(),
            "lost-outside" => faults.lost_outside = number(),
            "unmounts" => faults.unmounts = number(),
            "links" => faults.links = number(),
            "splits" => faults.splits = number(),
            "renders" => faults.renders = number(),
            "late" => faults.late = number(),
            "used" => faults.used = number(),
            "delays" => faults.delays = number(),
            _ => panic!("`{word}` is no word of a search"),
        }
    }

    /// Searches with this table.
    pub(crate) fn run(&self, rows: Vec<Row>) -> Outcome {
        let start = processor_seconds();
        let outcome = match self.members {
            1 => self.search::<1>(rows),
            2 => self.search::<2>(rows),
            3 => self.search::<3>(rows),
            5 => self.search::<5>(rows),
            _ => panic!("`{}` does not tell how many members there are", self.text),
        };
        println!(
            "{}: {} states, {} steps, {:.1} s, {} MB at most so far",
            self.text,
            outcome.states,
            outcome.steps,
            processor_seconds() - start,
            peak_megabytes()
        );
        outcome
    }

    /// Whatever order the members of a state are put into, what follows from it is the same.
    pub(crate) fn order_does_not_matter(&self, states: usize) {
        let Self { rounds, operator, clocks_heal, faults, .. } = *self;
        let setup = Setup { rows: ROWS.to_vec(), rounds, operator, clocks_heal };
        compare_orders(&setup, State::<3>::fresh(faults), states);
    }

    fn search<const N: usize>(&self, rows: Vec<Row>) -> Outcome {
        let Self { rounds, operator, clocks_heal, faults, .. } = *self;
        let start = if self.founded { State::<N>::founded(faults) } else { State::fresh(faults) };
        search(&Setup { rows, rounds, operator, clocks_heal }, start, MOST)
    }

    /// Nothing is lost, there are never two clusters, and the goal stays within reach; in not fewer states than these.
    pub(crate) fn holds(&self, least: usize) {
        let outcome = self.run(ROWS.to_vec());
        let text = &self.text;
        assert!(outcome.wrong.is_none(), "{text}: {}", outcome.wrong.unwrap_or_default());
        assert!(outcome.stuck.is_none(), "{text}: no progress after:\n{}", outcome.stuck.unwrap_or_default());
        assert!(outcome.states >= least, "{text}: only {} states, at least {least} are expected", outcome.states);
    }
}

/// What this thread has used: other work on the machine does not count.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0);
    nanoseconds / 1e9
}

fn peak_megabytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) / 1000
}
