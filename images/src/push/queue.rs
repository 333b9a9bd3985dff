//! Hands out what can be begun, until all is done.
//!
//! What waits for what is [`Graph`]'s.

use super::error::Problem;
use super::graph::{Graph, Task};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often an idle worker looks whether the push is over.
const LOOK: Duration = Duration::from_millis(100);

/// The order in which work is begun: see [`Graph::rank`].
type Rank = (Reverse<usize>, bool, u64);

struct State {
    graph: Graph,
    ready: BinaryHeap<(Rank, Reverse<usize>)>,
    working: usize,
}

/// Work that is shared by all workers.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    pub(super) fn new(mut graph: Graph) -> Self {
        let mut ready = Vec::new();
        for leaf in graph.leaves() {
            match graph.problem(leaf).cloned() {
                Some(problem) => ready.extend(graph.settle(leaf, Err(problem))),
                None => ready.push(leaf),
            }
        }
        let ready = ready.into_iter().map(|node| (graph.rank(node), Reverse(node))).collect();
        Self { state: Mutex::new(State { graph, ready, working: 0 }), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece of work, and whether the registry has it; waits while others may make one ready. `None`: all is done, or over.
    pub(super) fn take(&self, is_over: impl Fn() -> bool) -> Option<(usize, Task, bool, Taken<'_>)> {
        let mut state = self.state();
        loop {
            if is_over() {
                return None;
            }
            if let Some((_, Reverse(node))) = state.ready.pop() {
                state.working += 1;
                let (task, present) = (state.graph.task(node).clone(), state.graph.is_present(node));
                return Some((node, task, present, Taken(self)));
            }
            if state.working == 0 {
                return None;
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A piece of work is done, well or not.
    pub(super) fn settle(&self, node: usize, outcome: Result<(), Problem>) {
        let mut state = self.state();
        for ready in state.graph.settle(node, outcome) {
            let rank = state.graph.rank(ready);
            state.ready.push((rank, Reverse(ready)));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The graph, when all workers are gone.
    pub(super) fn into_graph(self) -> Graph {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).graph
    }
}

/// Work that goes on. Dropped, it is over: also by a panic, so that nobody waits for it.
pub(super) struct Taken<'a>(&'a Queue);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.state().working -= 1;
        self.0.changed.notify_all();
    }
}
