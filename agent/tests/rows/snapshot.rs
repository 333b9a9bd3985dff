//! Rows for a plan that says `restore`.

use super::fake::{
    CLUSTER, Example, FRESH, MINE, answer, both, example, known, log, marker, named_example, previous, quorum, wait,
};
use super::none::join;
use kfimg_agent::guard::{
    Action, AnswerData, Effect, Marker, MarkerRead, Nonce, NonceSet, OwnData, Phase, StartMode, StopCode, View,
    WaitCode,
};

/// The plan says `restore`, with this member.
pub(crate) fn with_a_snapshot() -> Vec<Example> {
    let named = |view: &mut View| view.words.restore = Some(0);
    let build = |nonce: Nonce, counter| {
        let nonce_set = NonceSet::from(vec![nonce]);
        let built = Marker { nonce_set: nonce_set.clone(), counter, ..marker(nonce, Phase::Ready) };
        let [outside, beside] = both(built);
        Action::Run(vec![Effect::BuildRestored(nonce_set), outside, beside, Effect::AdoptRestored])
    };
    let begun = |view: &mut View, phase| {
        let marker = marker(Nonce(2), phase);
        view.peers[0].answer = Some(answer(AnswerData::Held, Some(marker)));
    };
    let restored = |view: &mut View| {
        let marker = Marker { cluster: Some(CLUSTER), ..marker(MINE, Phase::Ready) };
        (view.own, view.marker) = (log(false), MarkerRead::Known(marker));
    };
    let old = |view: &mut View| (view.own, view.marker) = (log(false), previous());
    vec![
        named_example("none, restore", named, |_| {}, build(FRESH, 1)),
        // Again after a power cut: the same nonce.
        named_example("none, restore", named, |view| view.marker = known(Phase::Ready), build(MINE, 8)),
        // Data and marker of before are no hindrance: they are set aside, and the marker is overwritten last.
        named_example("old, restore", named, old, Action::Run(vec![Effect::SetAside])),
        named_example(
            "old, restore",
            named,
            |view| (view.own, view.marker) = (OwnData::Unreadable, previous()),
            Action::Run(vec![Effect::SetAside]),
        ),
        named_example("none, restore", named, |view| view.marker = previous(), build(FRESH, 8)),
        // Nobody may be away that may have begun.
        named_example("none, recover", named, |view| view.peers[1].answer = None, wait(WaitCode::RecoveryQuorum, &[0])),
        named_example(
            "none, recover",
            named,
            |view| begun(view, Phase::Committed),
            wait(WaitCode::RecoveryQuorum, &[0]),
        ),
        named_example(
            "previous",
            named,
            |view| {
                old(view);
                begun(view, Phase::Committed);
            },
            wait(WaitCode::RecoveryPeers, &[]),
        ),
        named_example(
            "unreadable",
            named,
            |view| (view.own, view.marker) = (OwnData::Unreadable, known(Phase::Joined)),
            Action::Stop(StopCode::Unreadable),
        ),
        named_example("ours, restored", named, restored, {
            let [outside, beside] = both(Marker { counter: 8, ..marker(MINE, Phase::Committed) });
            Action::Run(vec![outside, beside, Effect::Start(StartMode::SelfOnly)])
        }),
        // It was started, and is gone: never a second time, though everybody answers and is empty.
        named_example(
            "none, restore lost",
            named,
            |view| view.marker = known(Phase::Committed),
            Action::Stop(StopCode::TotalLoss),
        ),
        named_example(
            "none, restore lost",
            named,
            |view| view.marker = known(Phase::Joined),
            Action::Stop(StopCode::TotalLoss),
        ),
        named_example("none, quorum", named, |view| view.quorum = quorum(), join(Phase::Committed, FRESH, 1)),
        // Another member's restore is waited for.
        example("none, recover", |view| view.words.restore = Some(2), wait(WaitCode::RecoveryQuorum, &[2])),
    ]
}
