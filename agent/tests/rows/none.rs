//! Rows for a member without data.

use super::fake::{
    CLUSTER, Example, FRESH, MINE, answer, both, example, known, marker, new_nonce, previous, quorum, set, wait,
};
use kfimg_agent::guard::{
    Action, Answer, AnswerData, Effect, Marker, Nonce, Peer, Phase, StartMode, StopCode, View, WaitCode,
};

pub(crate) fn found() -> Action {
    let committed = Marker { cluster: None, counter: 8, ..marker(MINE, Phase::Committed) };
    let [outside, beside] = both(committed);
    Action::Run(vec![outside, beside, Effect::Start(StartMode::New(set()))])
}

pub(crate) fn join(phase: Phase, nonce: Nonce, counter: u64) -> Action {
    let [outside, beside] = both(Marker { counter, ..marker(nonce, phase) });
    let start = Effect::Start(StartMode::Existing(CLUSTER));
    Action::Run(vec![Effect::RemoveEntries, Effect::AddLearner, outside, beside, start])
}

pub(crate) fn with_none() -> Vec<Example> {
    let ready = |member: usize| Some(answer(AnswerData::Empty, Some(marker(Nonce(member as u128 + 1), Phase::Ready))));
    let all_ready = |view: &mut View| {
        view.marker = known(Phase::Ready);
        view.peers.iter_mut().for_each(|peer| peer.answer = ready(peer.member));
    };
    vec![
        example(
            "none, ready",
            |view| {
                view.marker = known(Phase::Ready);
                view.peers = vec![
                    Peer {
                        member: 1,
                        answer: Some(answer(AnswerData::Held, Some(marker(Nonce(2), Phase::Committed)))),
                    },
                    Peer { member: 2, answer: None },
                ];
            },
            found(),
        ),
        example(
            "none, committed",
            |view| view.marker = known(Phase::Committed),
            Action::Run(both(new_nonce(8)).into()),
        ),
        example("none, quorum", |view| view.quorum = quorum(), join(Phase::Committed, FRESH, 1)),
        example(
            "none, quorum",
            |view| (view.quorum, view.marker) = (quorum(), known(Phase::Joined)),
            join(Phase::Joined, MINE, 8),
        ),
        example("none, recover", |view| view.words.recover_from = Some(1), wait(WaitCode::RecoveryQuorum, &[1])),
        example("none, found", |_| {}, Action::Run(both(new_nonce(1)).into())),
        example("none, found", all_ready, found()),
        example(
            "none, found",
            |view| {
                all_ready(view);
                view.peers[0].answer = Some(answer(AnswerData::Empty, None));
            },
            wait(WaitCode::Settling, &[]),
        ),
        example(
            "none, digests",
            |view| {
                let other = Answer { digest: "e".to_owned(), ..answer(AnswerData::Empty, None) };
                view.peers[1].answer = Some(other);
            },
            wait(WaitCode::DigestsDiffer, &[2]),
        ),
        example(
            "none, quorum lost",
            |view| view.peers[0].answer = Some(answer(AnswerData::Held, Some(marker(Nonce(2), Phase::Joined)))),
            wait(WaitCode::QuorumLost, &[1]),
        ),
        example("none, silent", |view| view.peers[0].answer = None, wait(WaitCode::Silent, &[1])),
        example(
            "none, silent",
            |view| view.peers[1].answer = Some(answer(AnswerData::Unknown, None)),
            wait(WaitCode::Silent, &[2]),
        ),
        example("none, total loss", |view| view.marker = known(Phase::Joined), Action::Stop(StopCode::TotalLoss)),
        example("none, total loss", |view| view.marker = previous(), Action::Stop(StopCode::TotalLoss)),
        example("none, expired", |view| view.now = 1_001, Action::Stop(StopCode::Expired)),
        example(
            "otherwise",
            |view| view.peers[0].answer = Some(answer(AnswerData::Empty, Some(marker(Nonce(2), Phase::Committed)))),
            wait(WaitCode::Settling, &[]),
        ),
    ]
}
