//! Every row of the guard's table has an example that reaches it, and the action that the example must get.

use kfimg_agent::guard::{
    Action, Answer, AnswerData, ClusterId, Effect, Etcd, Listed, Marker, MarkerRead, MemberId, Nonce, NonceSet,
    OwnData, Peer, Phase, PlaceRead, Quorum, ROWS, StartMode, StopCode, View, WaitCode, Words, decide, gives_up,
    newest,
};

const MINE: Nonce = Nonce(1);
const FRESH: Nonce = Nonce(99);
const CLUSTER: ClusterId = ClusterId(0xc1);
const MEMBER: MemberId = MemberId(0xa1);

fn set() -> NonceSet {
    vec![Nonce(3), MINE, Nonce(2)].into()
}

fn marker(nonce: Nonce, phase: Phase) -> Marker {
    let cluster = (phase != Phase::Ready).then_some(CLUSTER);
    Marker { uid: "uid".to_owned(), incarnation: 2, nonce, nonce_set: set(), cluster, phase, counter: 7 }
}

fn answer(data: AnswerData, marker: Option<Marker>) -> Answer {
    Answer { uid: "uid".to_owned(), incarnation: 2, digest: "d".to_owned(), data, marker, generation: 4 }
}

/// Three members, all empty, all answering, in incarnation 2.
fn view() -> View {
    let peer = |member| Peer { member, answer: Some(answer(AnswerData::Empty, None)) };
    View {
        me: 0,
        uid: "uid".to_owned(),
        incarnation: 2,
        digest: "d".to_owned(),
        words: Words { bootstrap_not_after: 1_000, ..Words::default() },
        now: 500,
        own: OwnData::None,
        marker: MarkerRead::None,
        etcd: Etcd::Stopped,
        peers: vec![peer(1), peer(2)],
        quorum: None,
        fresh: FRESH,
    }
}

fn quorum() -> Option<Quorum> {
    let listed = |id, member| Listed { id: MemberId(id), member: Some(member), learner: false };
    Some(Quorum { cluster: CLUSTER, nonce_set: set(), members: vec![listed(0xb1, 1), listed(0xb2, 2)] })
}

fn log(only_bootstrap: bool) -> OwnData {
    OwnData::Log { cluster: CLUSTER, member: MEMBER, only_bootstrap }
}

fn known(phase: Phase) -> MarkerRead {
    MarkerRead::Known(marker(MINE, phase))
}

fn previous() -> MarkerRead {
    MarkerRead::Known(Marker { incarnation: 1, ..marker(MINE, Phase::Joined) })
}

fn both(marker: Marker) -> [Effect; 2] {
    [Effect::WriteOutside(marker.clone()), Effect::WriteBeside(marker)]
}

fn new_nonce(counter: u64) -> Marker {
    let nonce_set = NonceSet::default();
    Marker { nonce_set, counter, ..marker(FRESH, Phase::Ready) }
}

fn wait(code: WaitCode, members: &[usize]) -> Action {
    Action::Wait(code, members.to_vec())
}

fn joined_aside(nonce: Nonce, counter: u64) -> Action {
    let [outside, beside] = both(Marker { counter, ..marker(nonce, Phase::Joined) });
    Action::Run(vec![outside, beside, Effect::SetAside])
}

struct Example {
    row: &'static str,
    view: View,
    action: Action,
}

fn example(row: &'static str, change: impl FnOnce(&mut View), action: Action) -> Example {
    let mut view = view();
    change(&mut view);
    Example { row, view, action }
}

