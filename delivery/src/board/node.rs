//! What is known of one node.

use super::allowance::{Allowance, Turn};
use super::report::{Failure, Report, Step};
use crate::output::Node;
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;

/// Events that are remembered of each node.
const EVENTS: usize = 40;
/// A loader that was fetched longer ago belongs to an earlier boot, in seconds.
const LOADER_AGE: i64 = 900;
/// Of what a machine fetches or is refused, so much is told within a minute: a boot has a dozen events.
const EVENTS_A_MINUTE: u32 = 30;
/// Refusals that are told of within this time, in seconds, are told once.
const REFUSAL_PAUSE: i64 = 10;
/// Requests for a loader within this time, in seconds, are one.
const ASKED_PAUSE: i64 = 60;

/// What a machine fetches, in order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// iPXE itself.
    Loader,
    /// Its own script.
    Script,
    /// The kernel.
    Kernel,
    /// The initial RAM disks, and other files of the image.
    Initrd,
    /// Its payload.
    Payload,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Loader, Self::Script, Self::Kernel, Self::Initrd, Self::Payload];
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loader => "loader",
            Self::Script => "script",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::Payload => "payload",
        })
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    Fetch,
    Report,
    Failure,
    Refusal,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Event {
    at: i64,
    kind: Kind,
    pub(super) text: String,
}

impl Event {
    pub(super) fn new(at: i64, kind: Kind, text: String) -> Self {
        Self { at, kind, text }
    }
}

/// How far one thing was fetched.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Mark {
    begun: Option<i64>,
    done: Option<i64>,
    bytes: u64,
}

/// One node.
#[derive(Clone, Debug)]
pub(super) struct NodeState {
    name: String,
    node: Option<Node>,
    address: Option<IpAddr>,
    marks: [Mark; 5],
    since: i64,
    report: Option<Report>,
    reported_at: i64,
    refusal: Option<(i64, String, String)>,
    events: VecDeque<Event>,
    told: Allowance,
}

/// A node in a line of the board.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary<'a> {
    name: &'a str,
    role: &'a str,
    generation: u64,
    /// Of the payload that it runs with, where that is another one.
    runs_generation: Option<u64>,
    address: Option<IpAddr>,
    /// `silent`, `loading`, `loaded`, `booting`, `waiting`, `failed` or `up`.
    state: &'static str,
    since: i64,
    /// What it does now.
    line: String,
    /// Which of the stages are done (`d`), begun (`b`), or neither (`-`).
    stages: String,
    /// The same for each step of the agent, with its name.
    steps: Vec<(&'a str, &'a str)>,
    failure: Option<&'a Failure>,
    refusal: Option<Refusal<'a>>,
    warnings: usize,
}

/// A payload that was not given.
#[derive(Debug, Serialize)]
struct Refusal<'a> {
    code: &'a str,
    text: &'a str,
}

/// All that is known of a node.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details<'a> {
    summary: Summary<'a>,
    fetched: Vec<(Stage, Mark)>,
    steps: &'a [Step],
    versions: Option<&'a str>,
    up_after_seconds: Option<u64>,
    reported_at: i64,
    events: &'a VecDeque<Event>,
}

