//! All that the guard knows when it decides: the plan's words, the own disk, and the answers of one round of questions.
//!
//! How it comes to know it is not here.

use super::marker::{ClusterId, Marker, MarkerRead, MemberId, Nonce, NonceSet, Phase};
use serde::{Deserialize, Serialize};

/// A member's place in the plan's list of members.
pub type MemberIndex = usize;

/// What a member finds in its own etcd folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OwnData {
    /// The mount is missing, or reading failed.
    Unknown,
    /// No log, a log without entries, or a lone `snap/db`.
    None,
    /// A log that can be read; a torn tail counts, for etcd repairs it.
    Log {
        /// Cluster id in the log's metadata.
        cluster: ClusterId,
        /// Member id in the log's metadata.
        member: MemberId,
        /// Whether the log holds nothing but the members that etcd writes into a new log. False while etcd runs.
        only_bootstrap: bool,
    },
    /// A log that is damaged before its tail.
    Unreadable,
}

/// What a member tells others about its data.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AnswerData {
    /// It can't tell; it counts as silent.
    Unknown,
    /// It has none.
    Empty,
    /// It has some, of whatever kind, readable or not.
    Held,
}

/// What a member answers on port 2382.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Identity of the Kubernetes cluster, from its plan.
    pub uid: String,
    /// Incarnation, from its plan.
    pub incarnation: u32,
    /// Digest of uid, incarnation, names and peer URLs, from its plan.
    pub digest: String,
    /// Its data.
    pub data: AnswerData,
    /// Its marker: phase, nonce and set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<Marker>,
    /// Generation of its plan, for people.
    pub generation: u64,
    /// A digest of its machine-id, which no other machine may have; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
}

/// Another member, and what it answered in this round.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Peer {
    /// Which one.
    pub member: MemberIndex,
    /// Its answer; [`None`]: silent.
    pub answer: Option<Answer>,
}

/// An entry of etcd's member list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Its id.
    pub id: MemberId,
    /// The member of the plan to which it belongs: by peer URL, or by name when that entry is dead.
    pub member: Option<MemberIndex>,
    /// Whether it has no vote.
    pub learner: bool,
}

/// A linearizable member list, from a peer that is joined in this incarnation and answered in this round.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quorum {
    /// Id of its cluster.
    pub cluster: ClusterId,
    /// The set in that peer's marker.
    pub nonce_set: NonceSet,
    /// Its members.
    pub members: Vec<Listed>,
}

/// etcd on this machine, now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Etcd {
    /// It does not run.
    Stopped,
    /// It runs.
    Running {
        /// Whether it sees a leader.
        leader: bool,
        /// Whether it has a vote, as the leader sees it.
        voter: bool,
    },
}

/// What the plan says beside the members.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Words {
    /// The member whose data the incarnation starts from.
    pub recover_from: Option<MemberIndex>,
    /// The member that begins the incarnation with a snapshot; never together with `recover_from`.
    pub restore: Option<MemberIndex>,
    /// Members whose disks are gone for good; they are no founders.
    pub without: Vec<MemberIndex>,
    /// Members whose foreign data may be set aside.
    pub discard: Vec<MemberIndex>,
    /// The cluster may be founded until this second since 1970.
    pub bootstrap_not_after: i64,
}

impl Words {
    /// The member that begins the incarnation with data of its own or a snapshot.
    pub(crate) fn first(&self) -> Option<MemberIndex> {
        self.recover_from.or(self.restore)
    }
}

/// All that the guard knows when it decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct View {
    /// This member.
    pub me: MemberIndex,
    /// Identity of the Kubernetes cluster, from the plan.
    pub uid: String,
    /// Incarnation, from the plan.
    pub incarnation: u32,
    /// Digest of uid, incarnation, names and peer URLs.
    pub digest: String,
    /// The plan's words.
    pub words: Words,
    /// Seconds since 1970.
    pub now: i64,
    /// The own data, read after the last answer came in.
    pub own: OwnData,
    /// The own marker.
    pub marker: MarkerRead,
    /// etcd on this machine.
    pub etcd: Etcd,
    /// All other members of the plan, each with its answer of this round.
    pub peers: Vec<Peer>,
    /// A quorum, if a peer of this round showed one.
    pub quorum: Option<Quorum>,
    /// A nonce that nobody has seen yet, for the rows that need one.
    pub fresh: Nonce,
}

/// The own data, in the words of the table's first column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Own {
    Unknown,
    None,
    Previous,
    Ours { member: MemberId, only_bootstrap: bool },
    Foreign,
    Unreadable,
}

