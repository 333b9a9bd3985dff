//! The search: every reachable state once, then backwards from the goal over steps that are no faults.

use super::canonical::Symmetry;
use super::fingerprint::{Plain, fingerprint};
use super::state::State;
use super::steps::{Setup, successors};
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasherDefault;

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

/// Where a state came from, and as which of its successors.
type Parents = [(u32, u16)];

struct Graph {
    parents: Vec<(u32, u16)>,
    /// Steps that are no faults.
    edges: Vec<(u32, u32)>,
    goal: Vec<bool>,
    promised: Vec<bool>,
}

/// Searches all states that can be reached from `start`; gives up when there are more than `most`.
pub(crate) fn search<const N: usize>(setup: &Setup, start: State<N>, most: usize) -> Outcome {
    let symmetry = setup.symmetry();
    let mut seen: HashMap<u64, u32, BuildHasherDefault<Plain>> = HashMap::default();
    let mut graph = Graph { parents: vec![(0, 0)], edges: Vec::new(), goal: Vec::new(), promised: Vec::new() };
    let mut layer = vec![start.canonical(symmetry).0];
    seen.insert(fingerprint(&layer[0]), 0);
    let (mut first, mut steps) = (0_u32, 0);
    while !layer.is_empty() {
        let mut next_layer = Vec::new();
        for (state, at) in layer.iter().zip(first..) {
            graph.goal.push(state.goal());
            graph.promised.push(state.promised(setup.clocks_heal));
            if let Some(wrong) = state.wrong() {
                let wrong = Some(format!("{wrong}\n{}", way(setup, start, &graph.parents, at)));
                return Outcome { states: seen.len(), steps, wrong, stuck: None };
            }
            for (choice, next) in successors(setup, state).into_iter().enumerate() {
                steps += 1;
                let (found, _) = next.state.canonical(symmetry);
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
        assert!(seen.len() <= most, "there are more than {most} states");
        layer = next_layer;
    }
    drop(seen);
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

/// The events that led to a state, and the state. Members keep their letters, in whatever order a state holds them.
fn way<const N: usize>(setup: &Setup, start: State<N>, parents: &Parents, to: u32) -> String {
    let mut choices = Vec::new();
    let mut at = to;
    while at != 0 {
        let (parent, choice) = parents[at as usize];
        choices.push(choice);
        at = parent;
    }
    let (mut state, _) = start.canonical(setup.symmetry());
    let mut letters: [char; N] = std::array::from_fn(|at| (b'a' + at as u8) as char);
    let mut text = String::new();
    for choice in choices.into_iter().rev() {
        let next = successors(setup, &state).swap_remove(choice.into());
        text += &format!("  {} {}\n", letters[next.event.1], next.event.0);
        let (canonical, order) = next.state.canonical(setup.symmetry());
        letters = order.map(|old| letters[usize::from(old)]);
        state = canonical;
    }
    for (letter, machine) in letters.iter().zip(&state.machines) {
        text += &format!(
            "{letter}: {:?} {:?} up {} running {} incarnation {}\n",
            machine.log, machine.places, machine.up, machine.running, machine.incarnation
        );
    }
    text
}

/// Looks at this many states from the whole depth of a search, and at each in all orders of its members: what follows must
/// be the same states.
pub(crate) fn compare_orders(setup: &Setup, start: State<3>, states: usize) {
    let all = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let follows = |state: &State<3>| {
        let next = successors(setup, state).into_iter().map(|next| fingerprint(&next.state.canonical(Symmetry::All).0));
        let verdict = (state.goal(), state.promised(setup.clocks_heal), state.wrong());
        (verdict, next.collect::<BTreeSet<u64>>())
    };
    let mut state = start;
    for step in 0..states {
        let expected = follows(&state);
        for order in &all {
            let found = follows(&state.permuted(order));
            assert_eq!(found, expected, "{state:?} in the order {order:?}");
        }
        // A walk that begins anew now and then; which way it takes does not matter, but it must be the same each time.
        let mut next = successors(setup, &state);
        let choice = fingerprint(&(step, state)) as usize;
        let ends = next.is_empty() || step % 150 == 149;
        state = if ends { start } else { next.swap_remove(choice % next.len()).state.canonical(Symmetry::All).0 };
    }
}
