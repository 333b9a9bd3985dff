//! Markers that rows write, and lists of effects that several rows share.
//!
//! When they are right is the rows' to say.

use super::action::{Action, Effect, StartMode};
use super::marker::{Marker, Nonce, NonceSet, Phase};
use super::view::{Etcd, OwnData, View};

/// Stop etcd first, and look again; when it stands still, rename, and only then write the marker.
pub(super) fn set_aside(view: &View, marker: Option<Marker>) -> Action {
    if view.etcd != Etcd::Stopped {
        return Action::Run(vec![Effect::StopEtcd]);
    }
    let mut effects = vec![Effect::SetAside];
    effects.extend(marker.into_iter().flat_map(both_places));
    Action::Run(effects)
}

/// The quorum may be gone when the data are. So `joined` comes first: it keeps everybody from founding an empty cluster.
pub(super) fn set_aside_for_quorum(view: &View) -> Action {
    if view.etcd != Etcd::Stopped || view.phase() == Some(Phase::Joined) {
        return set_aside(view, None);
    }
    let [outside, beside] = both_places(joined(view));
    Action::Run(vec![outside, beside, Effect::SetAside])
}

pub(super) fn both_places(marker: Marker) -> [Effect; 2] {
    [Effect::WriteOutside(marker.clone()), Effect::WriteBeside(marker)]
}

pub(super) fn write(marker: Marker) -> Action {
    Action::Run(both_places(marker).into())
}

pub(super) fn found(view: &View, set: &NonceSet) -> Action {
    let marker = Marker { phase: Phase::Committed, ..ready(view, stored_nonce(view), set.clone()) };
    let mut effects: Vec<Effect> = both_places(marker).into();
    effects.push(Effect::Start(StartMode::New(set.clone())));
    Action::Run(effects)
}

pub(super) fn ready(view: &View, nonce: Nonce, nonce_set: NonceSet) -> Marker {
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

pub(super) fn joined(view: &View) -> Marker {
    let own_set = view.own_marker().map(|marker| marker.nonce_set.clone());
    let quorum_set = || view.quorum.as_ref().map(|quorum| quorum.nonce_set.clone());
    let cluster = match view.own {
        OwnData::Log { cluster, .. } => Some(cluster),
        _ => view.quorum.as_ref().map(|quorum| quorum.cluster),
    };
    let nonce_set = own_set.or_else(quorum_set).unwrap_or_default();
    Marker { phase: Phase::Joined, cluster, ..ready(view, stored_nonce(view), nonce_set) }
}

pub(super) fn stored_nonce(view: &View) -> Nonce {
    view.current_marker().map_or(view.fresh, |marker| marker.nonce)
}

pub(super) fn next_count(view: &View) -> u64 {
    view.own_marker().map_or(0, |marker| marker.counter).saturating_add(1)
}