fn with_a_previous_log() -> Vec<Example> {
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

fn with_our_log() -> Vec<Example> {
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

fn with_strange_data() -> Vec<Example> {
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

fn found() -> Action {
    let committed = Marker { cluster: None, counter: 8, ..marker(MINE, Phase::Committed) };
    let [outside, beside] = both(committed);
    Action::Run(vec![outside, beside, Effect::Start(StartMode::New(set()))])
}

fn join(phase: Phase, nonce: Nonce, counter: u64) -> Action {
    let [outside, beside] = both(Marker { counter, ..marker(nonce, phase) });
    let start = Effect::Start(StartMode::Existing(CLUSTER));
    Action::Run(vec![Effect::RemoveEntries, Effect::AddLearner, outside, beside, start])
}

fn with_none() -> Vec<Example> {
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

/// The plan says `restore`, with this member.
fn with_a_snapshot() -> Vec<Example> {
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

fn named_example(
    row: &'static str,
    named: impl FnOnce(&mut View),
    change: impl FnOnce(&mut View),
    action: Action,
) -> Example {
    let both = |view: &mut View| {
        named(view);
        change(view);
    };
    example(row, both, action)
}

#[test]
fn each_row_is_reached_and_gives_its_action() {
    let examples: Vec<Example> =
        [with_a_previous_log(), with_our_log(), with_strange_data(), with_none(), with_a_snapshot()]
            .into_iter()
            .flatten()
            .collect();
    for (number, Example { row, view, action }) in examples.iter().enumerate() {
        let decision = decide(view);
        assert_eq!((decision.row, &decision.action), (*row, action), "example {number}: {view:#?}");
    }
    for row in ROWS {
        assert!(examples.iter().any(|example| example.row == row.name), "no example reaches the row `{}`", row.name);
    }
}

#[test]
fn a_member_of_another_incarnation_is_silent_but_its_data_count() {
    let mut view = view();
    view.peers[0].answer = Some(Answer { incarnation: 1, ..answer(AnswerData::Empty, None) });
    assert_eq!(decide(&view).row, "none, silent");
    view.peers[0].answer = Some(Answer { incarnation: 1, ..answer(AnswerData::Held, None) });
    assert_eq!(decide(&view).row, "none, quorum lost");
}

#[test]
fn a_member_that_the_plan_does_without_is_not_waited_for_but_its_data_count() {
    let mut view = view();
    view.words.without = vec![2];
    view.peers[1].answer = None;
    assert_eq!(decide(&view).row, "none, found");
    view.peers[1].answer = Some(answer(AnswerData::Held, None));
    assert_eq!(decide(&view).row, "none, quorum lost");
}

#[test]
fn the_newer_marker_counts_and_a_place_that_cannot_be_read_makes_it_unknown() {
    let at = |incarnation, counter| Marker { incarnation, counter, ..marker(MINE, Phase::Ready) };
    let known = |incarnation, counter| PlaceRead::Known(at(incarnation, counter));
    let cases = [
        (PlaceRead::None, PlaceRead::None, MarkerRead::None),
        (PlaceRead::Unknown, known(2, 9), MarkerRead::Unknown),
        (known(2, 9), PlaceRead::Unknown, MarkerRead::Unknown),
        (PlaceRead::None, known(1, 1), MarkerRead::Known(at(1, 1))),
        (known(1, 9), known(2, 1), MarkerRead::Known(at(2, 1))),
        (known(2, 5), known(2, 4), MarkerRead::Known(at(2, 5))),
    ];
    for (outside, beside, expected) in cases {
        assert_eq!(newest(outside.clone(), beside.clone()), expected, "{outside:?} {beside:?}");
    }
}

#[test]
fn a_learner_without_a_log_gives_up_even_if_it_was_joined_before() {
    let running = Etcd::Running { leader: false, voter: false };
    let cases = [
        (OwnData::None, MarkerRead::None, running, true),
        (OwnData::None, known(Phase::Joined), running, true),
        (log(false), known(Phase::Committed), running, true),
        (log(false), known(Phase::Joined), running, false),
        (log(false), known(Phase::Committed), Etcd::Running { leader: true, voter: false }, false),
        (log(false), known(Phase::Committed), Etcd::Stopped, false),
    ];
    for (own, marker, etcd, expected) in cases {
        let view = View { own, marker, etcd, ..view() };
        assert_eq!(gives_up(&view), expected, "{view:#?}");
    }
}

#[test]
fn an_answer_reads_back_as_it_was_written() {
    let answer = answer(AnswerData::Held, Some(marker(MINE, Phase::Joined)));
    let text = serde_json::to_string(&answer).unwrap();
    assert!(text.contains(r#""nonce":"00000000000000000000000000000001""#), "{text}");
    assert!(text.contains(r#""cluster":"c1","phase":"joined""#), "{text}");
    assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer);
    assert!(serde_json::from_str::<Answer>(&text.replace("0001", "000g")).is_err());
}

#[test]
fn a_person_reads_who_is_waited_for() {
    let names = ["master1", "master2", "master3"].map(str::to_owned);
    let action = wait(WaitCode::QuorumLost, &[1, 2]);
    assert!(action.text(&names).starts_with("QUORUM_LOST"), "{}", action.text(&names));
    assert!(action.text(&names).ends_with(": master2, master3"), "{}", action.text(&names));
}
