//! Equal states are made to look equal: numbers become ranks, and members are put into an order that their names do not
//! decide.
//!
//! A permutation of the members is only applied where the model treats them alike; a member of the class that two members
//! share may stay in any order, which costs states and hides none.

use super::fingerprint::{Fingerprint, fingerprint};
use super::plan::Begin;
use super::state::{Heard, Machine, Mark, Members, Request, State, Token};
use std::hash::{Hash, Hasher};

/// Permutations of the members that lead from runs to runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Symmetry {
    All,
    /// Where members ask each other in a ring.
    Rotations,
}

pub(crate) type Order<const N: usize> = [u8; N];

impl<const N: usize> State<N> {
    /// The state that stands for this one and its like, and which member each of its members was.
    pub(crate) fn canonical(mut self, symmetry: Symmetry) -> (Self, Order<N>) {
        self.rank();
        match symmetry {
            Symmetry::All => self.sorted(),
            Symmetry::Rotations => self.rotated(),
        }
    }

    /// Only the order or equality of nonces, lives and entry numbers means something.
    fn rank(&mut self) {
        let mut seen = [0_u64; N];
        self.each_nonce(&mut |slot, nonce| seen[slot] |= 1 << *nonce);
        if seen.iter().any(|bits| (*bits | 1).count_ones() != (*bits | 1).trailing_ones()) {
            self.each_nonce(&mut |slot, nonce| *nonce = rank(seen[slot], *nonce));
        }
        let mut seen = [0_u64; N];
        self.each_life(&mut |slot, life| seen[slot] |= 1 << *life);
        if seen.iter().any(|bits| (*bits | 1).count_ones() != (*bits | 1).trailing_ones()) {
            self.each_life(&mut |slot, life| *life = rank(seen[slot], *life));
        }
        self.merge_numbers();
        let mut seen = 0_u64;
        self.each_number(&mut |number| seen |= 1 << *number);
        self.each_number(&mut |number| *number = rank(seen, *number));
    }

    /// Of entries before the acknowledged one, those that follow each other with the same list of members become one: a log
    /// that ends with the earlier one is elected by nobody who would not elect one that ends with the later, and either
    /// would have lost a write.
    fn merge_numbers(&mut self) {
        let Some((_, known)) = self.acknowledged else { return };
        let logs = self.machines.iter().filter_map(|machine| machine.log);
        let mut older: Vec<_> = logs.filter(|log| (1..known).contains(&log.number)).collect();
        older.sort_unstable_by_key(|log| std::cmp::Reverse(log.number));
        for pair in 1..older.len() {
            let (later, earlier) = (older[pair - 1], older[pair]);
            let at_earlier = older.iter().filter(|log| log.number == earlier.number);
            let equal = at_earlier.clone().all(|log| (log.token, log.members) == (later.token, later.members));
            if later.number == earlier.number || !equal {
                continue;
            }
            self.each_number(&mut |number| {
                if *number == earlier.number {
                    *number = later.number;
                }
            });
            older.iter_mut().filter(|log| log.number == earlier.number).for_each(|log| log.number = later.number);
        }
    }

    fn rotated(&self) -> (Self, Order<N>) {
        let rotation = |by: usize| std::array::from_fn(|at| ((at + by) % N) as u8);
        let all = (0..N).map(|by| (self.permuted(&rotation(by)), rotation(by)));
        all.min_by_key(|(state, _)| fingerprint(state)).unwrap_or((*self, rotation(0)))
    }

    fn sorted(&self) -> (Self, Order<N>) {
        let mut colours: [u64; N] = std::array::from_fn(|at| self.colour(at));
        for _ in 0..2 {
            colours = std::array::from_fn(|at| self.refined(at, &colours));
        }
        let mut order: Order<N> = std::array::from_fn(|at| at as u8);
        order.sort_by_key(|at| colours[usize::from(*at)]);
        (self.permuted(&order), order)
    }

