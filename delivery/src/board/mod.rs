//! How far each node has come: what it fetched, what its agent reports, what was refused.
//!
//! The board only watches: nothing depends on it. It is told what happens by whoever serves, keeps a bounded memory of it, and
//! tells it on: as lines, and to those who watch the page. What machines report is text of strangers: it is cut to size here, and the
//! page never takes it for anything but text.

mod node;
mod page;
mod report;
mod watch;

pub use node::Stage;
pub(crate) use page::Page;
pub(crate) use report::LIMIT as REPORT_LIMIT;
pub use report::ReportError;

use crate::output::Output;
use node::{Event, Kind, NodeState};
use report::Report;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::Receiver;
use watch::Watchers;

/// Strangers that are remembered: machines that asked and are in no inventory.
const STRANGERS: usize = 32;
/// Addresses that fetched a loader and have not yet said which machine they are.
const LOADERS: usize = 1024;
/// Lines about strangers within a minute: whoever makes names up must not fill the terminal.
const STRANGER_LINES: u32 = 30;
/// Least time between two reports of a node.
const REPORT_PAUSE: Duration = Duration::from_secs(1);

/// What iPXE is called as a client.
pub(crate) const RUNS_LOADER: &str = "iPXE";

/// Takes lines for a person: whom they are about, and what happened. No line has control characters.
pub type Tell = Box<dyn Fn(&str, &str) + Send + Sync>;

/// All nodes.
pub struct Board {
    tell: Tell,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cluster: String,
    /// What was taken over last.
    output: Option<Arc<Output>>,
    nodes: BTreeMap<String, NodeState>,
    strangers: VecDeque<Stranger>,
    /// The minute in which a stranger was told of last, and how many were.
    stranger_lines: (i64, u32),
    /// When an address fetched its loader.
    loaders: HashMap<IpAddr, i64>,
    reported: HashMap<String, Instant>,
    watchers: Watchers,
    /// Why there is nothing to hand out.
    not_ready: Option<String>,
}

/// A machine that is in no inventory.
#[derive(Clone, Debug, Serialize)]
struct Stranger {
    /// What it calls itself.
    name: String,
    address: IpAddr,
    at: i64,
    count: u64,
    /// It is certain that nobody knows it.
    #[serde(skip)]
    is_told: bool,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}

impl Board {
    /// An empty one.
    #[must_use]
    pub fn new(tell: Tell) -> Self {
        Self { tell, state: Mutex::default() }
    }

    /// What there is to hand out now. Nodes that are gone from it are gone from the board.
    pub fn inventory(&self, current: &Result<Arc<Output>, String>) {
        let mut state = self.state();
        match current {
            Err(reason) => {
                if state.not_ready.as_ref() != Some(reason) {
                    state.output = None;
                    state.not_ready = Some(reason.clone());
                    state.broadcast_all();
                    drop(state);
                    (self.tell)("kfimg serve", &format!("not ready: {reason}"));
                }
            }
            Ok(output) if state.output.as_ref().is_some_and(|known| Arc::ptr_eq(known, output)) => {}
            Ok(output) => {
                state.output = Some(Arc::clone(output));
                let was_waiting = state.not_ready.take().is_some();
                let is_new = state.take_over(output);
                if is_new || was_waiting {
                    state.broadcast_all();
                }
                if is_new {
                    let count = output.nodes.len();
                    drop(state);
                    (self.tell)(
                        "kfimg serve",
                        &format!("{count} nodes of the cluster {} are ready to boot", output.cluster),
                    );
                } else if was_waiting {
                    drop(state);
                    (self.tell)("kfimg serve", "ready again");
                }
            }
        }
    }

    /// A machine asked for the way to its loader, or runs it already; it has no address yet.
    pub fn asks_for_loader(&self, node: &str, what: &str) {
        self.with_node(node, |node, now| {
            let runs = what == RUNS_LOADER;
            let is_told = node.asks_for_loader(now, runs);
            let text = if runs { "runs iPXE".to_owned() } else { format!("asks for a loader ({what})") };
            is_told.then(|| Event::new(now, Kind::Fetch, text))
        });
    }

