//! What the guard may do: wait, stop, or carry out a list of effects one after the other.
//!
//! A power cut may come between any two effects; the table is made for that. Carrying them out is not here.

use super::marker::{ClusterId, Marker, NonceSet};
use super::view::MemberIndex;
use serde::Serialize;

/// What to do now. After any of these the guard asks again and reads the table afresh.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Ask again later; nothing is wrong, or others can heal it.
    Wait(WaitCode, Vec<MemberIndex>),
    /// A person has to act; the guard goes on answering, and changes nothing.
    Stop(StopCode),
    /// Carry out these, in order; when one fails, leave out the rest.
    Run(Vec<Effect>),
}

/// One step that is done or not done when the power fails.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Remove the manifest, and wait until etcd has ended.
    StopEtcd,
    /// Rename `member/` and fsync the folder.
    SetAside,
    /// Write and fsync the marker outside the etcd folder.
    WriteOutside(Marker),
    /// Write and fsync the marker beside `member/`.
    WriteBeside(Marker),
    /// Under the lock: remove every entry of mine from the quorum's list, but never a healthy one.
    RemoveEntries,
    /// Under the lock: add me as a learner.
    AddLearner,
    /// Write the manifest.
    Start(StartMode),
    /// Ask a voter to make me one.
    Promote,
    /// Build a data folder from the snapshot that the plan names, beside `member/`: a cluster of this member alone, with
    /// the token of this set and raised revisions. What an earlier try left is removed first.
    BuildRestored(NonceSet),
    /// Rename the folder that was built to `member/`, and fsync.
    AdoptRestored,
}

/// The `--initial-*` flags of a manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StartMode {
    /// Found the cluster: state `new`, all founders, token from the set. Only ever right after both marker places
    /// hold the commit to this set, and never twice.
    New(NonceSet),
    /// Join as the learner that was just added to this cluster: state `existing`, the list of the quorum.
    Existing(ClusterId),
    /// Go on with the log: state `existing` with myself only, which etcd refuses when there is no log.
    SelfOnly,
    /// Go on with the log as the only member: `--force-new-cluster`.
    ForceNew,
}

/// Why the guard waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum WaitCode {
    /// The own disk or marker can't be read.
    #[serde(rename = "unknown")]
    Unknown,
    /// The data are of the previous incarnation, and the new one has no quorum yet.
    #[serde(rename = "PREVIOUS_INCARNATION")]
    PreviousIncarnation,
    /// This member is to begin the incarnation with its data or a snapshot, and others have not booted it.
    #[serde(rename = "RECOVERY_PEERS")]
    RecoveryPeers,
    /// Another member begins the incarnation with its data or a snapshot.
    #[serde(rename = "RECOVERY_QUORUM")]
    RecoveryQuorum,
    /// Members have different plans.
    #[serde(rename = "DIGESTS_DIFFER")]
    DigestsDiffer,
    /// There are data somewhere and no quorum.
    #[serde(rename = "QUORUM_LOST")]
    QuorumLost,
    /// Members are silent, and nobody that answers has data.
    #[serde(rename = "SILENT")]
    Silent,
    /// etcd runs and has no leader, no log or no vote yet.
    #[serde(rename = "ETCD_STARTS")]
    EtcdStarts,
    /// etcd runs and this member is joined: there is nothing to do.
    #[serde(rename = "JOINED")]
    Joined,
    /// Others are about to change their answers.
    #[serde(rename = "SETTLING")]
    Settling,
}

/// Why a person has to act.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum StopCode {
    /// The data are another cluster's.
    #[serde(rename = "FOREIGN_DATA")]
    ForeignData,
    /// The log is damaged, and there is no quorum to replace it.
    #[serde(rename = "UNREADABLE")]
    Unreadable,
    /// All data are gone, and there were some.
    #[serde(rename = "TOTAL_LOSS")]
    TotalLoss,
    /// The plan's time to found a cluster is over.
    #[serde(rename = "EXPIRED")]
    Expired,
}

impl Action {
    /// A line for a person. `names`: the plan's members in order.
    pub fn text(&self, names: &[String]) -> String {
        match self {
            Self::Wait(code, members) => {
                let listed: Vec<&str> = members.iter().filter_map(|at| names.get(*at).map(String::as_str)).collect();
                let who = listed.join(", ");
                if who.is_empty() { code.text().to_owned() } else { format!("{}: {who}", code.text()) }
            }
            Self::Stop(code) => code.text().to_owned(),
            Self::Run(effects) => effects.iter().map(Effect::text).collect::<Vec<_>>().join(", "),
        }
    }
}

impl Effect {
    /// What it does, in a person's words.
    pub fn text(&self) -> &'static str {
        match self {
            Self::StopEtcd => "stop etcd to look at its log",
            Self::SetAside => "set the old data aside",
            Self::WriteOutside(_) => "write the marker",
            Self::WriteBeside(_) => "write its second copy",
            Self::RemoveEntries => "remove my old entry from the cluster",
            Self::AddLearner => "join the cluster as a learner",
            Self::Start(StartMode::New(_)) => "found the cluster with the others",
            Self::Start(StartMode::Existing(_)) => "start etcd and copy the data",
            Self::Start(StartMode::SelfOnly) => "start etcd with its data",
            Self::Start(StartMode::ForceNew) => "start etcd alone with its data",
            Self::Promote => "become a voter",
            Self::BuildRestored(_) => "restore the snapshot",
            Self::AdoptRestored => "take the restored data",
        }
    }
}

impl WaitCode {
    /// What a person reads; names of members follow after a colon.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unknown => "unknown: the data partition or the marker can't be read; mount or repair it",
            Self::PreviousIncarnation => {
                "waiting for the new incarnation's quorum; without one, render `recoverFrom` with the member to keep"
            }
            Self::RecoveryPeers => "this member begins the new incarnation; waiting for the others to boot it",
            Self::RecoveryQuorum => "waiting for the member that begins the new incarnation",
            Self::DigestsDiffer => "members have other plans than I; boot all with payloads of one render",
            Self::QuorumLost => {
                "QUORUM_LOST: there are data and no quorum; start the missing members or render `recoverFrom`"
            }
            Self::Silent => "no answer; start the members, or render the next incarnation with `without` naming them",
            Self::EtcdStarts => "etcd has started and has no leader, log or vote yet",
            Self::Joined => "joined",
            Self::Settling => "waiting for others to settle",
        }
    }
}

impl StopCode {
    /// What a person reads.
    pub fn text(self) -> &'static str {
        match self {
            Self::ForeignData => "the data are another cluster's; to set them aside, list the node under `discard`",
            Self::Unreadable => "the log is damaged and there is no quorum; repair the disk or start the others",
            Self::TotalLoss => "TOTAL_LOSS: there was a cluster, and no member has data; restore from a snapshot",
            Self::Expired => "EXPIRED: the time to found the cluster is over; render the next incarnation",
        }
    }
}