    /// What can be said of a member without naming another.
    fn colour(&self, at: usize) -> u64 {
        let machine = &self.machines[at];
        let mut hasher = Fingerprint::default();
        let token = |token: &Token<N>| (token.incarnation, token.set[at]);
        let mark = |mark: &Mark<N>| (mark.phase, mark.incarnation, mark.nonce, token(&mark.token));
        machine.log.map(|log| (token(&log.token), log.number, log.life, log.members[at])).hash(&mut hasher);
        machine.places.each_ref().map(mark).hash(&mut hasher);
        (machine.outside_newer, machine.up, machine.unmounted, machine.incarnation, machine.kept).hash(&mut hasher);
        (machine.late, machine.discard, machine.running).hash(&mut hasher);
        machine.joining.map(|(joining, life)| (token(&joining), life)).hash(&mut hasher);
        let todo = &machine.todo;
        (todo.steps, mark(&todo.mark), token(&todo.token), todo.life).hash(&mut hasher);
        let bit = |bits: u8| bits & (1 << at) != 0;
        self.plans.map(|plan| (plan.begin.first() == Some(at), bit(plan.without))).hash(&mut hasher);
        self.acknowledged.map(|(acknowledged, _)| token(&acknowledged)).hash(&mut hasher);
        let named = |request| matches!(request, Request::Add(who) | Request::Remove(who, _) if usize::from(who) == at);
        self.delayed.is_some_and(named).hash(&mut hasher);
        hasher.finish()
    }

    /// The same, with what can be said of it and of each other one.
    fn refined(&self, at: usize, colours: &[u64; N]) -> u64 {
        let pair = |other: usize| {
            let mut hasher = Fingerprint::default();
            (colours[other], self.linked(at, other)).hash(&mut hasher);
            for (one, two) in [(at, other), (other, at)] {
                let machine = &self.machines[one];
                machine.log.map(|log| (log.members[two], log.token.set[two])).hash(&mut hasher);
                machine.places.map(|mark| mark.token.set[two]).hash(&mut hasher);
                machine.joining.map(|(token, _)| token.set[two]).hash(&mut hasher);
                (machine.todo.mark.token.set[two], machine.todo.token.set[two]).hash(&mut hasher);
            }
            hasher.finish()
        };
        let others = (0..N).filter(|other| *other != at).map(pair).fold(0, u64::wrapping_add);
        let mut hasher = Fingerprint::default();
        (colours[at], others).hash(&mut hasher);
        hasher.finish()
    }

    /// The same with its members in another order.
    pub(crate) fn permuted(&self, order: &Order<N>) -> Self {
        if order.iter().enumerate().all(|(at, old)| at == usize::from(*old)) {
            return Self { side: normal::<N>(self.side), ..*self };
        }
        let old = |at: usize| usize::from(order[at]);
        let new = |was: u8| order.iter().position(|old| *old == was).unwrap_or(0) as u8;
        let mut next = *self;
        next.machines = std::array::from_fn(|at| permuted_machine(&self.machines[old(at)], order));
        let bits = |bits: u8| (0..N).filter(|at| bits & (1 << old(*at)) != 0).fold(0_u8, |bits, at| bits | 1 << at);
        next.side = normal::<N>(bits(self.side));
        next.cut_links = 0;
        for (low, high) in pairs::<N>().filter(|_| self.cut_links != 0) {
            let (one, two) = (old(low).min(old(high)), old(low).max(old(high)));
            next.cut_links |= ((self.cut_links >> (one * N + two)) & 1) << (low * N + high);
        }
        for plan in &mut next.plans {
            plan.without = bits(plan.without);
            plan.begin = match plan.begin {
                Begin::Empty => Begin::Empty,
                Begin::Recover(member) => Begin::Recover(new(member)),
                Begin::Restore(member) => Begin::Restore(new(member)),
            };
        }
        next.delayed = self.delayed.map(|request| match request {
            Request::Add(member) => Request::Add(new(member)),
            Request::Remove(member, life) => Request::Remove(new(member), life),
        });
        if let Some((token, _)) = &mut next.acknowledged {
            *token = permuted_token(*token, order);
        }
        next
    }

    /// The highest nonce of each member that occurs anywhere.
    pub(crate) fn highest_nonces(&self) -> [u8; N] {
        let mut highest = [0; N];
        let mut copy = *self;
        copy.each_nonce(&mut |slot, nonce| highest[slot] = highest[slot].max(*nonce));
        highest
    }

    /// A life of this member that occurs nowhere; 0 is that of a founder.
    pub(crate) fn fresh_life(&self, member: usize) -> u8 {
        let mut highest = 0;
        let mut copy = *self;
        copy.each_life(&mut |slot, life| {
            if slot == member {
                highest = highest.max(*life);
            }
        });
        highest + 1
    }

