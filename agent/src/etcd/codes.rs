//! What the step `etcd` can find. `docs/boot.md` explains every one.

use crate::failure::{Code, Weight};

pub(super) const FOREIGN_DATA: Code = Code {
    name: "FOREIGN_DATA",
    weight: Weight::Fatal,
    meaning: "the etcd folder holds the data of another cluster, or its marker is lost and no quorum knows the data",
    remedy: "if the data may go, list the node under `discard` and render; they are set aside, not deleted",
};
pub(super) const UNREADABLE: Code = Code {
    name: "UNREADABLE",
    weight: Weight::Fatal,
    meaning: "etcd's log is damaged before its end, and there is no quorum to copy the data from",
    remedy: "start the other members; if they are gone, repair the disk or restore a snapshot",
};
pub(super) const TOTAL_LOSS: Code = Code {
    name: "TOTAL_LOSS",
    weight: Weight::Fatal,
    meaning: "there was a cluster, and all members answer that their data are gone",
    remedy: "restore a snapshot (`etcd.restore` in the description); for an empty cluster, wipe all data partitions",
};
pub(super) const EXPIRED: Code = Code {
    name: "EXPIRED",
    weight: Weight::Fatal,
    meaning: "the time within which this incarnation may be founded is over",
    remedy: "check the clock, or render the next incarnation",
};
pub(super) const DATA_UNKNOWN: Code = Code {
    name: "DATA_UNKNOWN",
    weight: Weight::Warning,
    meaning: "the etcd folder or the marker can't be read, or the data partition is not mounted",
    remedy: "mount or repair the data partition; nothing starts before, so that nothing is lost",
};
pub(super) const PREVIOUS_INCARNATION: Code = Code {
    name: "PREVIOUS_INCARNATION",
    weight: Weight::Warning,
    meaning: "the data are of the incarnation before, and the new one has no quorum yet",
    remedy: "wait for the quorum of the new incarnation, or render `recoverFrom` with the member whose data count",
};
pub(super) const RECOVERY: Code = Code {
    name: "RECOVERY",
    weight: Weight::Warning,
    meaning: "the incarnation starts from one member's data, and that has not happened yet",
    remedy: "boot all members with the new payloads, first of all the one that `recoverFrom` names",
};
pub(super) const DIGESTS_DIFFER: Code = Code {
    name: "DIGESTS_DIFFER",
    weight: Weight::Warning,
    meaning: "members have plans that list other members",
    remedy: "boot all members with payloads of one render",
};
pub(super) const QUORUM_LOST: Code = Code {
    name: "QUORUM_LOST",
    weight: Weight::Warning,
    meaning: "somebody has or had data, and there is no quorum to join",
    remedy: "start the missing members; if their disks are gone, render `recoverFrom` with the member whose data count",
};
pub(super) const SILENT: Code = Code {
    name: "SILENT",
    weight: Weight::Warning,
    meaning: "members do not answer, so nobody can tell whether they have data",
    remedy: "start them; if their disks are gone, render the next incarnation with `without` naming them",
};
pub(super) const RESTORE: Code = Code {
    name: "RESTORE",
    weight: Weight::Fatal,
    meaning: "the snapshot that the description names for this node can't be restored; nothing has changed",
    remedy: "put the right file there, it is tried again by itself; or name another in the description, render, and boot all members",
};
pub(super) const MEMBER_TWICE: Code = Code {
    name: "MEMBER_TWICE",
    weight: Weight::Fatal,
    meaning: "a member that works has this node's name or address in the cluster's list",
    remedy: "turn one of the two machines off: both boot the same payload, or have the same address",
};
pub(super) const PLAN_OLDER: Code = Code {
    name: "PLAN_OLDER",
    weight: Weight::Fatal,
    meaning: "another member has a newer plan with other members, which may have taken this node out",
    remedy: "boot this machine with the payload of the last render; if it is in none, wipe it",
};
/// etcd stands still for everything but reading.
pub(super) const ETCD_ALARM: Code = Code {
    name: "ETCD_ALARM",
    weight: Weight::Warning,
    meaning: "etcd has raised an alarm; with NOSPACE its quota is used up and nothing can be written any more",
    remedy: "docs/recovery.md, \"A full database\", says how to make room and how to end the alarm",
};
/// A listed member that no plan knows still works.
pub(super) const MEMBER_UNPLANNED: Code = Code {
    name: "MEMBER_UNPLANNED",
    weight: Weight::Warning,
    meaning: "the cluster has a member that is not in the plan, and it works",
    remedy: "switch that machine off; the others then take it out of the list",
};

/// A machine-id that two have belongs to a cloned disk or virtual machine.
pub(super) const MACHINE_ID_TWICE: Code = Code {
    name: "MACHINE_ID_TWICE",
    weight: Weight::Warning,
    meaning: "another member of etcd has the same machine-id as this machine",
    remedy: "find out which disk or virtual machine was cloned, and boot each machine with its own payload, which has its machine-id",
};
/// Others would take this member for one that is off.
pub(super) const GUARD_PORT: Code = Code {
    name: "GUARD_PORT",
    weight: Weight::Retry,
    meaning: "the guard can't answer the other members: its address is not there, its port is taken, or its certificate can't be used",
    remedy: "`ss -ltnp 'sport = :2382'` names who has the port, `networkctl` shows the addresses; it is tried again by itself",
};

/// Codes of the step.
pub(crate) const CODES: &[Code] = &[
    FOREIGN_DATA,
    UNREADABLE,
    TOTAL_LOSS,
    EXPIRED,
    DATA_UNKNOWN,
    PREVIOUS_INCARNATION,
    RECOVERY,
    DIGESTS_DIFFER,
    QUORUM_LOST,
    SILENT,
    MEMBER_UNPLANNED,
    RESTORE,
    MEMBER_TWICE,
    PLAN_OLDER,
    ETCD_ALARM,
    MACHINE_ID_TWICE,
    GUARD_PORT,
];
