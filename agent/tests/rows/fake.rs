//! Views of one member, and the words of which examples are made.

use kfimg_agent::guard::{
    Action, Answer, AnswerData, ClusterId, Effect, Etcd, Listed, Marker, MarkerRead, MemberId, Nonce, NonceSet,
    OwnData, Peer, Phase, Quorum, View, WaitCode, Words,
};

pub(crate) const MINE: Nonce = Nonce(1);
pub(crate) const FRESH: Nonce = Nonce(99);
pub(crate) const CLUSTER: ClusterId = ClusterId(0xc1);
pub(crate) const MEMBER: MemberId = MemberId(0xa1);

pub(crate) fn set() -> NonceSet {
    vec![Nonce(3), MINE, Nonce(2)].into()
}

pub(crate) fn marker(nonce: Nonce, phase: Phase) -> Marker {
    let cluster = (phase != Phase::Ready).then_some(CLUSTER);
    Marker { uid: "uid".to_owned(), incarnation: 2, nonce, nonce_set: set(), cluster, phase, counter: 7 }
}

pub(crate) fn answer(data: AnswerData, marker: Option<Marker>) -> Answer {
    Answer { uid: "uid".to_owned(), incarnation: 2, digest: "d".to_owned(), data, marker, generation: 4, machine: None }
}

/// Three members, all empty, all answering, in incarnation 2.
pub(crate) fn view() -> View {
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

pub(crate) fn quorum() -> Option<Quorum> {
    let listed = |id, member| Listed { id: MemberId(id), member: Some(member), learner: false };
    Some(Quorum { cluster: CLUSTER, nonce_set: set(), members: vec![listed(0xb1, 1), listed(0xb2, 2)] })
}

pub(crate) fn log(only_bootstrap: bool) -> OwnData {
    OwnData::Log { cluster: CLUSTER, member: MEMBER, only_bootstrap }
}

pub(crate) fn known(phase: Phase) -> MarkerRead {
    MarkerRead::Known(marker(MINE, phase))
}

pub(crate) fn previous() -> MarkerRead {
    MarkerRead::Known(Marker { incarnation: 1, ..marker(MINE, Phase::Joined) })
}

pub(crate) fn both(marker: Marker) -> [Effect; 2] {
    [Effect::WriteOutside(marker.clone()), Effect::WriteBeside(marker)]
}

pub(crate) fn new_nonce(counter: u64) -> Marker {
    let nonce_set = NonceSet::default();
    Marker { nonce_set, counter, ..marker(FRESH, Phase::Ready) }
}

pub(crate) fn wait(code: WaitCode, members: &[usize]) -> Action {
    Action::Wait(code, members.to_vec())
}

pub(crate) fn joined_aside(nonce: Nonce, counter: u64) -> Action {
    let [outside, beside] = both(Marker { counter, ..marker(nonce, Phase::Joined) });
    Action::Run(vec![outside, beside, Effect::SetAside])
}

pub(crate) struct Example {
    pub(crate) row: &'static str,
    pub(crate) view: View,
    pub(crate) action: Action,
}

pub(crate) fn example(row: &'static str, change: impl FnOnce(&mut View), action: Action) -> Example {
    let mut view = view();
    change(&mut view);
    Example { row, view, action }
}

pub(crate) fn named_example(
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
