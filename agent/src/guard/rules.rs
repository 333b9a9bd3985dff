//! What each row of the table asks for and does, in the table's order.
//!
//! Which row comes first is in `table`; the markers and effects that rows share are in `writes`.

use super::action::{Action, Effect, StartMode, StopCode, WaitCode};
use super::marker::{Marker, NonceSet, Phase};
use super::view::{Answer, AnswerData, Etcd, MemberIndex, Own, View};
use super::writes::{
    both_places, found, joined, next_count, ready, set_aside, set_aside_for_quorum, stored_nonce, write,
};

fn wait(code: WaitCode) -> Action {
    Action::Wait(code, Vec::new())
}

pub(super) fn unknown(view: &View) -> Option<Action> {
    (view.own() == Own::Unknown).then(|| wait(WaitCode::Unknown))
}

pub(super) fn previous_quorum(view: &View) -> Option<Action> {
    (view.own() == Own::Previous && view.quorum.is_some()).then(|| set_aside(view, None))
}

pub(super) fn previous_recover(view: &View) -> Option<Action> {
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

pub(super) fn old_restore(view: &View) -> Option<Action> {
    let old = matches!(view.own(), Own::Previous | Own::Unreadable) && view.phase().is_none();
    (old && restores(view)).then(|| set_aside(view, None))
}

pub(super) fn previous(view: &View) -> Option<Action> {
    let mine = view.words.first() == Some(view.me);
    let code = if mine { WaitCode::RecoveryPeers } else { WaitCode::PreviousIncarnation };
    (view.own() == Own::Previous).then(|| Action::Wait(code, view.silent().collect()))
}

pub(super) fn ours_removed(view: &View) -> Option<Action> {
    let (Own::Ours { member, .. }, Some(quorum)) = (view.own(), &view.quorum) else { return None };
    (!quorum.members.iter().any(|listed| listed.id == member)).then(|| set_aside_for_quorum(view))
}

/// Until etcd has been started with it, a restored folder may be built again; from now on it may not.
pub(super) fn ours_restored(view: &View) -> Option<Action> {
    let Own::Ours { .. } = view.own() else { return None };
    let marker = view.own_marker().filter(|_| view.phase() == Some(Phase::Ready) && view.etcd == Etcd::Stopped)?;
    let committed = Marker { phase: Phase::Committed, counter: next_count(view), ..marker.clone() };
    let mut effects: Vec<Effect> = both_places(committed).into();
    effects.push(Effect::Start(StartMode::SelfOnly));
    Some(Action::Run(effects))
}

pub(super) fn ours_only_bootstrap(view: &View) -> Option<Action> {
    let Own::Ours { only_bootstrap: true, .. } = view.own() else { return None };
    let marker = view.own_marker().filter(|_| view.phase() == Some(Phase::Committed))?;
    let others = view.peers.iter().any(|peer| view.is_founder(peer.member));
    let follower = view.peer_markers().any(|peer| marker.nonce_set.contains(peer.nonce));
    let alone = view.all_empty() && !view.peer_joined() && !follower;
    (others && alone).then(|| set_aside(view, Some(ready(view, view.fresh, NonceSet::default()))))
}

pub(super) fn ours(view: &View) -> Option<Action> {
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

pub(super) fn foreign_discard(view: &View) -> Option<Action> {
    let told = view.words.discard.contains(&view.me);
    (view.own() == Own::Foreign && told).then(|| set_aside(view, None))
}

pub(super) fn foreign(view: &View) -> Option<Action> {
    (view.own() == Own::Foreign).then_some(Action::Stop(StopCode::ForeignData))
}

pub(super) fn unreadable_quorum(view: &View) -> Option<Action> {
    (view.own() == Own::Unreadable && view.quorum.is_some()).then(|| set_aside_for_quorum(view))
}

pub(super) fn unreadable(view: &View) -> Option<Action> {
    (view.own() == Own::Unreadable).then_some(Action::Stop(StopCode::Unreadable))
}

/// From here on [`Own::None`] is all that is left, but each rule says so itself, so that rows may be left out in tests.
fn none(view: &View) -> bool {
    view.own() == Own::None && view.etcd == Etcd::Stopped
}

pub(super) fn none_running(view: &View) -> Option<Action> {
    (view.own() == Own::None && view.etcd != Etcd::Stopped).then(|| wait(WaitCode::EtcdStarts))
}

pub(super) fn none_ready(view: &View) -> Option<Action> {
    if !none(view) || view.phase() != Some(Phase::Ready) || view.words.restore.is_some() {
        return None;
    }
    let nonce = view.own_marker()?.nonce;
    let mut committed = view.peer_markers().filter(|marker| marker.phase >= Phase::Committed);
    committed.find(|marker| marker.nonce_set.contains(nonce)).map(|marker| found(view, &marker.nonce_set))
}

pub(super) fn none_committed(view: &View) -> Option<Action> {
    let committed = none(view) && view.phase() == Some(Phase::Committed);
    let abandoned = view.all_answer() && !view.peer_joined() && view.words.restore.is_none();
    (committed && abandoned).then(|| write(ready(view, view.fresh, NonceSet::default())))
}

pub(super) fn none_quorum(view: &View) -> Option<Action> {
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
pub(super) fn none_restore(view: &View) -> Option<Action> {
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

pub(super) fn none_restore_lost(view: &View) -> Option<Action> {
    let lost = none(view) && view.words.restore == Some(view.me) && view.phase() >= Some(Phase::Committed);
    lost.then_some(Action::Stop(StopCode::TotalLoss))
}

pub(super) fn none_recover(view: &View) -> Option<Action> {
    let source = view.words.first().filter(|_| none(view))?;
    Some(Action::Wait(WaitCode::RecoveryQuorum, vec![source]))
}

pub(super) fn none_found(view: &View) -> Option<Action> {
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

pub(super) fn none_digests(view: &View) -> Option<Action> {
    let other = view.other_digests();
    (none(view) && !other.is_empty()).then_some(Action::Wait(WaitCode::DigestsDiffer, other))
}

pub(super) fn none_quorum_lost(view: &View) -> Option<Action> {
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

pub(super) fn none_silent(view: &View) -> Option<Action> {
    (none(view) && !view.all_answer()).then(|| Action::Wait(WaitCode::Silent, view.silent().collect()))
}

pub(super) fn none_total_loss(view: &View) -> Option<Action> {
    (none(view) && view.all_empty() && view.some_joined()).then_some(Action::Stop(StopCode::TotalLoss))
}

pub(super) fn none_expired(view: &View) -> Option<Action> {
    let late = view.now > view.words.bootstrap_not_after;
    (none(view) && view.all_empty() && late && !view.some_committed_or_joined())
        .then_some(Action::Stop(StopCode::Expired))
}

pub(super) fn otherwise(_: &View) -> Option<Action> {
    Some(wait(WaitCode::Settling))
}
