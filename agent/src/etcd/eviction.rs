//! What a member that votes does for the list of members: it evicts who is gone for good.
//!
//! Gone for good is who is in no plan and does not work, and a learner that has not worked for long. A voter of the plan
//! stays in the list however long it is off: it comes back with its data, or removes its own entry.

use super::codes::{ETCD_ALARM, MEMBER_UNPLANNED};
use super::gateway::Entry;
use super::member::Member;
use super::membership::{Membership, note_generation};
use super::round::{Local, Questions};
use crate::guard::{MemberId, View};
use crate::step::{StepLog, tell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A learner may be silent for so long.
const LEARNER: Duration = Duration::from_secs(600);
/// Who is in no plan may be silent for so long.
const UNPLANNED: Duration = Duration::from_secs(60);

/// Since when entries have not worked.
#[derive(Debug, Default)]
pub(crate) struct Evictions {
    dead: BTreeMap<MemberId, Instant>,
    noted: bool,
}

impl Evictions {
    /// Looks at what the local etcd gave after a linearizable read. Changes at most one entry of the list.
    pub(crate) fn look(
        &mut self,
        member: &Member,
        questions: &Questions,
        local: &Local,
        view: &View,
        log: &mut StepLog,
    ) {
        if !self.noted {
            self.noted = note_generation(questions.gateway(member.me), member.plan.generation).is_ok();
        }
        let members = &local.members;
        let own = members.responder();
        local.errors.iter().filter_map(|error| alarm(error)).for_each(|alarm| log.warn(&ETCD_ALARM, &alarm));
        self.dead.retain(|id, _| members.members.iter().any(|entry| entry.id() == *id));
        for entry in members.members.iter().filter(|entry| entry.id() != own) {
            let Some(bound) = bound(member, view, entry) else { continue };
            if questions.works(member, entry) {
                self.dead.remove(&entry.id());
                warn(member, entry, log);
            } else if self.dead.entry(entry.id()).or_insert_with(Instant::now).elapsed() > bound {
                remove(member, questions, entry);
                return;
            }
        }
    }
}

/// An alarm in a person's words; what else a member complains of, such as an election, passes by itself.
fn alarm(error: &str) -> Option<String> {
    let (_, name) = error.split_once("alarm:")?;
    Some(format!("etcd has raised the alarm {}", name.trim()))
}

/// How long the member of an entry may be silent; [`None`]: for ever.
fn bound(member: &Member, view: &View, entry: &Entry) -> Option<Duration> {
    match is_planned(member, entry) {
        true => entry.learner.then_some(LEARNER),
        false => is_agreed(view).then_some(UNPLANNED),
    }
}

fn is_planned(member: &Member, entry: &Entry) -> bool {
    member.etcd.members.iter().any(|planned| entry.peer_urls.contains(&planned.peer_url))
}

/// Whether a majority of the plan's members have this list of members in their plans.
fn is_agreed(view: &View) -> bool {
    let same = view.answers().filter(|(_, answer)| answer.digest == view.digest).count() + 1;
    same * 2 > view.peers.len() + 1
}

fn warn(member: &Member, entry: &Entry, log: &mut StepLog) {
    if !is_planned(member, entry) {
        log.warn(&MEMBER_UNPLANNED, &format!("{} works and is not in the plan", entry.called()));
    }
}

fn remove(member: &Member, questions: &Questions, entry: &Entry) {
    match Membership::local(member, questions).remove_dead(entry.id()) {
        Ok(true) => tell(format_args!("etcd: removed {} from the list of members", entry.called())),
        Ok(false) => {}
        Err(error) => tell(format_args!("etcd: can't remove {} from the list of members now: {error}", entry.called())),
    }
}
