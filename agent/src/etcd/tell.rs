//! What a person reads about the guard: a line for each state, and the codes.
//!
//! The words of the decision are the decision's; `docs/boot.md` explains the codes.

use super::effects::EffectError;
use super::member::Member;
use super::membership::Refused;
use crate::failure::{Code, Failure, Weight};
use crate::guard::{Action, Effect, MemberIndex, StartMode, StopCode, View, WaitCode};
use crate::notify;
use crate::step::StepLog;

const FOREIGN_DATA: Code = Code {
    name: "FOREIGN_DATA",
    weight: Weight::Fatal,
    meaning: "the etcd folder holds the data of another cluster, or its marker is lost and no quorum knows the data",
    remedy: "if the data may go, list the node under `discard` and render; they are set aside, not deleted",
};
const UNREADABLE: Code = Code {
    name: "UNREADABLE",
    weight: Weight::Fatal,
    meaning: "etcd's log is damaged before its end, and there is no quorum to copy the data from",
    remedy: "start the other members; if they are gone, repair the disk or restore a snapshot",
};
const TOTAL_LOSS: Code = Code {
    name: "TOTAL_LOSS",
    weight: Weight::Fatal,
    meaning: "there was a cluster, and all members answer that their data are gone",
    remedy: "restore a snapshot (`etcd.restore` in the description); for an empty cluster, wipe all data partitions",
};
const EXPIRED: Code = Code {
    name: "EXPIRED",
    weight: Weight::Fatal,
    meaning: "the time within which this incarnation may be founded is over",
    remedy: "check the clock, or render the next incarnation",
};
const DATA_UNKNOWN: Code = Code {
    name: "DATA_UNKNOWN",
    weight: Weight::Warning,
    meaning: "the etcd folder or the marker can't be read, or the data partition is not mounted",
    remedy: "mount or repair the data partition; nothing starts before, so that nothing is lost",
};
const PREVIOUS_INCARNATION: Code = Code {
    name: "PREVIOUS_INCARNATION",
    weight: Weight::Warning,
    meaning: "the data are of the incarnation before, and the new one has no quorum yet",
    remedy: "wait for the quorum of the new incarnation, or render `recoverFrom` with the member whose data count",
};
const RECOVERY: Code = Code {
    name: "RECOVERY",
    weight: Weight::Warning,
    meaning: "the incarnation starts from one member's data, and that has not happened yet",
    remedy: "boot all members with the new payloads, first of all the one that `recoverFrom` names",
};
const DIGESTS_DIFFER: Code = Code {
    name: "DIGESTS_DIFFER",
    weight: Weight::Warning,
    meaning: "members have plans that list other members",
    remedy: "boot all members with payloads of one render",
};
const QUORUM_LOST: Code = Code {
    name: "QUORUM_LOST",
    weight: Weight::Warning,
    meaning: "somebody has or had data, and there is no quorum to join",
    remedy: "start the missing members; if their disks are gone, render `recoverFrom` with the member whose data count",
};
const SILENT: Code = Code {
    name: "SILENT",
    weight: Weight::Warning,
    meaning: "members do not answer, so nobody can tell whether they have data",
    remedy: "start them; if their disks are gone, render the next incarnation with `without` naming them",
};
const RESTORE: Code = Code {
    name: "RESTORE",
    weight: Weight::Fatal,
    meaning: "the snapshot that the description names for this node can't be restored; nothing has changed",
    remedy: "put the right file there, it is tried again by itself; or name another in the description, render, and boot all members",
};
const MEMBER_TWICE: Code = Code {
    name: "MEMBER_TWICE",
    weight: Weight::Fatal,
    meaning: "a member that works has this node's name or address in the cluster's list",
    remedy: "turn one of the two machines off: both boot the same payload, or have the same address",
};
const PLAN_OLDER: Code = Code {
    name: "PLAN_OLDER",
    weight: Weight::Fatal,
    meaning: "another member has a newer plan with other members, which may have taken this node out",
    remedy: "boot this machine with the payload of the last render; if it is in none, wipe it",
};
/// etcd stands still for everything but reading.
pub(crate) const ETCD_ALARM: Code = Code {
    name: "ETCD_ALARM",
    weight: Weight::Warning,
    meaning: "etcd has raised an alarm; with NOSPACE its quota is used up and nothing can be written any more",
    remedy: "docs/recovery.md, \"A full database\", says how to make room and how to end the alarm",
};
/// A listed member that no plan knows still works.
pub(crate) const MEMBER_UNPLANNED: Code = Code {
    name: "MEMBER_UNPLANNED",
    weight: Weight::Warning,
    meaning: "the cluster has a member that is not in the plan, and it works",
    remedy: "switch that machine off; the others then take it out of the list",
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
];

