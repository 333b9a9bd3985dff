//! An abstract etcd: who can lead, what a commit does, what a member copies from a leader.
//!
//! Terms, snapshots and the order of messages are left out: an entry's number stands for term and index together, and a
//! member votes for whoever has at least its own number.

use super::state::{Entry, Log, Members, State, Token};

/// Members with equal logs, each of which the same voters of its own list would elect now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leader<const N: usize> {
    /// Bit by member: who can lead.
    pub(crate) candidates: u8,
    pub(crate) token: Token<N>,
    pub(crate) number: u8,
    pub(crate) members: Members<N>,
    /// Bit by member: voters that follow.
    followers: u8,
}

fn majority<const N: usize>(members: &Members<N>) -> u32 {
    members.iter().flatten().filter(|entry| !entry.learner).count() as u32 / 2 + 1
}

fn bits<const N: usize>(holds: impl Fn(usize) -> bool) -> u8 {
    (0..N).filter(|at| holds(*at)).fold(0, |bits, at| bits | 1 << at)
}

impl<const N: usize> State<N> {
    /// Everybody who can lead.
    pub(crate) fn leaders(&self) -> Vec<Leader<N>> {
        let mut found: Vec<Leader<N>> = Vec::new();
        for at in (0..N).filter(|at| self.machines[*at].running) {
            let reachable = |member: usize| self.machines[member].running && self.linked(at, member);
            let Some(leader) = self.leader(at, reachable) else { continue };
            let equal = |other: &&mut Leader<N>| {
                other.token == leader.token && other.number == leader.number && other.followers == leader.followers
            };
            match found.iter_mut().find(equal) {
                Some(other) => other.candidates |= leader.candidates,
                None => found.push(leader),
            }
        }
        found
    }

    /// Whether this member can lead, if those that `reachable` names take part.
    pub(crate) fn leader(&self, at: usize, reachable: impl Fn(usize) -> bool) -> Option<Leader<N>> {
        let log = self.machines[at].log.as_ref().filter(|_| reachable(at))?;
        let follows = |member: usize| {
            let entry = log.members[member].filter(|entry| !entry.learner);
            let theirs = self.machines[member].log.as_ref().filter(|_| reachable(member));
            let (Some(entry), Some(theirs)) = (entry, theirs) else { return false };
            theirs.token == log.token && theirs.life == entry.life && theirs.number <= log.number
        };
        let followers = bits::<N>(follows);
        let elected = followers & (1 << at) != 0 && followers.count_ones() >= majority(&log.members);
        let Log { token, number, members, .. } = *log;
        elected.then_some(Leader { candidates: 1 << at, token, number, members, followers })
    }

    /// Whether one of them reaches this member.
    pub(crate) fn reaches(&self, leader: &Leader<N>, member: usize) -> bool {
        (0..N).any(|at| leader.candidates & (1 << at) != 0 && self.linked(at, member))
    }

    /// The leader that this member sees, and whether it is a voter to it.
    pub(crate) fn sees(&self, leaders: &[Leader<N>], member: usize) -> Option<(Leader<N>, bool)> {
        let machine = &self.machines[member];
        let log = machine.log.as_ref().filter(|_| machine.running)?;
        let mine = |leader: &Leader<N>| {
            let entry = leader.members[member].filter(|entry| entry.life == log.life)?;
            let sees = leader.token == log.token && log.number <= leader.number && self.reaches(leader, member);
            sees.then_some((*leader, !entry.learner))
        };
        leaders.iter().filter_map(mine).max_by_key(|(leader, _)| leader.number)
    }

    /// The quorum that this joined member shows to a member of its incarnation.
    pub(crate) fn shows_quorum(&self, leaders: &[Leader<N>], member: usize) -> Option<Leader<N>> {
        let joined = self.machines[member].is_joined();
        self.sees(leaders, member).filter(|_| joined).map(|(leader, _)| leader)
    }

