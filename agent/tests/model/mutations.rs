//! Tables with a fault: each must be found by a search, or the searches show nothing.

use super::case::Case;
use kfimg_agent::guard::{
    Action, Effect, Etcd, Marker, MarkerRead, OwnData, Phase, ROWS, Row, Rule, StartMode, View, decide,
};

/// The table with one row changed, or left out.
fn changed(name: &str, rule: Option<Rule>) -> Vec<Row> {
    assert!(ROWS.iter().any(|row| row.name == name), "there is no row `{name}`");
    let change = |row: &Row| if row.name == name { rule.map(|rule| Row { rule, ..*row }) } else { Some(*row) };
    ROWS.iter().filter_map(change).collect()
}

/// Rows without which somebody waits for ever. What rows that only wait or stop are for, examples show (`guard_rows.rs`).
const MISSED: &[(&str, &str)] = &[
    ("previous, quorum", "3 founded renders=1 recover"),
    ("previous, recover", "3 founded renders=1 recover"),
    ("old, restore", "3 founded renders=1 restore"),
    ("ours, removed", "3 cuts=1 wipes=1"),
    ("ours, committed, only bootstrap", "3 wipes=2"),
    ("ours", "3"),
    ("another cluster's, discard", "3 used=1"),
    ("none, ready", "3 wipes=1"),
    ("none, committed", "3 cuts=1 wipes=2"),
    ("none, quorum", "3 founded wipes=1"),
    ("none, restore", "3 founded renders=1 restore"),
    ("none, found", "3"),
];

#[test]
fn the_searches_miss_rows_that_are_left_out() {
    for (row, case) in MISSED {
        let outcome = Case::from(*case).run(changed(row, None));
        assert!(outcome.wrong.is_none(), "without `{row}`: {}", outcome.wrong.unwrap_or_default());
        assert!(outcome.stuck.is_some(), "nobody misses the row `{row}`");
    }
}

/// Rows that lose a write or make two clusters when they are left out, or do what they should not.
const WRONG: &[(&str, Option<Rule>, &str)] = &[
    ("none, committed", Some(new_with_the_old_set), "3 lost-logs=2"),
    ("none, silent", Some(bootstrap_when_silent), "3"),
    ("none, recover", None, "3 wipes=1 renders=1 recover"),
    ("none, restore", Some(restore_without_asking), "3 founded wipes=1 renders=1 restore"),
    ("previous, recover", Some(recover_without_asking), "3 founded renders=1 recover"),
    ("previous", Some(go_on_in_the_next_incarnation), "3 founded renders=1 recover"),
];

#[test]
fn the_searches_find_lost_writes() {
    for (row, rule, case) in WRONG {
        let outcome = Case::from(*case).run(changed(row, *rule));
        assert!(outcome.wrong.is_some(), "the search does not see what is wrong with `{row}`");
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

/// A member that hears nobody, and does not care.
fn alone(view: &View) -> View {
    View { peers: Vec::new(), ..view.clone() }
}

/// What etcd's default does: found a cluster whenever there is no log.
fn bootstrap_when_silent(view: &View) -> Option<Action> {
    if view.own != OwnData::None || view.etcd != Etcd::Stopped {
        return None;
    }
    Some(decide(&alone(view)).action)
}

/// A restore that does not wait until the others have booted the new plan.
fn restore_without_asking(view: &View) -> Option<Action> {
    let decision = decide(&alone(view));
    (view.words.restore == Some(view.me) && decision.row == "none, restore").then_some(decision.action)
}

/// The same for `recoverFrom`.
fn recover_without_asking(view: &View) -> Option<Action> {
    let decision = decide(&alone(view));
    (decision.row == "previous, recover").then_some(decision.action)
}

/// A member that starts the data of the last incarnation in the next one.
fn go_on_in_the_next_incarnation(view: &View) -> Option<Action> {
    let log = matches!(view.own, OwnData::Log { .. }) && view.etcd == Etcd::Stopped;
    let MarkerRead::Known(marker) = &view.marker else { return None };
    let previous = log && marker.incarnation < view.incarnation;
    previous.then(|| Action::Run(vec![Effect::Start(StartMode::SelfOnly)]))
}

/// The design's first version: this row came before the one for a quorum, did not ask whether a peer is joined, and wrote
/// the marker outside first.
fn force_whoever_is_joined(view: &View) -> Option<Action> {
    let mut partitioned = View { quorum: None, ..view.clone() };
    let markers = partitioned.peers.iter_mut().filter_map(|peer| peer.answer.as_mut()).map(|answer| &mut answer.marker);
    markers.for_each(|marker| *marker = None);
    let decision = decide(&partitioned);
    match decision.action {
        Action::Run(mut effects) if decision.row == "previous, recover" => {
            effects.reverse();
            Some(Action::Run(effects))
        }
        _ => Some(decide(view)).filter(|decision| decision.row == "previous, quorum").map(|decision| decision.action),
    }
}

#[test]
fn the_search_finds_a_member_that_recovers_twice() {
    let case = Case::from("3 founded renders=1 recover lost-outside=1");
    let outcome = case.run(changed("previous, quorum", Some(force_whoever_is_joined)));
    assert!(outcome.wrong.is_some(), "the search does not see what is wrong with recovering twice");
}