impl NodeState {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            node: None,
            address: None,
            marks: [Mark::default(); 5],
            since: super::now(),
            report: None,
            reported_at: 0,
            refusal: None,
            events: VecDeque::new(),
            told: Allowance::default(),
        }
    }

    pub(super) fn rendered(mut self, node: &Node) -> Self {
        self.node = Some(node.clone());
        self
    }

    pub(super) fn is_of(&self, node: &Node) -> bool {
        self.node.as_ref() == Some(node)
    }

    /// What is told of an event: anybody may ask without end, and the time line is short. What a node reports comes from itself.
    pub(super) fn allow(&mut self, event: Event) -> Option<Event> {
        if matches!(event.kind, Kind::Report | Kind::Failure) {
            return Some(event);
        }
        match self.told.take(event.at, EVENTS_A_MINUTE) {
            Turn::Told => Some(event),
            Turn::Last => {
                Some(Event { text: "asks again and again; no more is said of it this minute".to_owned(), ..event })
            }
            Turn::Silent => None,
        }
    }

    /// Keeps an event; a refusal in the words of a former one takes its place.
    pub(super) fn remember(&mut self, event: Event) {
        if event.kind == Kind::Refusal {
            self.events.retain(|former| former.kind != Kind::Refusal || former.text != event.text);
        }
        if self.events.len() >= EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// A machine that fetches its script boots. Whether it did a moment ago, and nothing since.
    pub(super) fn restart(&mut self, address: IpAddr, loaded: Option<i64>, now: i64) -> bool {
        let mark = |stage: Stage| self.marks[stage as usize];
        let is_again =
            mark(Stage::Script).done.is_some() && mark(Stage::Kernel).begun.is_none() && self.report.is_none();
        // One that was asked for before the last script was that boot's.
        let former = mark(Stage::Script).done;
        let asked = mark(Stage::Loader).begun.filter(|at| former.is_none_or(|former| *at > former));
        let loader = [loaded, asked].into_iter().flatten().find(|at| now - at < LOADER_AGE);
        self.marks = [Mark::default(); 5];
        if loader.is_some() {
            self.marks[Stage::Loader as usize] = Mark { begun: loader, done: loader, bytes: 0 };
        }
        self.marks[Stage::Script as usize] = Mark { begun: Some(now), done: Some(now), bytes: 0 };
        (self.address, self.report, self.since, self.refusal) = (Some(address), None, now, None);
        is_again
    }

    /// Whether that is new: firmware asks several times.
    pub(super) fn asks_for_loader(&mut self, now: i64, runs: bool) -> bool {
        let mark = &mut self.marks[Stage::Loader as usize];
        let is_recent = |at: Option<i64>| at.is_some_and(|at| now - at < ASKED_PAUSE);
        let is_told = if runs { is_recent(mark.done) } else { is_recent(mark.begun) && mark.done.is_none() };
        if !is_told {
            *mark = Mark { begun: Some(now), done: runs.then_some(now), bytes: 0 };
        }
        !is_told
    }

    pub(super) fn begin(&mut self, stage: Stage, now: i64) {
        let mark = &mut self.marks[stage as usize];
        mark.begun = mark.begun.or(Some(now));
    }

    /// Whether it was there already.
    pub(super) fn finish(&mut self, stage: Stage, now: i64, bytes: u64, whole: bool) -> bool {
        let mark = &mut self.marks[stage as usize];
        let again = mark.done.is_some() && stage == Stage::Kernel;
        mark.begun = mark.begun.or(Some(now));
        mark.bytes = mark.bytes.saturating_add(bytes);
        if whole {
            mark.done = Some(now);
            self.since = now;
        }
        again
    }

    /// Whether this refusal is to be told: a client that asks again and again is told of from time to time.
    pub(super) fn refuse(&mut self, now: i64, code: &str, text: &str) -> bool {
        let told = self.refusal.as_ref().is_some_and(|(at, said, _)| said == code && now - at < REFUSAL_PAUSE);
        if !told {
            self.refusal = Some((now, code.to_owned(), text.to_owned()));
        }
        !told
    }

    /// Takes a report; the event, where it says something new.
    pub(super) fn report(&mut self, report: Report, address: IpAddr, now: i64) -> Option<Event> {
        let event = report.news(self.report.as_ref());
        if self.report.as_ref().is_none_or(|former| former.phase != report.phase) {
            self.since = now;
        }
        let failed = report.failure().is_some() && report.phase.word() == "failed";
        (self.address, self.reported_at, self.report) = (Some(address), now, Some(report));
        event.map(|text| Event::new(now, if failed { Kind::Failure } else { Kind::Report }, text))
    }

    fn state(&self) -> &'static str {
        let begun = |stage: Stage| self.marks[stage as usize].begun.is_some();
        match &self.report {
            Some(report) => report.phase.word(),
            None if self.marks[Stage::Payload as usize].done.is_some() => "loaded",
            None if Stage::ALL.into_iter().any(begun) => "loading",
            None => "silent",
        }
    }

    /// What it does, in a few words.
    fn line(&self) -> String {
        if let Some(report) = &self.report {
            return report.line();
        }
        let last = Stage::ALL.into_iter().rev().find(|stage| self.marks[*stage as usize].begun.is_some());
        match last {
            None => "not seen yet".to_owned(),
            Some(stage) if self.marks[stage as usize].done.is_none() => format!("fetches its {stage}"),
            Some(Stage::Payload) => "has its payload; its agent has not reported yet".to_owned(),
            Some(stage) => format!("has its {stage}"),
        }
    }

    pub(super) fn summary(&self) -> Summary<'_> {
        let mark = |mark: &Mark| match (mark.begun, mark.done) {
            (_, Some(_)) => 'd',
            (Some(_), None) => 'b',
            (None, None) => '-',
        };
        let generation = self.node.as_ref().map_or(0, |node| node.generation);
        let runs = self.report.as_ref().and_then(|report| report.generation);
        let steps = self.report.as_ref().map_or(&[][..], |report| &report.steps);
        Summary {
            name: &self.name,
            role: self.node.as_ref().map_or("", |node| &node.role),
            generation,
            runs_generation: runs.filter(|runs| *runs != generation),
            address: self.address,
            state: self.state(),
            since: self.since,
            line: self.line(),
            stages: self.marks.iter().map(mark).collect(),
            steps: steps.iter().map(|step| (step.name.as_str(), step.state.word())).collect(),
            failure: self.report.as_ref().and_then(Report::failure),
            refusal: self.refusal.as_ref().map(|(_, code, text)| Refusal { code, text }),
            warnings: steps.iter().map(|step| step.warnings.len()).sum(),
        }
    }

    pub(super) fn details(&self) -> Details<'_> {
        Details {
            summary: self.summary(),
            fetched: Stage::ALL.into_iter().map(|stage| (stage, self.marks[stage as usize])).collect(),
            steps: self.report.as_ref().map_or(&[], |report| &report.steps),
            versions: self.report.as_ref().map(|report| report.versions.as_str()),
            up_after_seconds: self.report.as_ref().and_then(|report| report.up_after_seconds),
            reported_at: self.reported_at,
            events: &self.events,
        }
    }
}
