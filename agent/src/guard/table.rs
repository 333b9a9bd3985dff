//! The table of the design ("The etcd guard"), row by row: the first rule that matches decides.
//!
//! Each [`Row`] carries the design's words. Where a row differs from the design's first version, `docs/guard.md` says why.

use super::action::{Action, Effect, StartMode, StopCode, WaitCode};
use super::marker::{Marker, Nonce, NonceSet, Phase};
use super::view::{Answer, AnswerData, Etcd, MemberIndex, Own, OwnData, View};

/// A rule: the action, if it matches.
pub type Rule = fn(&View) -> Option<Action>;

/// A row: three columns for people, and the rule.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Short name, for logs and tests.
    pub name: &'static str,
    /// Column "own data".
    pub own: &'static str,
    /// Column "peers".
    pub peers: &'static str,
    /// Column "action".
    pub action: &'static str,
    /// The action, if the row matches.
    pub rule: Rule,
}

/// An action, and the row that demanded it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// [`Row::name`].
    pub row: &'static str,
    /// What to do.
    pub action: Action,
}

const fn row(name: &'static str, own: &'static str, peers: &'static str, action: &'static str, rule: Rule) -> Row {
    Row { name, own, peers, action, rule }
}

/// The table. First match wins.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("unknown", "unknown (mount missing, I/O error)", "any",
        "wait, report `unknown`", unknown),
    row("previous, quorum", "previous incarnation", "quorum",
        "set aside, join", previous_quorum),
    row("previous, recover", "previous incarnation",
        "the plan says `recoverFrom: <me>`, every other member answers with the new incarnation or is in `without`, none is joined in it",
        "force a new one-member cluster; leader seen: `joined`", previous_recover),
    row("old, restore", "previous incarnation or unreadable; not begun in this one",
        "the plan says `restore` with me, every other member answers with the new incarnation or is in `without`, none is committed or joined in it",
        "set aside, then as none", old_restore),
    row("previous", "previous incarnation", "otherwise",
        "wait", previous),
    row("ours, removed", "ours, quorum lacks my member id", "quorum",
        "write `joined`, set aside, then as none", ours_removed),
    row("ours, restored", "ours, `ready`", "otherwise",
        "marker `committed`, start, self-only", ours_restored),
    row("ours, committed, only bootstrap", "ours, `committed`, log holds only bootstrap entries",
        "there are others; all answer, all others empty, none joined, no peer's nonce is in my set",
        "set aside, then a new nonce", ours_only_bootstrap),
    row("ours", "ours", "otherwise",
        "start, self-only; if a learner, be promoted", ours),
    row("another cluster's, discard", "another cluster's", "the plan says `discard: [me]`",
        "set aside", foreign_discard),
    row("another cluster's", "another cluster's", "any",
        "stop; remedy: `discard: [node]`", foreign),
    row("unreadable, quorum", "unreadable", "quorum",
        "write `joined`, set aside, as none", unreadable_quorum),
    row("unreadable", "unreadable", "no quorum",
        "stop, keep; it counts as data", unreadable),
    row("none, running", "none, and etcd runs", "any",
        "wait for its log", none_running),
    row("none, ready", "none, `ready`", "a peer's committed set holds my stored nonce",
        "commit, `new`", none_ready),
    row("none, committed", "none, `committed`", "all answer, nobody joined",
        "new nonce, `ready` (never `new` with the old set)", none_committed),
    row("none, quorum", "none", "quorum",
        "remove my entries, add learner, marker `committed` (keep `joined`), start `existing`, be promoted", none_quorum),
    row("none, restore", "none, not begun in this incarnation",
        "the plan says `restore` with me, every other member answers with the new incarnation or is in `without`, none is committed or joined in it",
        "build from the snapshot, marker `ready` with its cluster, rename", none_restore),
    row("none, restore lost", "none, `committed` or `joined`", "the plan says `restore` with me",
        "stop: total loss; restore again in the next incarnation", none_restore_lost),
    row("none, recover", "none", "the plan says `recoverFrom` or `restore`",
        "wait for its quorum; never bootstrap", none_recover),
    row("none, found", "none",
        "all answer, all empty, none committed or joined, same digest, before `bootstrapNotAfter`",
        "publish nonce; when all report the same set: commit, `new`", none_found),
    row("none, digests", "none", "digests differ",
        "wait, name both", none_digests),
    row("none, quorum lost", "none", "data or `joined` somewhere, not all empty",
        "wait, `QUORUM_LOST`", none_quorum_lost),
    row("none, silent", "none", "some silent or unknown, no data seen",
        "wait; the operator renders the next incarnation and `without`", none_silent),
    row("none, total loss", "none", "all empty, some joined",
        "stop: total loss; restore from a snapshot", none_total_loss),
    row("none, expired", "none", "all empty, none committed or joined, too late",
        "stop, `EXPIRED`", none_expired),
    row("otherwise", "any", "otherwise",
        "wait", otherwise),
];