    /// Whether etcd would let a member be added: somebody who follows is connected to all voters (its strict check of changes).
    pub(crate) fn may_add(&self, leader: &Leader<N>) -> bool {
        let voters = bits::<N>(|member| leader.members[member].is_some_and(|entry| !entry.learner));
        (0..N).any(|at| leader.followers & (1 << at) != 0 && self.connected(leader, at) & voters == voters)
    }

    /// Whether etcd would let this member be removed: a learner, or one that is dead, or enough voters are connected without
    /// it.
    pub(crate) fn may_remove(&self, leader: &Leader<N>, member: usize) -> bool {
        let Some(entry) = leader.members[member] else { return false };
        let voters = bits::<N>(|member| leader.members[member].is_some_and(|entry| !entry.learner));
        let enough = |at: usize| {
            let connected = self.connected(leader, at) & voters;
            connected & (1 << member) == 0 || connected.count_ones() > 1 + (voters.count_ones() - 1) / 2
        };
        entry.learner || (0..N).any(|at| leader.followers & (1 << at) != 0 && enough(at))
    }

    /// Bit by member: whose etcd runs as the leader's list has it, and has a link to this member.
    fn connected(&self, leader: &Leader<N>, at: usize) -> u8 {
        let connected = |member: usize| {
            let machine = &self.machines[member];
            let life = machine.log.filter(|log| machine.running && log.token == leader.token).map(|log| log.life);
            self.linked(at, member) && life.is_some() && life == leader.members[member].map(|entry| entry.life)
        };
        bits::<N>(connected)
    }

    /// A number above all others.
    pub(crate) fn next_number(&self) -> u8 {
        let logs = self.machines.iter().filter_map(|machine| machine.log.map(|log| log.number));
        logs.chain(self.acknowledged.map(|(_, number)| number)).max().unwrap_or(0) + 1
    }

    /// Commits an entry, with this list of members from then on: one state for each smallest majority that may hold it.
    pub(crate) fn commit(&self, leader: &Leader<N>, members: Members<N>) -> Vec<Self> {
        let number = self.next_number();
        let needed = majority(&leader.members);
        let holds =
            |bits: u8| bits & !leader.followers == 0 && bits & leader.candidates != 0 && bits.count_ones() == needed;
        let commit = |bits: u8| {
            let mut next = *self;
            for member in (0..N).filter(|member| bits & (1 << member) != 0) {
                if let Some(log) = &mut next.machines[member].log {
                    (log.number, log.members) = (number, members);
                }
            }
            next.acknowledged = Some((leader.token, number));
            next
        };
        (0..1_u8 << N).filter(|bits| holds(*bits)).map(commit).collect()
    }

    /// A new leader's first entry, held by itself only: one state for each of them.
    pub(crate) fn append(&self, leader: &Leader<N>) -> Vec<Self> {
        let append = |at: usize| {
            let mut next = *self;
            if let Some(log) = &mut next.machines[at].log {
                log.number = self.next_number();
            }
            next
        };
        let first = (0..N).filter(|at| leader.number == 0 && leader.candidates & (1 << at) != 0);
        first.map(append).collect()
    }

    /// A member copies the leader's log; one that joins gets its log by this.
    pub(crate) fn catch_up(&self, leader: &Leader<N>, member: usize) -> Option<Self> {
        let machine = &self.machines[member];
        let entry: Entry = leader.members[member].filter(|_| machine.running && self.reaches(leader, member))?;
        let log = match (machine.log, machine.joining) {
            (Some(log), _) if log.token == leader.token && log.life == entry.life && log.number < leader.number => log,
            (None, Some((token, life))) if token == leader.token && life == entry.life => {
                Log { token, number: 0, life, members: leader.members }
            }
            _ => return None,
        };
        let mut next = *self;
        let copied = Log { number: leader.number, members: leader.members, ..log };
        next.machines[member].log = Some(copied);
        next.machines[member].joining = None;
        Some(next)
    }
}
