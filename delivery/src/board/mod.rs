//! How far each node has come: what it fetched, what its agent reports, what was refused.
//!
//! The board only watches: nothing depends on it. It is told what happens by whoever serves, keeps a bounded memory of it, and
//! tells it on: as lines, and to those who watch the page. What machines report is text of strangers: it is cut to size here, and the
//! page never takes it for anything but text.

mod allowance;
mod node;
mod page;
mod report;
mod stranger;
mod watch;

pub use node::Stage;
pub(crate) use page::Page;
pub(crate) use report::LIMIT as REPORT_LIMIT;
pub use report::ReportError;

use crate::output::Output;
use allowance::{Allowance, Turn};
use node::{Event, Kind, NodeState};
use report::Report;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use stranger::Strangers;
use tokio::sync::mpsc::Receiver;
use watch::Watchers;

/// Addresses that fetched a loader and have not yet said which machine they are.
const LOADERS: usize = 1024;
/// Lines about payloads that were refused, of all nodes within a minute: their names are guessed in no time.
const REFUSAL_LINES: u32 = 30;
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
    strangers: Strangers,
    refusal_lines: Allowance,
    /// Reports without a secret that counts, of which the terminal hears now and then.
    unknown_reports: Allowance,
    /// When an address fetched its loader.
    loaders: HashMap<IpAddr, i64>,
    reported: HashMap<String, Instant>,
    watchers: Watchers,
    changed: Changed,
    /// Why there is nothing to hand out.
    not_ready: Option<String>,
}

/// What those who watch have not heard of yet. They hear of it together: however much happens, they are told a few times a second.
#[derive(Default)]
struct Changed {
    all: bool,
    nodes: BTreeSet<String>,
    strangers: bool,
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
                    state.changed.all = true;
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
                    state.changed.all = true;
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
            state.strangers.is_known(address);
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
        let text = format!("payload refused to {address}: {code}: {}", clean(meaning, 300));
        let line =
            self.change(node, |node, now| node.refuse(now, code, &text).then(|| Event::new(now, Kind::Refusal, text)));
        let Some(line) = line else { return };
        let turn = self.state().refusal_lines.take(now(), REFUSAL_LINES);
        match turn {
            Turn::Told => (self.tell)(node, &line),
            Turn::Last => (self.tell)("payloads refused", "many; the board shows them"),
            Turn::Silent => {}
        }
    }

    /// A machine asked that is in no inventory. Where that is not certain, as it may be known by its next name, it counts when it
    /// asks again.
    pub fn stranger(&self, name: &str, address: IpAddr, is_certain: bool) {
        let mut state = self.state();
        let Some(told) = state.strangers.asked(name, address, now(), is_certain) else { return };
        state.changed.strangers = true;
        drop(state);
        told.line.iter().for_each(|(who, what)| (self.tell)(who, what));
    }

    /// A report came without a secret that counts.
    pub fn unknown_report(&self, address: IpAddr) {
        if self.state().unknown_reports.take(now(), 2) == Turn::Told {
            let remedy =
                "boot that node with its newest payload; for a secret in report.url start with --report-token-file";
            (self.tell)("unknown report", &format!("{address} reports with no secret that counts here; {remedy}"));
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

    /// Tells those who watch what happened since the last time; call it a few times a second.
    pub fn flush(&self) {
        self.state().flush();
    }

    /// Lets those who watch know that the server is still there; call it every few seconds. Ends them all when it stops.
    pub fn beat(&self, stops: bool) {
        let mut state = self.state();
        state.flush();
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

    /// Changes a node, and tells of it.
    fn with_node(&self, name: &str, change: impl FnOnce(&mut NodeState, i64) -> Option<Event>) {
        let line = self.change(name, change);
        line.iter().for_each(|line| (self.tell)(name, line));
    }

    /// Changes a node; what is to be told of it. A node that is in no inventory is left out.
    fn change(&self, name: &str, change: impl FnOnce(&mut NodeState, i64) -> Option<Event>) -> Option<String> {
        let mut state = self.state();
        let State { nodes, changed, .. } = &mut *state;
        let node = nodes.get_mut(name)?;
        let event = change(node, now()).and_then(|event| node.allow(event));
        changed.nodes.insert(name.to_owned());
        let event = event?;
        let line = event.text.clone();
        node.remember(event);
        Some(line)
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

    fn flush(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        if self.watchers.is_empty() {
            return;
        }
        if changed.all {
            let snapshot = self.snapshot();
            self.watchers.send("all", &snapshot);
            return;
        }
        let nodes: Vec<_> =
            changed.nodes.iter().filter_map(|name| self.nodes.get(name)).map(NodeState::summary).collect();
        if !nodes.is_empty() {
            let nodes = serde_json::json!(nodes).to_string();
            self.watchers.send("nodes", &nodes);
        }
        if changed.strangers {
            let strangers = serde_json::json!(self.strangers.told()).to_string();
            self.watchers.send("strangers", &strangers);
        }
    }

    fn snapshot(&self) -> String {
        let nodes: Vec<_> = self.nodes.values().map(NodeState::summary).collect();
        let all = serde_json::json!({
            "cluster": self.cluster, "now": now(), "notReady": self.not_ready.is_some(), "nodes": nodes, "strangers": self.strangers.told(),
        });
        all.to_string()
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
