//! What the guard may do: wait, stop, or carry out a list of effects one after the other.
//!
//! A power cut may come between any two effects; the table is made for that. Carrying them out is not here, and neither are
//! the words that a person reads about them: see `texts`.

use super::marker::{ClusterId, Marker, NonceSet};
use super::view::MemberIndex;

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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WaitCode {
    /// The own disk or marker can't be read.
    Unknown,
    /// The data are of the previous incarnation, and the new one has no quorum yet.
    PreviousIncarnation,
    /// This member is to begin the incarnation with its data or a snapshot, and others have not booted it.
    RecoveryPeers,
    /// Another member begins the incarnation with its data or a snapshot.
    RecoveryQuorum,
    /// Members have different plans.
    DigestsDiffer,
    /// There are data somewhere and no quorum.
    QuorumLost,
    /// Members are silent, and nobody that answers has data.
    Silent,
    /// etcd runs and has no leader, no log or no vote yet.
    EtcdStarts,
    /// etcd runs and this member is joined: there is nothing to do.
    Joined,
    /// Others are about to change their answers.
    Settling,
}

/// Why a person has to act.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StopCode {
    /// The data are another cluster's.
    ForeignData,
    /// The log is damaged, and there is no quorum to replace it.
    Unreadable,
    /// All data are gone, and there were some.
    TotalLoss,
    /// The plan's time to found a cluster is over.
    Expired,
}