/// What to do now.
pub fn decide(view: &View) -> Decision {
    decide_by(ROWS, view)
}

/// The same with another table, for tests that show what a row is for.
pub fn decide_by(rows: &[Row], view: &View) -> Decision {
    let first = rows.iter().find_map(|row| (row.rule)(view).map(|action| Decision { row: row.name, action }));
    first.unwrap_or(Decision { row: "otherwise", action: wait(WaitCode::Settling) })
}

/// Whether etcd, once it has run like this for a while, is to be stopped so that the table is read with a log that stands
/// still. A member that is `joined` and has its log waits for its quorum; one that is `joined` and has none is a learner
/// that may have been evicted before it started, and would wait for ever.
pub fn gives_up(view: &View) -> bool {
    let waits = matches!(view.etcd, Etcd::Running { leader: false, .. });
    waits && (view.phase() != Some(Phase::Joined) || view.own() == Own::None)
}

fn wait(code: WaitCode) -> Action {
    Action::Wait(code, Vec::new())
}

fn unknown(view: &View) -> Option<Action> {
    (view.own() == Own::Unknown).then(|| wait(WaitCode::Unknown))
}

fn previous_quorum(view: &View) -> Option<Action> {
    (view.own() == Own::Previous && view.quorum.is_some()).then(|| set_aside(view, None))
}

fn previous_recover(view: &View) -> Option<Action> {
    let mine = view.own() == Own::Previous && view.words.recover_from == Some(view.me);
    if !mine || !view.all_answer() || view.peer_markers().any(|marker| marker.phase == Phase::Joined) {
        return None;
    }
    Some(match view.etcd {
        Etcd::Stopped => Action::Run(vec![Effect::Start(StartMode::ForceNew)]),
        // The copy beside the log first: whoever loses the other place keeps log and marker together.
        Etcd::Running { leader: true, .. } => {
            let [outside, beside] = both_places(joined(view));
            Action::Run(vec![beside, outside])
        }
        Etcd::Running { leader: false, .. } => wait(WaitCode::EtcdStarts),
    })
}

/// Whether the snapshot may be restored now: nobody has begun with it, and nobody is away that may have.
fn restores(view: &View) -> bool {
    let begun = view.phase() >= Some(Phase::Committed) || view.has_begun();
    view.words.restore == Some(view.me) && !begun && view.all_answer()
}

fn old_restore(view: &View) -> Option<Action> {
    let old = matches!(view.own(), Own::Previous | Own::Unreadable) && view.phase().is_none();
    (old && restores(view)).then(|| set_aside(view, None))
}

fn previous(view: &View) -> Option<Action> {
    let mine = view.words.first() == Some(view.me);
    let code = if mine { WaitCode::RecoveryPeers } else { WaitCode::PreviousIncarnation };
    (view.own() == Own::Previous).then(|| Action::Wait(code, view.silent().collect()))
}

fn ours_removed(view: &View) -> Option<Action> {
    let (Own::Ours { member, .. }, Some(quorum)) = (view.own(), &view.quorum) else { return None };
    (!quorum.members.iter().any(|listed| listed.id == member)).then(|| set_aside_for_quorum(view))
}

/// Until etcd has been started with it, a restored folder may be built again; from now on it may not.
fn ours_restored(view: &View) -> Option<Action> {
    let Own::Ours { .. } = view.own() else { return None };
    let marker = view.own_marker().filter(|_| view.phase() == Some(Phase::Ready) && view.etcd == Etcd::Stopped)?;
    let committed = Marker { phase: Phase::Committed, counter: next_count(view), ..marker.clone() };
    let mut effects: Vec<Effect> = both_places(committed).into();
    effects.push(Effect::Start(StartMode::SelfOnly));
    Some(Action::Run(effects))
}

fn ours_only_bootstrap(view: &View) -> Option<Action> {
    let Own::Ours { only_bootstrap: true, .. } = view.own() else { return None };
    let marker = view.own_marker().filter(|_| view.phase() == Some(Phase::Committed))?;
    let others = view.peers.iter().any(|peer| view.is_founder(peer.member));
    let follower = view.peer_markers().any(|peer| marker.nonce_set.contains(peer.nonce));
    let alone = view.all_empty() && !view.peer_joined() && !follower;
    (others && alone).then(|| set_aside(view, Some(ready(view, view.fresh, NonceSet::default()))))
}

