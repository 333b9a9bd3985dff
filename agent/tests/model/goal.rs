//! What must never be, where everything must end, and from where that is promised.

use super::etcd::Leader;
use super::plan::Begin;
use super::state::{COMMITTED, FOREIGN, JOINED, Mark, READY, State, Token};

impl<const N: usize> State<N> {
    /// What is wrong in this state.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        let leaders = self.leaders();
        let known = |leader: &Leader<N>| {
            let (token, number) = self.acknowledged?;
            match leader {
                leader if leader.token != token => Some("two clusters acknowledge writes"),
                leader if leader.number < number => Some("an acknowledged write is lost"),
                _ => None,
            }
        };
        leaders.iter().find_map(|leader| known(leader).or_else(|| self.founded_where_it_may_not(leader.token)))
    }

    /// An incarnation that begins with data is founded by nobody but the member that has them.
    fn founded_where_it_may_not(&self, token: Token<N>) -> Option<&'static str> {
        let others = |named: u8| (0..N).any(|at| at != usize::from(named) && token.set[at] != 0);
        match self.plan_of(token.incarnation).begin {
            Begin::Empty => None,
            Begin::Recover(_) => Some("a cluster was founded beside the recovered one"),
            Begin::Restore(named) => others(named).then_some("a cluster was founded beside the restored one"),
        }
    }

    /// One cluster in which all members are voters with all entries, and know it.
    pub(crate) fn goal(&self) -> bool {
        let leaders = self.leaders();
        let Some(leader) = leaders.first() else { return false };
        (0..N).all(|member| {
            let machine = &self.machines[member];
            let voter = self.sees(&leaders, member).is_some_and(|(seen, voter)| voter && seen.token == leader.token);
            let equal = machine.log.is_some_and(|log| log.number == leader.number);
            voter && equal && machine.is_joined() && machine.incarnation == self.rendered
        })
    }

    /// Whether the guard must reach the goal from here without help.
    pub(crate) fn promised(&self, clocks_heal: bool) -> bool {
        let survives = |newest: bool| (0..N).any(|at| self.survives(at, newest));
        let begun = self.marks().any(|mark| mark.phase == JOINED && mark.incarnation == self.rendered);
        let late = !clocks_heal && self.machines.iter().any(|machine| machine.late);
        match self.plan().begin {
            Begin::Empty if self.rendered == 1 => self.is_blank() && !late || survives(false),
            Begin::Empty => self.is_blank() && !late && !self.is_behind() || survives(true),
            Begin::Recover(source) => self.has_source(source.into()) && !begun || begun && survives(true),
            Begin::Restore(source) => self.may_restore(source.into()) || survives(true),
        }
    }

    /// Markers on disks.
    fn marks(&self) -> impl Iterator<Item = Mark<N>> {
        self.machines.iter().flat_map(|machine| machine.places)
    }

    /// Markers on disks, and those that are about to be written.
    fn coming_marks(&self) -> impl Iterator<Item = Mark<N>> {
        self.marks().chain(self.machines.iter().map(|machine| machine.todo.mark))
    }

    /// Whether this member can lead with all acknowledged entries, once everybody runs. `newest`: in the newest incarnation.
    fn survives(&self, at: usize, newest: bool) -> bool {
        let holds = |leader: &Leader<N>| {
            self.acknowledged.is_none_or(|(known, least)| known == leader.token && leader.number >= least)
        };
        let current = !newest || self.machines[at].mark().incarnation == self.rendered;
        current && self.leader(at, |_| true).as_ref().is_some_and(holds)
    }

    /// Nothing shows that there was a cluster.
    fn is_blank(&self) -> bool {
        let joined = self.coming_marks().any(|mark| mark.phase == JOINED);
        let mut logs = self.machines.iter().filter_map(|machine| machine.log);
        let entries = logs.any(|log| log.number > 0 && log.token.incarnation != FOREIGN);
        !joined && !entries && self.acknowledged.is_none()
    }

    /// Somebody may still found an earlier incarnation, or has a log of it, which keeps all from founding this one even if
    /// it has no entries.
    fn is_behind(&self) -> bool {
        let old = |at: usize| {
            let machine = &self.machines[at];
            let runs = machine.up && machine.incarnation < self.rendered;
            runs || self.boots_kept(at) || machine.log.is_some_and(|log| log.token.incarnation < self.rendered)
        };
        (0..N).any(old)
    }

    /// Whether the member that the plan names has a log with an entry, knows it for its own, and has booted the plan: before
    /// that, it may still be taken out of the old cluster.
    fn has_source(&self, source: usize) -> bool {
        let machine = &self.machines[source];
        if machine.kept != self.rendered {
            return false;
        }
        let mark = machine.mark();
        let known = |token: Token<N>| mark.token == token && (1..self.rendered).contains(&mark.incarnation);
        machine.log.is_some_and(|log| log.number > 0 && known(log.token))
    }

    /// Whether the member that the plan names may build its data from the snapshot, now or again.
    fn may_restore(&self, source: usize) -> bool {
        let current = |mark: &Mark<N>| mark.incarnation == self.rendered;
        let begun = self.coming_marks().filter(current).any(|mark| mark.phase >= COMMITTED);
        let machine = &self.machines[source];
        let mark = machine.mark();
        let known = |token: Token<N>| mark.token == token && mark.phase >= READY;
        !begun && machine.log.is_none_or(|log| log.token.incarnation == FOREIGN || known(log.token))
    }
}
