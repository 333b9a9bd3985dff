//! The search: every reachable state once, then backwards from the goal over steps that are no faults.

use super::state::{JOINED, Mark, State};
use super::steps::{Setup, successors};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// What a search found.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    /// The way to a state that must not be, and what is wrong there.
    pub(crate) wrong: Option<String>,
    /// The way to a state from which, without further faults, no run reaches the goal.
    pub(crate) stuck: Option<String>,
}

#[derive(Default)]
struct Fingerprint(u64);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
    }
}

/// The fingerprint is a hash already.
#[derive(Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = Fingerprint::default();
    state.hash(&mut hasher);
    hasher.finish()
}

struct Graph {
    /// Where each state came from, and as which of its successors.
    parents: Vec<(u32, u16)>,
    /// Steps that are no faults.
    edges: Vec<(u32, u32)>,
    goal: Vec<bool>,
    promised: Vec<bool>,
}

/// Searches all states that can be reached from `start`.
pub(crate) fn search(setup: &Setup, start: State) -> Outcome {
    let mut seen: HashMap<u64, u32, BuildHasherDefault<Plain>> = HashMap::default();
    let mut graph = Graph { parents: vec![(0, 0)], edges: Vec::new(), goal: Vec::new(), promised: Vec::new() };
    let mut layer = vec![start.canonical()];
    seen.insert(fingerprint(&layer[0]), 0);
    let (mut first, mut steps) = (0_u32, 0);
    while !layer.is_empty() {
        let mut next_layer = Vec::new();
        for (state, at) in layer.iter().zip(first..) {
            graph.goal.push(state.goal());
            graph.promised.push(state.promised());
            if let Some(wrong) = state.wrong() {
                let wrong = Some(format!("{wrong}\n{}", way(setup, start, &graph.parents, at)));
                return Outcome { states: seen.len(), steps, wrong, stuck: None };
            }
            for (choice, next) in successors(setup, state).into_iter().enumerate() {
                steps += 1;
                let found = next.state.canonical();
                let new = graph.parents.len() as u32;
                let to = *seen.entry(fingerprint(&found)).or_insert(new);
                if to == new {
                    graph.parents.push((at, choice as u16));
                    next_layer.push(found);
                }
                if !next.fault && to != at {
                    graph.edges.push((at, to));
                }
            }
        }
        first += layer.len() as u32;
        layer = next_layer;
    }
    graph.keep_promises();
    let stuck = graph.stuck().map(|at| way(setup, start, &graph.parents, at));
    Outcome { states: graph.parents.len(), steps, wrong: None, stuck }
}

impl Graph {
    /// What was promised once stays promised until the next fault: no member may spoil it.
    fn keep_promises(&mut self) {
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for (from, to) in &self.edges {
                if self.promised[*from as usize] && !self.promised[*to as usize] {
                    self.promised[*to as usize] = true;
                    changed = true;
                }
            }
        }
    }

    /// The first state that promises progress, and from which the goal can't be reached without a fault.
    fn stuck(&self) -> Option<u32> {
        let mut offsets = vec![0_u32; self.goal.len() + 1];
        self.edges.iter().for_each(|(_, to)| offsets[*to as usize + 1] += 1);
        (1..offsets.len()).for_each(|at| offsets[at] += offsets[at - 1]);
        let mut filled = offsets.clone();
        let mut sources = vec![0_u32; self.edges.len()];
        for (from, to) in &self.edges {
            sources[filled[*to as usize] as usize] = *from;
            filled[*to as usize] += 1;
        }
        let mut reaches = self.goal.clone();
        let mut open: Vec<u32> = (0..self.goal.len() as u32).filter(|at| reaches[*at as usize]).collect();
        while let Some(at) = open.pop() {
            for from in &sources[offsets[at as usize] as usize..offsets[at as usize + 1] as usize] {
                if !std::mem::replace(&mut reaches[*from as usize], true) {
                    open.push(*from);
                }
            }
        }
        (0..self.goal.len() as u32).find(|at| self.promised[*at as usize] && !reaches[*at as usize])
    }
}

/// The events that led to a state, and the state.
fn way(setup: &Setup, start: State, parents: &[(u32, u16)], to: u32) -> String {
    let mut choices = Vec::new();
    let mut at = to;
    while at != 0 {
        let (parent, choice) = parents[at as usize];
        choices.push(choice);
        at = parent;
    }
    let mut state = start.canonical();
    let mut text = String::new();
    for choice in choices.into_iter().rev() {
        let next = successors(setup, &state).swap_remove(choice.into());
        text += &format!("  {} {}\n", ["a", "b", "c"][next.event.1], next.event.0);
        state = next.state.canonical();
    }
    for member in state.all() {
        let machine = &state.machines[member];
        text += &format!(
            "{member}: {:?} {:?} up {} running {}\n",
            machine.log, machine.places, machine.up, machine.running
        );
    }
    text
}

impl State {
    /// What is wrong in this state.
    fn wrong(&self) -> Option<&'static str> {
        let (token, number) = self.acknowledged?;
        self.leaders().find_map(|leader| match leader {
            leader if leader.token != token => Some("two clusters acknowledge writes"),
            leader if leader.number < number => Some("an acknowledged write is lost"),
            _ => None,
        })
    }

    /// One cluster in which all members are voters with all entries, and know it.
    fn goal(&self) -> bool {
        let Some(leader) = self.leaders().next() else { return false };
        self.all().all(|member| {
            let machine = &self.machines[member];
            let mark = machine.mark();
            let voter = self.sees(member).is_some_and(|(seen, voter)| voter && seen.token == leader.token);
            let equal = machine.log.is_some_and(|log| log.number == leader.number);
            voter && equal && mark.phase == JOINED && mark.incarnation == self.rendered()
        })
    }

    /// Whether the guard must reach the goal from here without help: nothing shows that there was a cluster, or a majority
    /// of its voters' logs is there; after `recoverFrom`, the named log is there or the new incarnation has a majority.
    fn promised(&self) -> bool {
        let marks = || self.machines.iter().flat_map(|machine| machine.places);
        let newer = |mark: Mark| mark.phase == JOINED && mark.incarnation == self.rendered();
        let logs = || self.machines.iter().filter_map(|machine| machine.log);
        let about_to_join = self.machines.iter().any(|machine| machine.todo.mark.phase == JOINED);
        let joined = about_to_join || marks().any(|mark| mark.phase == JOINED);
        let trace = joined || logs().any(|log| log.number > 0);
        let holds = |token, number| self.acknowledged.is_none_or(|(known, least)| known == token && number >= least);
        let survives =
            self.all().any(|at| self.leader(at, |_| true).is_some_and(|leader| holds(leader.token, leader.number)));
        match self.recover_from {
            None => !trace && self.acknowledged.is_none() || survives,
            Some(source) => {
                let source = &self.machines[usize::from(source)];
                let old = source.log.is_some_and(|log| log.number > 0) && source.mark().incarnation == 1;
                old && !marks().any(newer) || marks().any(newer) && survives
            }
        }
    }
}