fn ours(view: &View) -> Option<Action> {
    if !matches!(view.own(), Own::Ours { .. }) {
        return None;
    }
    Some(match view.etcd {
        Etcd::Stopped => Action::Run(vec![Effect::Start(StartMode::SelfOnly)]),
        Etcd::Running { leader: false, .. } => wait(WaitCode::EtcdStarts),
        Etcd::Running { leader: true, voter: false } => Action::Run(vec![Effect::Promote]),
        Etcd::Running { leader: true, voter: true } if view.phase() == Some(Phase::Joined) => wait(WaitCode::Joined),
        Etcd::Running { leader: true, voter: true } => write(joined(view)),
    })
}

fn foreign_discard(view: &View) -> Option<Action> {
    let told = view.words.discard.contains(&view.me);
    (view.own() == Own::Foreign && told).then(|| set_aside(view, None))
}

fn foreign(view: &View) -> Option<Action> {
    (view.own() == Own::Foreign).then_some(Action::Stop(StopCode::ForeignData))
}

fn unreadable_quorum(view: &View) -> Option<Action> {
    (view.own() == Own::Unreadable && view.quorum.is_some()).then(|| set_aside_for_quorum(view))
}

fn unreadable(view: &View) -> Option<Action> {
    (view.own() == Own::Unreadable).then_some(Action::Stop(StopCode::Unreadable))
}

/// From here on [`Own::None`] is all that is left, but each rule says so itself, so that rows may be left out in tests.
fn none(view: &View) -> bool {
    view.own() == Own::None && view.etcd == Etcd::Stopped
}

fn none_running(view: &View) -> Option<Action> {
    (view.own() == Own::None && view.etcd != Etcd::Stopped).then(|| wait(WaitCode::EtcdStarts))
}

fn none_ready(view: &View) -> Option<Action> {
    if !none(view) || view.phase() != Some(Phase::Ready) || view.words.restore.is_some() {
        return None;
    }
    let nonce = view.own_marker()?.nonce;
    let mut committed = view.peer_markers().filter(|marker| marker.phase >= Phase::Committed);
    committed.find(|marker| marker.nonce_set.contains(nonce)).map(|marker| found(view, &marker.nonce_set))
}

fn none_committed(view: &View) -> Option<Action> {
    let committed = none(view) && view.phase() == Some(Phase::Committed);
    let abandoned = view.all_answer() && !view.peer_joined() && view.words.restore.is_none();
    (committed && abandoned).then(|| write(ready(view, view.fresh, NonceSet::default())))
}

fn none_quorum(view: &View) -> Option<Action> {
    let quorum = view.quorum.as_ref().filter(|_| none(view))?;
    let old = view.own_marker();
    let kept = old.is_some_and(|marker| marker.phase == Phase::Joined);
    let marker = Marker {
        uid: view.uid.clone(),
        incarnation: view.incarnation,
        nonce: stored_nonce(view),
        nonce_set: quorum.nonce_set.clone(),
        cluster: Some(quorum.cluster),
        phase: if kept { Phase::Joined } else { Phase::Committed },
        counter: next_count(view),
    };
    Some(Action::Run(vec![
        Effect::RemoveEntries,
        Effect::AddLearner,
        Effect::WriteOutside(marker.clone()),
        Effect::WriteBeside(marker),
        Effect::Start(StartMode::Existing(quorum.cluster)),
    ]))
}

/// The marker, and with it the trace of what was there before, is only overwritten when the new folder is complete.
fn none_restore(view: &View) -> Option<Action> {
    if !none(view) || !restores(view) {
        return None;
    }
    let nonce = stored_nonce(view);
    let set = NonceSet::from(vec![nonce]);
    let mut effects = vec![Effect::BuildRestored(set.clone())];
    effects.extend(both_places(ready(view, nonce, set)));
    effects.push(Effect::AdoptRestored);
    Some(Action::Run(effects))
}

fn none_restore_lost(view: &View) -> Option<Action> {
    let lost = none(view) && view.words.restore == Some(view.me) && view.phase() >= Some(Phase::Committed);
    lost.then_some(Action::Stop(StopCode::TotalLoss))
}

fn none_recover(view: &View) -> Option<Action> {
    let source = view.words.first().filter(|_| none(view))?;
    Some(Action::Wait(WaitCode::RecoveryQuorum, vec![source]))
}

fn none_found(view: &View) -> Option<Action> {
    let empty = none(view) && view.all_empty() && !view.some_committed_or_joined();
    if !empty || !view.other_digests().is_empty() || view.now > view.words.bootstrap_not_after {
        return None;
    }
    Some(agree(view))
}

