//! Searches every reachable state of members, disks, messages and faults with the real decision.
//!
//! What must hold, what is covered and what is not: `docs/guard.md`.

mod model;

use kfimg_agent::guard::{Action, Effect, Etcd, Marker, MarkerRead, OwnData, Phase, ROWS, Row, Rule, StartMode, View};
use model::search::{Outcome, search};
use model::state::{Faults, State};
use model::steps::{Rounds, Setup};

const NO_FAULTS: Faults =
    Faults { cuts: 0, wipes: 0, lost_logs: 0, lost_outside: 0, unmounts: 0, partitions: 0, recoveries: 0 };

fn run(rows: Vec<Row>, rounds: Rounds, members: usize, faults: Faults) -> Outcome {
    let start = std::time::Instant::now();
    let outcome = search(&Setup { rows, rounds }, State::new(members, faults));
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{members} members, {rounds:?}: {} states, {} steps, {seconds:.1} s; {faults:?}",
        outcome.states, outcome.steps
    );
    outcome
}

/// Nothing is lost, there are never two clusters, and the goal stays within reach.
fn holds(rounds: Rounds, members: usize, faults: Faults) {
    let outcome = run(ROWS.to_vec(), rounds, members, faults);
    assert!(outcome.wrong.is_none(), "{}", outcome.wrong.unwrap_or_default());
    assert!(outcome.stuck.is_none(), "no progress after:\n{}", outcome.stuck.unwrap_or_default());
}

#[test]
fn one_and_two_members_survive_cuts_wipes_and_lost_logs() {
    holds(Rounds::OneByOne, 1, Faults { cuts: 4, lost_outside: 1, unmounts: 1, ..NO_FAULTS });
    holds(Rounds::OneByOne, 2, Faults { cuts: 2, wipes: 1, ..NO_FAULTS });
    holds(Rounds::OneByOne, 2, Faults { cuts: 1, lost_logs: 1, partitions: 1, ..NO_FAULTS });
    holds(Rounds::AtOnce, 2, Faults { cuts: 2, recoveries: 1, ..NO_FAULTS });
}

#[test]
fn three_members_survive_cuts_and_wipes() {
    holds(Rounds::AtOnce, 3, Faults { cuts: 2, wipes: 2, ..NO_FAULTS });
}

#[test]
fn three_members_survive_answers_that_are_old() {
    holds(Rounds::OneByOne, 3, NO_FAULTS);
}

#[test]
fn three_members_survive_lost_folders_and_markers() {
    holds(Rounds::AtOnce, 3, Faults { lost_logs: 2, ..NO_FAULTS });
    holds(Rounds::AtOnce, 3, Faults { lost_logs: 1, lost_outside: 1, ..NO_FAULTS });
}

#[test]
fn three_members_survive_partitions_and_disks_that_are_not_mounted() {
    holds(Rounds::AtOnce, 3, Faults { cuts: 1, partitions: 1, ..NO_FAULTS });
    holds(Rounds::AtOnce, 3, Faults { wipes: 1, unmounts: 1, ..NO_FAULTS });
}

#[test]
fn three_members_recover_in_a_second_incarnation() {
    holds(Rounds::AtOnce, 3, Faults { wipes: 1, recoveries: 1, ..NO_FAULTS });
}

/// What `make model` searches, unless it is told otherwise.
const DEEPER: &str = "0 3 0 0 0 1 0 0 1, 0 3 1 0 0 0 0 0 1, 0 3 1 1 0 0 1 1 0, 1 3 0 1 0 0 0 0 0, 1 3 1 0 0 0 0 0 0";

/// `GUARD_MODEL="1 3 2 1 0 0 0 0 0, …"`: whether answers come one by one, members, then the faults in the order of
/// [`Faults`].
#[test]
#[ignore = "takes minutes and gigabytes; `make model`"]
fn the_deeper_search() {
    let asked = std::env::var("GUARD_MODEL").unwrap_or_else(|_| DEEPER.to_owned());
    for case in asked.split(',') {
        let numbers: Vec<u8> = case.split_whitespace().map(|text| text.parse().unwrap()).collect();
        let [one, members, cuts, wipes, lost_logs, lost_outside, unmounts, partitions, recoveries] = numbers[..] else {
            panic!("`{case}` must be nine numbers");
        };
        let rounds = if one == 1 { Rounds::OneByOne } else { Rounds::AtOnce };
        let faults = Faults { cuts, wipes, lost_logs, lost_outside, unmounts, partitions, recoveries };
        holds(rounds, members.into(), faults);
    }
}