    /// An address fetched a loader; which machine it is comes out when it asks for its script.
    pub fn loader_fetched(&self, address: IpAddr) {
        let mut state = self.state();
        if state.loaders.len() >= LOADERS {
            let oldest = state.loaders.iter().min_by_key(|(_, at)| **at).map(|(address, _)| *address);
            oldest.map(|oldest| state.loaders.remove(&oldest));
        }
        state.loaders.insert(address, now());
    }

    /// A machine fetched its script: a boot begins.
    pub fn script(&self, node: &str, address: IpAddr) {
        let loaded = {
            let mut state = self.state();
            // It was asked for by a name before that nobody knows.
            state.strangers.retain(|stranger| stranger.is_told || stranger.address != address);
            state.loaders.remove(&address)
        };
        self.with_node(node, |node, now| {
            let is_again = node.restart(address, loaded, now);
            Some(Event::new(
                now,
                Kind::Fetch,
                format!("boot script{} ({address})", if is_again { " again" } else { "" }),
            ))
        });
    }

    /// A machine began to fetch something.
    pub fn begins(&self, node: &str, stage: Stage) {
        self.with_node(node, |node, now| {
            node.begin(stage, now);
            None
        });
    }

    /// A machine has fetched something, or the transfer ended early.
    pub fn fetched(&self, node: &str, stage: Stage, what: &str, bytes: u64, whole: bool) {
        self.with_node(node, |node, now| {
            let again = node.finish(stage, now, bytes, whole);
            let (size, what) = (size(bytes), clean(what, 100));
            match (whole, again) {
                (true, false) => Some(Event::new(now, Kind::Fetch, format!("{stage}: {what} fetched, {size}"))),
                (true, true) => Some(Event::new(now, Kind::Fetch, format!("{stage}: {what} fetched again, {size}"))),
                (false, _) => Some(Event::new(now, Kind::Fetch, format!("{stage}: {what} ended after {size}"))),
            }
        });
    }

    /// A node's payload was asked for and not given.
    pub fn refused(&self, node: &str, address: IpAddr, code: &str, meaning: &str) {
        self.with_node(node, |node, now| {
            let text = format!("payload refused to {address}: {code}: {meaning}");
            node.refuse(now, code, &text).then(|| Event::new(now, Kind::Refusal, text))
        });
    }

    /// A machine asked that is in no inventory. Where that is not certain, as it may be known by its next name, it counts when it
    /// asks again.
    pub fn stranger(&self, name: &str, address: IpAddr, is_certain: bool) {
        let (name, at) = (clean(name, 60), now());
        let mut state = self.state();
        let known = state.strangers.iter().position(|known| known.name == name);
        let former = known.and_then(|known| state.strangers.remove(known));
        let was_told = former.as_ref().is_some_and(|former| former.is_told);
        let is_told = was_told || is_certain || former.is_some();
        let count = former.map_or(0, |former| former.count).saturating_add(1);
        if state.strangers.len() >= STRANGERS {
            state.strangers.pop_front();
        }
        state.strangers.push_back(Stranger { name: name.clone(), address, at, count, is_told });
        if !is_told {
            return;
        }
        if !state.watchers.is_empty() {
            let strangers = serde_json::to_string(&state.told_strangers()).unwrap_or_default();
            state.watchers.send("strangers", &strangers);
        }
        let line = if was_told { 0 } else { state.stranger_line(at / 60) };
        drop(state);
        match line {
            1..STRANGER_LINES => {
                let text = format!("{name} at {address} is in no inventory; add it, render, and it boots");
                (self.tell)("unknown machine", &text);
            }
            STRANGER_LINES => (self.tell)("unknown machines", "many; the board shows the newest"),
            _ => {}
        }
    }