/// Tells what the guard waits for, or why it stopped. `started`: whether anything was seen of etcd since its manifest was
/// written.
pub(crate) fn wait(log: &mut StepLog, member: &Member, action: &Action, view: &View, started: bool) {
    match action {
        Action::Stop(code) => log.failed(&Failure::new(stopped(*code), stop_text(*code, member))),
        Action::Wait(WaitCode::Joined, _) => {
            notify::status("etcd runs");
            log.done("etcd runs and votes");
        }
        Action::Wait(code, members) => {
            let text = match code {
                WaitCode::EtcdStarts if !started => {
                    "waiting for the kubelet to start etcd, whose image may be on its way".to_owned()
                }
                code => wait_text(*code, &names(member, members), view),
            };
            notify::status(&text);
            log.waiting(&text);
        }
        Action::Run(_) => {}
    }
}

/// What is going on; [`None`] for what is over before anybody could read it.
pub(crate) fn doing(effects: &[Effect]) -> Option<String> {
    let told = effects.iter().rev().find(|effect| !matches!(effect, Effect::WriteOutside(_) | Effect::WriteBeside(_)));
    Some(match told? {
        Effect::Start(StartMode::New(_)) => "founding the cluster with the other members".to_owned(),
        Effect::Start(StartMode::Existing(_)) => "joining the cluster".to_owned(),
        Effect::Start(StartMode::SelfOnly) => "starting etcd with its data".to_owned(),
        Effect::Start(StartMode::ForceNew) => "starting etcd alone with its data".to_owned(),
        Effect::Promote => "joining the cluster: asking for a vote".to_owned(),
        effect => effect.text().to_owned(),
    })
}

/// Tells what was tried, and why it did not work now.
pub(crate) fn refused(log: &mut StepLog, effects: &[Effect], error: &EffectError) {
    let what = doing(effects).unwrap_or_else(|| "writing the marker".to_owned());
    let text = format!("{what}: {error}");
    match error {
        EffectError::Restore(_) => log.failed(&Failure::new(&RESTORE, error.to_string())),
        EffectError::Refused(Refused::Works(_)) => log.failed(&Failure::new(&MEMBER_TWICE, text)),
        EffectError::Refused(Refused::Older(_)) => log.failed(&Failure::new(&PLAN_OLDER, text)),
        _ => log.waiting(&text),
    }
}

fn names(member: &Member, members: &[MemberIndex]) -> String {
    members.iter().map(|other| member.name(*other)).collect::<Vec<_>>().join(", ")
}

fn wait_text(code: WaitCode, names: &str, view: &View) -> String {
    let coded = |code: &Code, text: String| format!("{}: {text}; {}", code.name, code.remedy);
    match code {
        WaitCode::Unknown => coded(&DATA_UNKNOWN, "the data partition or the marker can't be read".to_owned()),
        WaitCode::PreviousIncarnation => {
            coded(&PREVIOUS_INCARNATION, format!("my data are of an incarnation before {}", view.incarnation))
        }
        WaitCode::RecoveryPeers => {
            coded(&RECOVERY, format!("my data are to be kept, waiting for {names} in the new incarnation"))
        }
        WaitCode::RecoveryQuorum => coded(&RECOVERY, format!("waiting for {names}, whose data are to be kept")),
        WaitCode::DigestsDiffer => coded(&DIGESTS_DIFFER, format!("other plan than mine on {names}")),
        WaitCode::QuorumLost => {
            coded(&QUORUM_LOST, format!("there are or were data, and no quorum; waiting for {names}"))
        }
        WaitCode::Silent => format!("waiting for {names}"),
        WaitCode::EtcdStarts => "waiting for etcd to start and to see a leader".to_owned(),
        WaitCode::Joined => "joined".to_owned(),
        WaitCode::Settling => "agreeing with the other members".to_owned(),
    }
}

fn stopped(code: StopCode) -> &'static Code {
    match code {
        StopCode::ForeignData => &FOREIGN_DATA,
        StopCode::Unreadable => &UNREADABLE,
        StopCode::TotalLoss => &TOTAL_LOSS,
        StopCode::Expired => &EXPIRED,
    }
}

fn stop_text(code: StopCode, member: &Member) -> String {
    let folder = &member.etcd.data_dir;
    match code {
        StopCode::ForeignData => format!("{folder} holds the data of another cluster"),
        StopCode::Unreadable => format!("the log in {folder} is damaged, and no quorum can replace it"),
        StopCode::TotalLoss => "there was a cluster, and no member has data".to_owned(),
        StopCode::Expired => "the time to found the cluster is over".to_owned(),
    }
}