/// The table with one row changed, or left out.
fn changed(name: &str, rule: Option<Rule>) -> Vec<Row> {
    assert!(ROWS.iter().any(|row| row.name == name), "there is no row `{name}`");
    let change = |row: &Row| if row.name == name { rule.map(|rule| Row { rule, ..*row }) } else { Some(*row) };
    ROWS.iter().filter_map(change).collect()
}

#[test]
fn the_search_finds_what_rows_are_for() {
    let cases = [
        ("ours, committed, only bootstrap", Faults { wipes: 2, ..NO_FAULTS }),
        ("none, ready", Faults { wipes: 1, ..NO_FAULTS }),
        ("none, committed", Faults { cuts: 1, wipes: 2, ..NO_FAULTS }),
        ("none, quorum", Faults { wipes: 1, ..NO_FAULTS }),
        ("ours, removed", Faults { cuts: 1, wipes: 1, ..NO_FAULTS }),
    ];
    for (row, faults) in cases {
        let outcome = run(changed(row, None), Rounds::AtOnce, 3, faults);
        assert!(outcome.wrong.is_none(), "without `{row}`: {}", outcome.wrong.unwrap_or_default());
        assert!(outcome.stuck.is_some(), "nobody misses the row `{row}`");
    }
}

/// What a guard without a new nonce would do.
fn new_with_the_old_set(view: &View) -> Option<Action> {
    let MarkerRead::Known(marker) = &view.marker else { return None };
    let none = view.own == OwnData::None && view.etcd == Etcd::Stopped;
    let start = Effect::Start(StartMode::New(marker.nonce_set.clone()));
    let again = Marker { cluster: None, ..marker.clone() };
    let effects = vec![Effect::WriteOutside(again.clone()), Effect::WriteBeside(again), start];
    (none && marker.phase == Phase::Committed).then_some(Action::Run(effects))
}

/// What etcd's default does: found a cluster whenever there is no log.
fn bootstrap_when_silent(view: &View) -> Option<Action> {
    if view.own != OwnData::None || view.etcd != Etcd::Stopped {
        return None;
    }
    let mut alone = view.clone();
    alone.peers.clear();
    Some(kfimg_agent::guard::decide(&alone).action)
}

#[test]
fn the_search_finds_lost_writes() {
    let cases: [(&str, Rule, Faults); 2] = [
        ("none, committed", new_with_the_old_set, Faults { lost_logs: 2, ..NO_FAULTS }),
        ("none, silent", bootstrap_when_silent, Faults { ..NO_FAULTS }),
    ];
    for (row, rule, faults) in cases {
        let outcome = run(changed(row, Some(rule)), Rounds::AtOnce, 3, faults);
        assert!(outcome.wrong.is_some(), "the search does not see what is wrong with `{row}`");
    }
}

/// The design's first version: this row came before the one for a quorum, did not ask whether a peer is joined, and wrote
/// the marker outside first.
fn force_whoever_is_joined(view: &View) -> Option<Action> {
    let mut deaf = View { quorum: None, ..view.clone() };
    let markers = deaf.peers.iter_mut().filter_map(|peer| peer.answer.as_mut()).map(|answer| &mut answer.marker);
    markers.for_each(|marker| *marker = None);
    let decision = kfimg_agent::guard::decide(&deaf);
    match decision.action {
        Action::Run(mut effects) if decision.row == "previous, recover" => {
            effects.reverse();
            Some(Action::Run(effects))
        }
        _ => None,
    }
}

#[test]
#[ignore = "takes a minute; `make model`"]
fn the_search_finds_a_member_that_recovers_twice() {
    let faults = Faults { recoveries: 1, lost_outside: 1, ..NO_FAULTS };
    let outcome = run(changed("previous, quorum", Some(force_whoever_is_joined)), Rounds::AtOnce, 3, faults);
    assert!(outcome.wrong.is_some(), "the search does not see what is wrong with recovering twice");
}
