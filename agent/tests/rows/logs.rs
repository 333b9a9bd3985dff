//! Rows for a member that has a log, of whatever cluster, or can't read it.

use super::fake::{
    Example, FRESH, MINE, answer, both, example, joined_aside, known, log, marker, new_nonce, previous, quorum, wait,
};
use kfimg_agent::guard::{
    Action, AnswerData, Effect, Etcd, Marker, MarkerRead, Nonce, OwnData, Phase, StartMode, StopCode, View, WaitCode,
};

pub(crate) fn with_a_previous_log() -> Vec<Example> {
    let aside = || Action::Run(vec![Effect::SetAside]);
    let start = |mode| Action::Run(vec![Effect::Start(mode)]);
    let recover = |view: &mut View| {
        (view.own, view.marker, view.words.recover_from) = (log(false), previous(), Some(0));
    };
    vec![
        example("unknown", |view| view.own = OwnData::Unknown, wait(WaitCode::Unknown, &[])),
        example("unknown", |view| view.marker = MarkerRead::Unknown, wait(WaitCode::Unknown, &[])),
        example(
            "previous, quorum",
            |view| (view.own, view.marker, view.quorum) = (log(false), previous(), quorum()),
            aside(),
        ),
        example("previous, recover", recover, start(StartMode::ForceNew)),
        example(
            "previous, recover",
            |view| {
                recover(view);
                view.peers[1].answer = None;
                view.words.without = vec![2];
            },
            start(StartMode::ForceNew),
        ),
        example(
            "previous, recover",
            |view| {
                recover(view);
                view.etcd = Etcd::Running { leader: true, voter: true };
            },
            {
                let [outside, beside] = both(Marker { counter: 8, ..marker(FRESH, Phase::Joined) });
                Action::Run(vec![beside, outside])
            },
        ),
        example(
            "previous",
            |view| {
                recover(view);
                view.peers[1].answer = None;
            },
            wait(WaitCode::RecoveryPeers, &[2]),
        ),
        example(
            "previous",
            |view| (view.own, view.marker) = (log(false), previous()),
            wait(WaitCode::PreviousIncarnation, &[]),
        ),
    ]
}

pub(crate) fn with_our_log() -> Vec<Example> {
    let aside = || Action::Run(vec![Effect::SetAside]);
    let start = |mode| Action::Run(vec![Effect::Start(mode)]);
    vec![
        example(
            "ours, removed",
            |view| (view.own, view.marker, view.quorum) = (log(false), known(Phase::Committed), quorum()),
            joined_aside(MINE, 8),
        ),
        example(
            "ours, removed",
            |view| (view.own, view.marker, view.quorum) = (log(false), known(Phase::Joined), quorum()),
            aside(),
        ),
        example(
            "ours, removed",
            |view| {
                (view.own, view.marker, view.quorum) = (log(false), known(Phase::Joined), quorum());
                view.etcd = Etcd::Running { leader: false, voter: false };
            },
            Action::Run(vec![Effect::StopEtcd]),
        ),
        example(
            "ours, committed, only bootstrap",
            |view| (view.own, view.marker) = (log(true), known(Phase::Committed)),
            {
                let [outside, beside] = both(new_nonce(8));
                Action::Run(vec![Effect::SetAside, outside, beside])
            },
        ),
        example(
            "ours",
            |view| {
                (view.own, view.marker) = (log(true), known(Phase::Committed));
                view.peers[0].answer = Some(answer(AnswerData::Empty, Some(marker(Nonce(2), Phase::Ready))));
            },
            start(StartMode::SelfOnly),
        ),
        example(
            "ours",
            |view| {
                (view.own, view.marker) = (log(true), known(Phase::Committed));
                view.peers.clear();
            },
            start(StartMode::SelfOnly),
        ),
        example(
            "ours",
            |view| {
                (view.own, view.marker) = (log(false), known(Phase::Committed));
                view.etcd = Etcd::Running { leader: true, voter: false };
            },
            Action::Run(vec![Effect::Promote]),
        ),
    ]
}

pub(crate) fn with_strange_data() -> Vec<Example> {
    let aside = || Action::Run(vec![Effect::SetAside]);
    vec![
        example("another cluster's, discard", |view| (view.own, view.words.discard) = (log(false), vec![0]), aside()),
        example(
            "another cluster's",
            |view| (view.own, view.words.discard) = (log(false), vec![1]),
            Action::Stop(StopCode::ForeignData),
        ),
        example(
            "unreadable, quorum",
            |view| (view.own, view.quorum) = (OwnData::Unreadable, quorum()),
            joined_aside(FRESH, 1),
        ),
        example("unreadable", |view| view.own = OwnData::Unreadable, Action::Stop(StopCode::Unreadable)),
        example(
            "none, running",
            |view| view.etcd = Etcd::Running { leader: false, voter: false },
            wait(WaitCode::EtcdStarts, &[]),
        ),
    ]
}