    fn each_nonce(&mut self, act: &mut impl FnMut(usize, &mut u8)) {
        for (at, machine) in self.machines.iter_mut().enumerate() {
            for mark in machine.places.iter_mut().chain([&mut machine.todo.mark]) {
                act(at, &mut mark.nonce);
                each_in_set(&mut mark.token, act);
            }
            machine.log.iter_mut().for_each(|log| each_in_set(&mut log.token, act));
            machine.joining.iter_mut().for_each(|(joining, _)| each_in_set(joining, act));
            each_in_set(&mut machine.todo.token, act);
            for (other, heard) in machine.heard.iter_mut().enumerate() {
                if let Heard::Answer { mark, quorum, .. } = heard {
                    act(other, &mut mark.nonce);
                    each_in_set(&mut mark.token, act);
                    quorum.iter_mut().for_each(|(quorum, _)| each_in_set(quorum, act));
                }
            }
        }
        self.acknowledged.iter_mut().for_each(|(acknowledged, _)| each_in_set(acknowledged, act));
    }

    fn each_life(&mut self, act: &mut impl FnMut(usize, &mut u8)) {
        for (at, machine) in self.machines.iter_mut().enumerate() {
            if let Some(log) = &mut machine.log {
                act(at, &mut log.life);
                each_in_list(&mut log.members, act);
            }
            machine.joining.iter_mut().for_each(|(_, life)| act(at, life));
            act(at, &mut machine.todo.life);
            for heard in &mut machine.heard {
                if let Heard::Answer { quorum: Some((_, members)), .. } = heard {
                    each_in_list(members, act);
                }
            }
        }
        if let Some(Request::Remove(member, life)) = &mut self.delayed {
            act(usize::from(*member), life);
        }
    }

    fn each_number(&mut self, act: &mut impl FnMut(&mut u8)) {
        self.machines.iter_mut().filter_map(|machine| machine.log.as_mut()).for_each(|log| act(&mut log.number));
        self.acknowledged.iter_mut().for_each(|(_, number)| act(number));
    }
}

/// All pairs of members, the lower one first.
pub(crate) fn pairs<const N: usize>() -> impl Iterator<Item = (usize, usize)> {
    (0..N).flat_map(|low| (low + 1..N).map(move |high| (low, high)))
}

/// The two sides of a split have no names: the first member is never on the other one.
fn normal<const N: usize>(side: u8) -> u8 {
    if side & 1 == 0 { side } else { !side & ((1_u8 << N) - 1) }
}

fn each_in_set<const N: usize>(token: &mut Token<N>, act: &mut impl FnMut(usize, &mut u8)) {
    token.set.iter_mut().enumerate().for_each(|(slot, nonce)| act(slot, nonce));
}

fn each_in_list<const N: usize>(members: &mut Members<N>, act: &mut impl FnMut(usize, &mut u8)) {
    let entries = members.iter_mut().enumerate();
    entries.for_each(|(slot, entry)| entry.iter_mut().for_each(|entry| act(slot, &mut entry.life)));
}

fn permuted_token<const N: usize>(token: Token<N>, order: &Order<N>) -> Token<N> {
    Token { set: order.map(|old| token.set[usize::from(old)]), ..token }
}

fn permuted_mark<const N: usize>(mark: Mark<N>, order: &Order<N>) -> Mark<N> {
    Mark { token: permuted_token(mark.token, order), ..mark }
}

fn permuted_list<const N: usize>(members: &Members<N>, order: &Order<N>) -> Members<N> {
    order.map(|old| members[usize::from(old)])
}

fn permuted_machine<const N: usize>(machine: &Machine<N>, order: &Order<N>) -> Machine<N> {
    let mut next = *machine;
    if let Some(log) = &mut next.log {
        log.token = permuted_token(log.token, order);
        log.members = permuted_list(&log.members, order);
    }
    next.places = machine.places.map(|mark| permuted_mark(mark, order));
    next.joining = machine.joining.map(|(token, life)| (permuted_token(token, order), life));
    next.todo.mark = permuted_mark(machine.todo.mark, order);
    next.todo.token = permuted_token(machine.todo.token, order);
    next.heard = order.map(|old| match machine.heard[usize::from(old)] {
        Heard::Answer { held, incarnation, mark, quorum } => {
            let quorum = quorum.map(|(token, members)| (permuted_token(token, order), permuted_list(&members, order)));
            Heard::Answer { held, incarnation, mark: permuted_mark(mark, order), quorum }
        }
        other => other,
    });
    next
}

/// How many different values other than 0 are up to this one.
fn rank(seen: u64, value: u8) -> u8 {
    if value == 0 { 0 } else { ((seen & !1) & ((2 << value) - 1)).count_ones() as u8 }
}
