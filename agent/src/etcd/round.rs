//! One round of questions: all other members at once, then etcd, then the own disk.
//!
//! Nothing of a round is used in another. What follows from it is `guard::decide`'s.

use super::gateway::{Entry, Gateway, Members};
use super::member::Member;
use super::serve::{PATH, STATE_HEADER};
use crate::guard::{Answer, Etcd, Listed, Marker, MemberIndex, Nonce, OwnData, Peer, Phase, Quorum, View};
use crate::http::{Client, HttpError, Identity};
use crate::step;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::Duration;

/// A peer that has not answered within this time is silent in this round.
const TIME: Duration = Duration::from_millis(1500);
/// No answer is larger, in bytes.
const LIMIT: u64 = 64 << 10;

/// Asks.
pub(crate) struct Questions {
    client: Client,
    identity: Identity,
    /// One for each member of the plan.
    gateways: Vec<Gateway>,
}

/// What a round showed.
#[derive(Debug)]
pub(crate) struct Round {
    /// What the decision is made from.
    pub(crate) view: View,
    /// The member that showed the quorum, and its list.
    pub(crate) source: Option<(MemberIndex, Members)>,
    /// What the local etcd gave after a linearizable read.
    pub(crate) local: Option<Local>,
}

/// What the local etcd says when it takes part in a quorum.
#[derive(Debug)]
pub(crate) struct Local {
    /// The cluster's list.
    pub(crate) members: Members,
    /// Its alarms, and what else it complains of.
    pub(crate) errors: Vec<String>,
}

/// What one peer showed.
type Heard = (Option<Answer>, Option<(Marker, Members)>);

impl Questions {
    /// Asks with this identity.
    pub(crate) fn new(member: &Member, identity: &Identity) -> Result<Self, HttpError> {
        let gateways = member.etcd.members.iter().map(|other| Gateway::new(identity, &other.client_url));
        Ok(Self {
            client: Client::new(identity, TIME)?,
            identity: identity.clone(),
            gateways: gateways.collect::<Result<_, _>>()?,
        })
    }

    /// The API of a member's etcd.
    pub(crate) fn gateway(&self, member: MemberIndex) -> &Gateway {
        &self.gateways[member]
    }

    /// Whether the member of an entry answers as that entry, at a client URL that the entry or the plan names.
    pub(crate) fn works(&self, member: &Member, entry: &Entry) -> bool {
        let planned = member.etcd.members.iter().filter(|planned| is_entry_of(entry, planned));
        let urls: BTreeSet<&String> = planned.map(|planned| &planned.client_url).chain(&entry.client_urls).collect();
        let gateways = urls.into_iter().filter_map(|url| Gateway::new(&self.identity, url).ok());
        gateways.into_iter().any(|gateway| gateway.status().is_ok_and(|status| status.responder() == entry.id()))
    }

    /// A round.
    pub(crate) fn ask(&self, member: &Member) -> Round {
        let state = format!("{} {}", member.own().name, state(&member.answer()));
        let others: Vec<MemberIndex> = (0..member.etcd.members.len()).filter(|other| *other != member.me).collect();
        let running = member.manifest.is_running();
        let (heard, (etcd, local)) = std::thread::scope(|scope| {
            let asked: Vec<_> = others.iter().map(|other| scope.spawn(|| self.hear(member, *other, &state))).collect();
            let local = if running { self.local(member.me) } else { (Etcd::Stopped, None) };
            let heard: Vec<Heard> = asked.into_iter().map(|thread| thread.join().unwrap_or_default()).collect();
            (heard, local)
        });
        let mut peers = Vec::new();
        let mut shown = None;
        for (other, (answer, quorum)) in others.into_iter().zip(heard) {
            peers.push(Peer { member: other, answer });
            shown = shown.or(quorum.map(|(marker, members)| (other, marker, members)));
        }
        let quorum = shown.as_ref().map(|(_, marker, members)| quorum(member, marker, members));
        let source = shown.map(|(other, _, members)| (other, members));
        // Own data last: whatever has happened meanwhile is seen.
        let (own, marker) = (member.places.inspect(running), member.places.read());
        let view = View {
            me: member.me,
            uid: member.plan.cluster.uid.clone(),
            incarnation: member.plan.cluster.incarnation,
            digest: member.digest.clone(),
            words: member.words(),
            now: step::now(),
            own: settled(own, running),
            marker,
            etcd: if etcd == Etcd::Stopped && member.manifest.is_running() { STARTING } else { etcd },
            peers,
            quorum,
            fresh: fresh(),
        };
        Round { view, source, local }
    }