/// Three steps, each seen by all before the next: a nonce, the set of all nonces, the commit.
fn agree(view: &View) -> Action {
    let Some(mine) = view.own_marker().filter(|_| view.phase() == Some(Phase::Ready)) else {
        return write(ready(view, view.fresh, NonceSet::default()));
    };
    let founders = || view.answers().filter(|(member, _)| view.is_founder(*member));
    let markers: Vec<&Marker> = founders().filter_map(|(_, answer)| answer.marker.as_ref()).collect();
    let current = |marker: &&Marker| marker.uid == view.uid && marker.incarnation == view.incarnation;
    if markers.len() < founders().count() || !markers.iter().all(current) {
        return wait(WaitCode::Settling);
    }
    let all = markers.iter().map(|marker| marker.nonce).chain([mine.nonce]).collect::<Vec<_>>();
    let set = NonceSet::from(all);
    if mine.nonce_set != set {
        return write(ready(view, mine.nonce, set));
    }
    if markers.iter().all(|marker| marker.nonce_set == set) { found(view, &set) } else { wait(WaitCode::Settling) }
}

fn none_digests(view: &View) -> Option<Action> {
    let other = view.other_digests();
    (none(view) && !other.is_empty()).then_some(Action::Wait(WaitCode::DigestsDiffer, other))
}

fn none_quorum_lost(view: &View) -> Option<Action> {
    let trace = !view.others_empty() || view.some_joined();
    (none(view) && trace && !view.all_empty()).then(|| Action::Wait(WaitCode::QuorumLost, concerned(view)))
}

/// Members that hold data, and those that do not answer.
fn concerned(view: &View) -> Vec<MemberIndex> {
    let holds = |(member, answer): (MemberIndex, &Answer)| (answer.data == AnswerData::Held).then_some(member);
    let mut members: Vec<MemberIndex> = view.heard().filter_map(holds).chain(view.silent()).collect();
    members.sort_unstable();
    members.dedup();
    members
}

fn none_silent(view: &View) -> Option<Action> {
    (none(view) && !view.all_answer()).then(|| Action::Wait(WaitCode::Silent, view.silent().collect()))
}

fn none_total_loss(view: &View) -> Option<Action> {
    (none(view) && view.all_empty() && view.some_joined()).then_some(Action::Stop(StopCode::TotalLoss))
}

fn none_expired(view: &View) -> Option<Action> {
    let late = view.now > view.words.bootstrap_not_after;
    (none(view) && view.all_empty() && late && !view.some_committed_or_joined())
        .then_some(Action::Stop(StopCode::Expired))
}

fn otherwise(_: &View) -> Option<Action> {
    Some(wait(WaitCode::Settling))
}

/// Stop etcd first, and look again; when it stands still, rename, and only then write the marker.
fn set_aside(view: &View, marker: Option<Marker>) -> Action {
    if view.etcd != Etcd::Stopped {
        return Action::Run(vec![Effect::StopEtcd]);
    }
    let mut effects = vec![Effect::SetAside];
    effects.extend(marker.into_iter().flat_map(both_places));
    Action::Run(effects)
}

/// The quorum may be gone when the data are. So `joined` comes first: it keeps everybody from founding an empty cluster.
fn set_aside_for_quorum(view: &View) -> Action {
    if view.etcd != Etcd::Stopped || view.phase() == Some(Phase::Joined) {
        return set_aside(view, None);
    }
    let [outside, beside] = both_places(joined(view));
    Action::Run(vec![outside, beside, Effect::SetAside])
}

fn both_places(marker: Marker) -> [Effect; 2] {
    [Effect::WriteOutside(marker.clone()), Effect::WriteBeside(marker)]
}

fn write(marker: Marker) -> Action {
    Action::Run(both_places(marker).into())
}

fn found(view: &View, set: &NonceSet) -> Action {
    let marker = Marker { phase: Phase::Committed, ..ready(view, stored_nonce(view), set.clone()) };
    let mut effects: Vec<Effect> = both_places(marker).into();
    effects.push(Effect::Start(StartMode::New(set.clone())));
    Action::Run(effects)
}

fn ready(view: &View, nonce: Nonce, nonce_set: NonceSet) -> Marker {
    Marker {
        uid: view.uid.clone(),
        incarnation: view.incarnation,
        nonce,
        nonce_set,
        cluster: None,
        phase: Phase::Ready,
        counter: next_count(view),
    }
}

fn joined(view: &View) -> Marker {
    let own_set = view.own_marker().map(|marker| marker.nonce_set.clone());
    let quorum_set = || view.quorum.as_ref().map(|quorum| quorum.nonce_set.clone());
    let cluster = match view.own {
        OwnData::Log { cluster, .. } => Some(cluster),
        _ => view.quorum.as_ref().map(|quorum| quorum.cluster),
    };
    let nonce_set = own_set.or_else(quorum_set).unwrap_or_default();
    Marker { phase: Phase::Joined, cluster, ..ready(view, stored_nonce(view), nonce_set) }
}

fn stored_nonce(view: &View) -> Nonce {
    view.current_marker().map_or(view.fresh, |marker| marker.nonce)
}

fn next_count(view: &View) -> u64 {
    view.own_marker().map_or(0, |marker| marker.counter).saturating_add(1)
}