impl View {
    /// The first column of the table. A marker of another Kubernetes cluster makes the log another cluster's.
    pub(crate) fn own(&self) -> Own {
        let (cluster, member, only_bootstrap) = match self.own {
            OwnData::Unknown => return Own::Unknown,
            _ if self.marker == MarkerRead::Unknown => return Own::Unknown,
            OwnData::None => return Own::None,
            OwnData::Unreadable => return Own::Unreadable,
            OwnData::Log { cluster, member, only_bootstrap } => (cluster, member, only_bootstrap),
        };
        let ours = Own::Ours { member, only_bootstrap };
        match self.own_marker().filter(|marker| marker.cluster == Some(cluster)) {
            Some(marker) if marker.incarnation == self.incarnation => ours,
            Some(_) => Own::Previous,
            None if self.quorum.as_ref().is_some_and(|quorum| quorum.cluster == cluster) => ours,
            None => Own::Foreign,
        }
    }

    /// The own marker, if it is of this Kubernetes cluster.
    pub(crate) fn own_marker(&self) -> Option<&Marker> {
        match &self.marker {
            MarkerRead::Known(marker) if marker.uid == self.uid => Some(marker),
            _ => None,
        }
    }

    /// The own marker, if it was written in this incarnation.
    pub(crate) fn current_marker(&self) -> Option<&Marker> {
        self.own_marker().filter(|marker| marker.incarnation == self.incarnation)
    }

    /// The own phase in this incarnation.
    pub(crate) fn phase(&self) -> Option<Phase> {
        self.current_marker().map(|marker| marker.phase)
    }

    /// Whether the cluster may count on this member to be one of its founders.
    pub(crate) fn is_founder(&self, member: MemberIndex) -> bool {
        !self.words.without.contains(&member)
    }

    /// Answers that count: of this Kubernetes cluster, and of a member that knows its own data.
    pub(crate) fn heard(&self) -> impl Iterator<Item = (MemberIndex, &Answer)> {
        self.peers
            .iter()
            .filter_map(|peer| peer.answer.as_ref().map(|answer| (peer.member, answer)))
            .filter(|(_, answer)| answer.uid == self.uid && answer.data != AnswerData::Unknown)
    }

    /// Answers of this incarnation.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (MemberIndex, &Answer)> {
        self.heard().filter(|(_, answer)| answer.incarnation == self.incarnation)
    }

    /// Markers of this incarnation that peers of this incarnation hold.
    pub(crate) fn peer_markers(&self) -> impl Iterator<Item = &Marker> {
        let current = |marker: &&Marker| marker.uid == self.uid && marker.incarnation == self.incarnation;
        self.answers().filter_map(|(_, answer)| answer.marker.as_ref()).filter(current)
    }

    /// Founders, this member left out, that did not answer in this incarnation.
    pub(crate) fn silent(&self) -> impl Iterator<Item = MemberIndex> {
        let answered = |member| self.answers().any(|(other, _)| other == member);
        let founders = self.peers.iter().map(|peer| peer.member).filter(|member| self.is_founder(*member));
        founders.filter(move |member| !answered(*member))
    }

    /// Whether every founder answered in this incarnation.
    pub(crate) fn all_answer(&self) -> bool {
        self.silent().next().is_none()
    }

    /// Whether no other member that can be heard, of whatever incarnation, holds data.
    pub(crate) fn others_empty(&self) -> bool {
        self.heard().all(|(_, answer)| answer.data == AnswerData::Empty)
    }

    /// Whether every founder answered in this incarnation and nobody else holds data.
    pub(crate) fn all_empty(&self) -> bool {
        self.all_answer() && self.others_empty()
    }

    /// Whether a peer is committed or joined in this incarnation, so that its cluster has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.peer_markers().any(|marker| marker.phase >= Phase::Committed)
    }

    /// Whether a peer was joined, in this incarnation or in an earlier one.
    pub(crate) fn peer_joined(&self) -> bool {
        let joined = |marker: &Marker| marker.uid == self.uid && marker.phase == Phase::Joined;
        self.heard().any(|(_, answer)| answer.marker.as_ref().is_some_and(joined))
    }

    /// Whether anybody, this member included, was joined, in this incarnation or in an earlier one.
    pub(crate) fn some_joined(&self) -> bool {
        self.peer_joined() || self.own_marker().is_some_and(|marker| marker.phase == Phase::Joined)
    }

    /// Whether anybody, this member included, is committed or joined, or was joined in an earlier incarnation.
    pub(crate) fn some_committed_or_joined(&self) -> bool {
        let peer = self.peer_markers().any(|marker| marker.phase >= Phase::Committed);
        peer || self.phase() >= Some(Phase::Committed) || self.some_joined()
    }

    /// Members of this Kubernetes cluster whose plan has another digest.
    pub(crate) fn other_digests(&self) -> Vec<MemberIndex> {
        self.heard().filter(|(_, answer)| answer.digest != self.digest).map(|(member, _)| member).collect()
    }
}