    /// One peer's answer, and, when it is joined in this incarnation, its etcd's linearizable list of members.
    fn hear(&self, member: &Member, other: MemberIndex, state: &str) -> Heard {
        let url = &member.etcd.members[other].guard_url;
        let Ok(answer) = answer_of(&self.client, url, Some(state)) else { return (None, None) };
        let cluster = &member.plan.cluster;
        let current = |marker: &&Marker| marker.uid == cluster.uid && marker.incarnation == cluster.incarnation;
        let counts = answer.uid == cluster.uid && answer.incarnation == cluster.incarnation;
        let joined = answer.marker.as_ref().filter(current).filter(|marker| counts && marker.phase == Phase::Joined);
        let quorum = joined.and_then(|marker| Some((marker.clone(), self.gateways[other].members().ok()?)));
        (Some(answer), quorum)
    }

    /// A learner can't read linearizably; that it has a leader is all that it can tell.
    fn local(&self, me: MemberIndex) -> (Etcd, Option<Local>) {
        let Ok(status) = self.gateways[me].status() else { return (STARTING, None) };
        if status.learner || !status.has_leader() {
            return (Etcd::Running { leader: status.learner && status.has_leader(), voter: false }, None);
        }
        let Ok(members) = self.gateways[me].members() else { return (STARTING, None) };
        let voter = members.members.iter().any(|entry| entry.id() == members.responder() && !entry.learner);
        (Etcd::Running { leader: true, voter }, Some(Local { members, errors: status.errors }))
    }
}

/// What a member's guard answers; `state`: what the one who asks would answer, if it is a member.
pub(crate) fn answer_of(client: &Client, url: &str, state: Option<&str>) -> Result<Answer, HttpError> {
    let url = format!("{url}{PATH}");
    let wrong = |reason: String| HttpError::Answer { url: url.clone(), reason };
    let request = ureq::http::Request::get(&url);
    let request = match state {
        Some(state) => request.header(STATE_HEADER, state),
        None => request,
    };
    let request = request.body(Vec::new()).map_err(|error| wrong(error.to_string()))?;
    let text = client.send(request, LIMIT)?;
    serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))
}

const STARTING: Etcd = Etcd::Running { leader: false, voter: false };

/// A log is only known to stand still when etcd was stopped before the round and after it.
fn settled(own: OwnData, running: bool) -> OwnData {
    match own {
        OwnData::Log { cluster, member, only_bootstrap } => {
            OwnData::Log { cluster, member, only_bootstrap: only_bootstrap && !running }
        }
        other => other,
    }
}

/// Whether an entry of etcd's list is, or was, this member's.
pub(crate) fn is_entry_of(entry: &Entry, member: &crate::plan::Member) -> bool {
    entry.peer_urls.contains(&member.peer_url) || entry.name == member.name
}

fn quorum(member: &Member, marker: &Marker, members: &Members) -> Quorum {
    let listed = members.members.iter().map(|entry| {
        let by_url = |other: &crate::plan::Member| entry.peer_urls.contains(&other.peer_url);
        let by_name = |other: &crate::plan::Member| entry.name == other.name;
        let place = member.etcd.members.iter().position(by_url);
        let place = place.or_else(|| member.etcd.members.iter().position(by_name));
        Listed { id: entry.id(), member: place, learner: entry.learner }
    });
    Quorum { cluster: members.cluster(), nonce_set: marker.nonce_set.clone(), members: listed.collect() }
}

/// What others compare to see whether this member has changed.
fn state(answer: &Answer) -> String {
    let text = serde_json::to_vec(answer).unwrap_or_default();
    HEXLOWER.encode(&Sha256::digest(text)[..8])
}

/// Without randomness no cluster may be founded; the kernel blocks until it has some, and never fails after that.
fn fresh() -> Nonce {
    let mut bytes = [0_u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(_) => std::thread::yield_now(),
        }
    }
    Nonce(u128::from_ne_bytes(bytes))
}