    /// Takes a report of a node's agent, if whoever posts it may report for that node.
    ///
    /// # Errors
    /// [`ReportError`]; nothing of it is kept then.
    pub fn report(&self, text: &[u8], address: IpAddr, may_report: impl Fn(&str) -> bool) -> Result<(), ReportError> {
        let report = Report::parse(text)?;
        let mut state = self.state();
        let cluster = report.cluster.as_deref().unwrap_or_default();
        if !state.nodes.contains_key(&report.node) || cluster != state.cluster || !may_report(&report.node) {
            return Err(ReportError::Stranger);
        }
        let too_soon = state.reported.get(&report.node).is_some_and(|last| last.elapsed() < REPORT_PAUSE);
        if too_soon {
            return Err(ReportError::TooSoon);
        }
        state.reported.insert(report.node.clone(), Instant::now());
        drop(state);
        let name = report.node.clone();
        self.with_node(&name, |node, now| node.report(report, address, now));
        Ok(())
    }

    /// Begins to watch: all that is known comes first. `None` when too many watch already.
    #[must_use]
    pub fn watch(&self) -> Option<Receiver<bytes::Bytes>> {
        let mut state = self.state();
        let first = state.snapshot();
        state.watchers.add(&first)
    }

    /// Lets those who watch know that the server is still there; call it every few seconds. Ends them all when it stops.
    pub fn beat(&self, stops: bool) {
        let mut state = self.state();
        if stops { state.watchers.clear() } else { state.watchers.beat() }
    }

    /// All that is known of one node, as JSON.
    #[must_use]
    pub fn details(&self, node: &str) -> Option<String> {
        let state = self.state();
        let node = state.nodes.get(node)?;
        serde_json::to_string(&node.details()).ok()
    }

    /// The state of all nodes, as JSON.
    #[must_use]
    pub fn summary(&self) -> String {
        self.state().snapshot()
    }

    /// Changes a node, and tells of it. A node that is in no inventory is left out.
    fn with_node(&self, name: &str, change: impl FnOnce(&mut NodeState, i64) -> Option<Event>) {
        let mut state = self.state();
        let State { nodes, watchers, .. } = &mut *state;
        let Some(node) = nodes.get_mut(name) else { return };
        let event = change(node, now());
        let line = event.as_ref().map(|event| event.text.clone());
        event.into_iter().for_each(|event| node.remember(event));
        if !watchers.is_empty()
            && let Ok(text) = serde_json::to_string(&node.summary())
        {
            watchers.send("node", &text);
        }
        drop(state);
        line.iter().for_each(|line| (self.tell)(name, line));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether anything is new.
    fn take_over(&mut self, output: &Output) -> bool {
        let same = self.cluster == output.cluster
            && self.nodes.len() == output.nodes.len()
            && output.nodes.iter().all(|(name, node)| self.nodes.get(name).is_some_and(|known| known.is_of(node)));
        if same {
            return false;
        }
        self.cluster.clone_from(&output.cluster);
        let mut former = std::mem::take(&mut self.nodes);
        for (name, node) in &output.nodes {
            let state = former.remove(name).unwrap_or_else(|| NodeState::new(name)).rendered(node);
            self.nodes.insert(name.clone(), state);
        }
        self.reported.retain(|name, _| output.nodes.contains_key(name));
        true
    }

    /// Counts a line about a stranger; which one it is in its minute.
    fn stranger_line(&mut self, minute: i64) -> u32 {
        let (former, count) = self.stranger_lines;
        let count = if former == minute { count.saturating_add(1) } else { 1 };
        self.stranger_lines = (minute, count);
        count
    }

    fn broadcast_all(&mut self) {
        if !self.watchers.is_empty() {
            let snapshot = self.snapshot();
            self.watchers.send("all", &snapshot);
        }
    }

    fn snapshot(&self) -> String {
        let nodes: Vec<_> = self.nodes.values().map(NodeState::summary).collect();
        let all = serde_json::json!({
            "cluster": self.cluster, "now": now(), "notReady": self.not_ready.is_some(), "nodes": nodes, "strangers": self.told_strangers(),
        });
        all.to_string()
    }

    fn told_strangers(&self) -> Vec<&Stranger> {
        self.strangers.iter().filter(|stranger| stranger.is_told).collect()
    }
}

/// Seconds since 1970 by this machine's clock.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A text of somebody else, short and on one line.
fn clean(text: &str, most: usize) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if is_odd(c) { ' ' } else { c }).take(most).collect()
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests;
