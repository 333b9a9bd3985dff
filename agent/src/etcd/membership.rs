//! Changes to the list of members of the quorum's etcd, under a lock that lies in that etcd.
//!
//! When to change it is decided elsewhere. A member that works is never removed, whoever asks.

use super::gateway::{Entry, Gateway, Members};
use super::member::Member;
use super::round::{Questions, Round, is_entry_of};
use crate::guard::{Answer, MemberId, MemberIndex};
use crate::http::HttpError;

/// Whoever changes the list holds this key.
const LOCK: &str = "kfimg/lock/members";
/// The lock of a member that died frees itself after so many seconds.
const LOCK_SECONDS: u32 = 20;
/// The highest generation of a plan that has joined or changed the list: who has an older plan removes nobody.
const GENERATION: &str = "kfimg/generation";

/// Why the list was not changed; another try may succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// There is no quorum in this round.
    #[error("no member of the cluster answers for it")]
    NoQuorum,
    /// Another member changes the list.
    #[error("{0} changes the list of members")]
    Locked(String),
    /// A member that works has my name or address.
    #[error("{0} works under my name or address")]
    Works(String),
    /// My plan lists other members than a newer one does: I may be one who was taken out.
    #[error("{0} has a newer plan with other members")]
    Older(String),
    /// etcd said no, or nothing.
    #[error("{}", explained(.0))]
    Etcd(#[from] HttpError),
}

/// etcd's refusals that time heals, in a person's words.
const EXPECTED: &[(&str, &str)] = &[
    ("too many learner", "another member is just joining"),
    ("unhealthy cluster", "the cluster's members have not been connected to each other for 5 s"),
    ("not enough started members", "too few members of the cluster run"),
    ("in sync with leader", "my copy of the data is not complete yet"),
    ("Peer URLs already exists", "my entry is already in the list"),
];

fn explained(error: &HttpError) -> String {
    let text = error.to_string();
    let known = EXPECTED.iter().find(|(part, _)| text.contains(part));
    known.map_or(text, |(_, meaning)| (*meaning).to_owned())
}

/// The list, and the right to change it.
pub(crate) struct Membership<'a> {
    member: &'a Member,
    questions: &'a Questions,
    gateway: Option<&'a Gateway>,
    /// Who has a newer plan with other members.
    newer: Option<String>,
    members: Option<Members>,
    lock: Option<i64>,
}

impl<'a> Membership<'a> {
    /// Through the peer that showed the quorum.
    pub(crate) fn of(member: &'a Member, questions: &'a Questions, round: &Round) -> Self {
        let gateway = round.source.as_ref().map(|(source, _)| questions.gateway(*source));
        let newer = |(_, answer): &(MemberIndex, &Answer)| {
            answer.digest != member.digest && answer.generation > member.plan.generation
        };
        let newer = round.view.answers().find(newer).map(|(other, _)| member.name(other).to_owned());
        Self { member, questions, gateway, newer, members: None, lock: None }
    }

    /// Through the local etcd.
    pub(crate) fn local(member: &'a Member, questions: &'a Questions) -> Self {
        let gateway = Some(questions.gateway(member.me));
        Self { member, questions, gateway, newer: None, members: None, lock: None }
    }

    /// Removes every entry of mine.
    pub(crate) fn remove_mine(&mut self) -> Result<(), Refused> {
        if let Some(newer) = self.newer.take() {
            return Err(Refused::Older(newer));
        }
        let gateway = self.lock()?;
        let own = self.member.own();
        for entry in gateway.members()?.members {
            if !is_entry_of(&entry, own) {
                continue;
            }
            if self.questions.works(self.member, &entry) {
                return Err(Refused::Works(entry.called().to_owned()));
            }
            gateway.remove(entry.id())?;
        }
        Ok(())
    }

    /// Adds me as a learner.
    pub(crate) fn add_me(&mut self) -> Result<(), Refused> {
        let gateway = self.lock()?;
        note_generation(gateway, self.member.plan.generation)?;
        self.members = Some(gateway.add_learner(&self.member.own().peer_url)?);
        Ok(())
    }

    /// Asks for a vote.
    pub(crate) fn promote_me(&mut self) -> Result<(), Refused> {
        let status = self.questions.gateway(self.member.me).status()?;
        let gateway = self.gateway.ok_or(Refused::NoQuorum)?;
        Ok(gateway.promote(status.responder())?)
    }

    /// Removes an entry that has not worked for long, unless it works now or a newer plan is about.
    pub(crate) fn remove_dead(&mut self, id: MemberId) -> Result<bool, Refused> {
        let gateway = self.lock()?;
        let newest = gateway.get(GENERATION)?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let entry = gateway.members()?.members.into_iter().find(|entry| entry.id() == id);
        let Some(entry) =
            entry.filter(|entry| newest <= self.member.plan.generation && !self.questions.works(self.member, entry))
        else {
            return Ok(false);
        };
        gateway.remove(entry.id())?;
        Ok(true)
    }

    /// Name and peer URL of all members, me among them, as etcd wants to hear them from one who joins.
    pub(crate) fn initial_cluster(&self) -> Result<Vec<(String, String)>, Refused> {
        let members = self.members.as_ref().ok_or(Refused::NoQuorum)?;
        let own = self.member.own();
        let named = |entry: &Entry, url: &String| {
            let name = if *url == own.peer_url { own.name.clone() } else { entry.called().to_owned() };
            (name, url.clone())
        };
        let pairs = members.members.iter().flat_map(|entry| entry.peer_urls.iter().map(move |url| named(entry, url)));
        Ok(pairs.collect())
    }

    fn lock(&mut self) -> Result<&'a Gateway, Refused> {
        let gateway = self.gateway.ok_or(Refused::NoQuorum)?;
        if self.lock.is_some() {
            return Ok(gateway);
        }
        let lease = gateway.grant(LOCK_SECONDS)?;
        self.lock = Some(lease);
        // Whoever holds it under my name is I, before I was started again.
        match gateway.claim(LOCK, &self.member.own().name, lease)? {
            Some(holder) if holder != self.member.own().name => Err(Refused::Locked(holder)),
            _ => Ok(gateway),
        }
    }
}

impl Drop for Membership<'_> {
    fn drop(&mut self) {
        if let (Some(gateway), Some(lease)) = (self.gateway, self.lock) {
            // It ends by itself otherwise.
            let _ = gateway.revoke(lease);
        }
    }
}

/// Leaves word that a plan of this generation is in use.
pub(crate) fn note_generation(gateway: &Gateway, generation: u64) -> Result<(), HttpError> {
    let newest = gateway.get(GENERATION)?.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    if newest >= generation { Ok(()) } else { gateway.put(GENERATION, &generation.to_string()) }
}
