//! An abstract etcd: who can lead, what a commit does, what a member copies from a leader.
//!
//! Terms, snapshots and the order of messages are left out: an entry's number stands for term and index together, and a
//! member votes for whoever has at least its own number.

use super::state::{Entry, JOINED, Members, State, Token};

/// A member that a majority of the voters of its own list would elect now, and these voters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leader {
    pub(crate) at: usize,
    pub(crate) token: Token,
    pub(crate) number: u8,
    pub(crate) members: Members,
    /// Bit by member: voters that follow.
    followers: u8,
}

fn majority(members: &Members) -> u32 {
    members.iter().flatten().filter(|entry| !entry.learner).count() as u32 / 2 + 1
}

impl State {
    /// Everybody who can lead.
    pub(crate) fn leaders(&self) -> impl Iterator<Item = Leader> + '_ {
        self.all().filter_map(|at| self.leader(at, |member| self.machines[member].running && self.linked(at, member)))
    }

    /// Whether this member can lead, if those that `reachable` names take part.
    pub(crate) fn leader(&self, at: usize, reachable: impl Fn(usize) -> bool) -> Option<Leader> {
        let log = self.machines[at].log.filter(|_| reachable(at))?;
        let follows = |member: usize| {
            let voter = |entry: Entry| !entry.learner;
            let entry = log.members[member].filter(|entry| voter(*entry));
            let theirs = self.machines[member].log.filter(|_| reachable(member));
            let (Some(entry), Some(theirs)) = (entry, theirs) else { return false };
            theirs.token == log.token && theirs.life == entry.life && theirs.number <= log.number
        };
        let followers = self.all().filter(|member| follows(*member)).fold(0_u8, |bits, member| bits | 1 << member);
        let elected = followers & (1 << at) != 0 && followers.count_ones() >= majority(&log.members);
        elected.then_some(Leader { at, token: log.token, number: log.number, members: log.members, followers })
    }

    /// The leader that this member sees, and whether it is a voter to it.
    pub(crate) fn sees(&self, member: usize) -> Option<(Leader, bool)> {
        let machine = &self.machines[member];
        let log = machine.log.filter(|_| machine.running)?;
        let mine = |leader: &Leader| {
            let entry = leader.members[member].filter(|entry| entry.life == log.life)?;
            let sees = leader.token == log.token && self.linked(leader.at, member) && log.number <= leader.number;
            sees.then_some((*leader, !entry.learner))
        };
        self.leaders().find_map(|leader| mine(&leader))
    }

    /// The quorum that this joined member shows to a member of its incarnation.
    pub(crate) fn shows_quorum(&self, member: usize) -> Option<Leader> {
        let machine = &self.machines[member];
        let mark = machine.mark();
        let joined = mark.phase == JOINED && mark.incarnation == machine.incarnation && !machine.unmounted;
        self.sees(member).filter(|_| joined).map(|(leader, _)| leader)
    }

    fn next_number(&self) -> u8 {
        let logs = self.machines.iter().filter_map(|machine| machine.log.map(|log| log.number));
        logs.chain(self.acknowledged.map(|(_, number)| number)).max().unwrap_or(0) + 1
    }

    /// Commits an entry, with this list of members from then on: one state for each smallest majority that may hold it.
    pub(crate) fn commit(&self, leader: &Leader, members: Members) -> Vec<Self> {
        let number = self.next_number();
        let needed = majority(&leader.members);
        let holds =
            |bits: u8| bits & !leader.followers == 0 && bits & (1 << leader.at) != 0 && bits.count_ones() == needed;
        let commit = |bits: u8| {
            let mut next = *self;
            for member in self.all().filter(|member| bits & (1 << member) != 0) {
                if let Some(log) = &mut next.machines[member].log {
                    (log.number, log.members) = (number, members);
                }
            }
            next.acknowledged = Some((leader.token, number));
            next
        };
        (0..8_u8).filter(|bits| holds(*bits)).map(commit).collect()
    }

    /// A new leader's first entry, held by itself only.
    pub(crate) fn append(&self, leader: &Leader) -> Option<Self> {
        let mut next = *self;
        next.machines[leader.at].log.as_mut().filter(|log| log.number == 0)?.number = self.next_number();
        Some(next)
    }

    /// A member copies the leader's log; one that joins gets its log by this.
    pub(crate) fn catch_up(&self, leader: &Leader, member: usize) -> Option<Self> {
        let machine = &self.machines[member];
        let entry = leader.members[member].filter(|_| machine.running && self.linked(leader.at, member))?;
        let mut next = *self;
        let log = match (machine.log, machine.joining) {
            (Some(log), _) if log.token == leader.token && log.life == entry.life && log.number < leader.number => log,
            (None, Some((token, life))) if token == leader.token && life == entry.life => {
                super::state::Log { token, number: 0, life, members: leader.members }
            }
            _ => return None,
        };
        let copied = super::state::Log { number: leader.number, members: leader.members, ..log };
        next.machines[member].log = Some(copied);
        next.machines[member].joining = None;
        Some(next)
    }
}
