//! What a person reads about the guard: a line for each state.
//!
//! The words are in `texts`, the decision is the guard's; the codes are in `codes`.

use super::codes::{
    DATA_UNKNOWN, DIGESTS_DIFFER, EXPIRED, FOREIGN_DATA, MEMBER_TWICE, PLAN_OLDER, PREVIOUS_INCARNATION, QUORUM_LOST,
    RECOVERY, RESTORE, TOTAL_LOSS, UNREADABLE,
};
use super::effects::EffectError;
use super::member::Member;
use super::membership::Refused;
use crate::failure::{Code, Failure};
use crate::guard::{Action, Effect, MemberIndex, StartMode, StopCode, View, WaitCode};
use crate::notify;
use crate::step::StepLog;
use crate::texts::{self, Text};

/// Shows what the guard waits for, or why it stopped. `started`: whether anything was seen of etcd since its manifest was
/// written.
pub(crate) fn show(log: &mut StepLog, member: &Member, action: &Action, view: &View, started: bool) {
    match action {
        Action::Stop(code) => log.failed(&Failure::new(stopped(*code), stop_text(*code, member))),
        Action::Wait(WaitCode::Joined, _) => {
            notify::status("etcd runs");
            log.done(&texts::etcd::done());
        }
        Action::Wait(code, members) => {
            let text = match code {
                WaitCode::EtcdStarts if !started => texts::etcd::image(),
                code => waiting(*code, &names(member, members), view),
            };
            notify::status(text.as_str());
            log.waiting(&text);
        }
        Action::Run(_) => {}
    }
}

/// What is going on; [`None`] for what is over before anybody could read it.
pub(crate) fn doing(effects: &[Effect]) -> Option<Text> {
    let told = effects.iter().rev().find(|effect| !matches!(effect, Effect::WriteOutside(_) | Effect::WriteBeside(_)));
    Some(match told? {
        Effect::Start(StartMode::New(_)) => texts::etcd::found(),
        Effect::Start(StartMode::Existing(_)) | Effect::RemoveEntries | Effect::AddLearner => texts::etcd::join(),
        Effect::Start(StartMode::SelfOnly) => texts::etcd::start(),
        Effect::Start(StartMode::ForceNew) => texts::etcd::force(),
        Effect::Promote => texts::etcd::promote(),
        Effect::StopEtcd => texts::etcd::stop_etcd(),
        Effect::SetAside => texts::etcd::set_aside(),
        Effect::BuildRestored(_) | Effect::AdoptRestored => texts::etcd::build_restored(),
        Effect::WriteOutside(_) | Effect::WriteBeside(_) => texts::etcd::marker(),
    })
}

/// Shows what was tried, and why it did not work now.
pub(crate) fn refused(log: &mut StepLog, effects: &[Effect], error: &EffectError) {
    let text = texts::etcd::refused(doing(effects).unwrap_or_else(texts::etcd::marker), error);
    match error {
        EffectError::Restore(_) => log.failed(&Failure::new(&RESTORE, error.to_string())),
        EffectError::Refused(Refused::Works(_)) => log.failed(&Failure::new(&MEMBER_TWICE, text.as_str())),
        EffectError::Refused(Refused::Older(_)) => log.failed(&Failure::new(&PLAN_OLDER, text.as_str())),
        _ => log.waiting(&text),
    }
}

fn names(member: &Member, members: &[MemberIndex]) -> String {
    members.iter().map(|other| member.name(*other)).collect::<Vec<_>>().join(", ")
}

fn waiting(code: WaitCode, names: &str, view: &View) -> Text {
    match code {
        WaitCode::Unknown => texts::etcd::unknown(DATA_UNKNOWN.remedy),
        WaitCode::PreviousIncarnation => texts::etcd::previous(view.incarnation, PREVIOUS_INCARNATION.remedy),
        WaitCode::RecoveryPeers => texts::etcd::recovery_peers(names, RECOVERY.remedy),
        WaitCode::RecoveryQuorum => texts::etcd::recovery_quorum(names, RECOVERY.remedy),
        WaitCode::DigestsDiffer => texts::etcd::digests(names, DIGESTS_DIFFER.remedy),
        WaitCode::QuorumLost => texts::etcd::quorum_lost(names, QUORUM_LOST.remedy),
        WaitCode::Silent => texts::etcd::silent(names),
        WaitCode::EtcdStarts => texts::etcd::leader(),
        WaitCode::Joined => texts::etcd::done(),
        WaitCode::Settling => texts::etcd::settling(),
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
