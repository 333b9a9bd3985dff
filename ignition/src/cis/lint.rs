//! The outcomes of all nodes of a cluster together, after waivers: one row a check, totals by role.

use super::check::{Check, Kind};
use super::outcome::{Fault, Outcome};
use super::table::checks;
use super::waivers::{Waiver, Waivers};
use super::{BENCHMARK, Judged};
use jiff::civil::Date;
use kfimg_profiles::description::Role;
use kfimg_profiles::problem::Report;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a check says, the worst last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The node has nothing that the check is about.
    NotApplicable,
    /// As required.
    Pass,
    /// People have to look.
    NotJudged,
    /// Not as required, or not judged, and somebody accepted that.
    Waived,
    /// Not as required, in a check that the benchmark leaves to people.
    Warn,
    /// Not as required.
    Fail,
}

impl State {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotApplicable => "n/a",
            Self::Pass => "pass",
            Self::NotJudged => "not judged",
            Self::Waived => "waived",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// All checks over all nodes.
#[derive(Clone, Debug)]
pub struct Lint {
    /// One a check, in the order of the benchmark.
    pub rows: Vec<Row>,
    /// One a role that some node has.
    pub roles: Vec<RoleTotals>,
}

/// One check over all nodes.
#[derive(Clone, Debug)]
pub struct Row {
    /// The check.
    pub check: &'static Check,
    /// The worst state of all nodes.
    pub state: State,
    /// The state of each node.
    pub nodes: BTreeMap<String, State>,
    /// What is not as required, each once, with the nodes where it is so.
    pub findings: Vec<Finding>,
    /// Why it is not judged or not applicable, each reason once.
    pub reasons: BTreeSet<&'static str>,
    /// Reasons of waivers, each with the nodes for which it counts.
    pub waived: Vec<(String, Vec<String>)>,
}

/// Something that is not as required.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What.
    #[serde(flatten)]
    pub fault: Fault,
    /// The nodes where it is so.
    pub nodes: Vec<String>,
}

/// How the checks of a role's nodes came out; a check counts once, in its worst state.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleTotals {
    /// The role.
    pub role: Role,
    /// How many nodes have it.
    pub nodes: usize,
    /// Checks that a program can judge.
    pub automated: Totals,
    /// Checks that the benchmark leaves to people.
    pub manual: Totals,
}

/// Numbers of checks by state.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// [`State::Pass`].
    pub pass: usize,
    /// [`State::Fail`].
    pub fail: usize,
    /// [`State::Warn`].
    pub warn: usize,
    /// [`State::Waived`].
    pub waived: usize,
    /// [`State::NotJudged`].
    pub not_judged: usize,
    /// [`State::NotApplicable`].
    pub not_applicable: usize,
}

impl Totals {
    fn add(&mut self, state: State) {
        *match state {
            State::NotApplicable => &mut self.not_applicable,
            State::Pass => &mut self.pass,
            State::NotJudged => &mut self.not_judged,
            State::Waived => &mut self.waived,
            State::Warn => &mut self.warn,
            State::Fail => &mut self.fail,
        } += 1;
    }

    /// Numbers that are not zero, the worst state first.
    pub fn by_state(&self) -> impl Iterator<Item = (State, usize)> {
        let all = [
            (State::Fail, self.fail),
            (State::Warn, self.warn),
            (State::Waived, self.waived),
            (State::Pass, self.pass),
            (State::NotJudged, self.not_judged),
            (State::NotApplicable, self.not_applicable),
        ];
        all.into_iter().filter(|(_, count)| *count > 0)
    }
}

impl Lint {
    /// Puts the nodes of a cluster together. Waivers that have ended on `today`, and those that match nothing, are reported.
    pub fn new(nodes: &[Judged], waivers: &Waivers, today: Date, report: &mut Report) -> Self {
        let mut used = vec![false; waivers.0.len()];
        let is_over = |waiver: &Waiver| waiver.expires.is_some_and(|day| day < today);
        let mut excuse = |check: &Check, node: &Judged| {
            let found =
                waivers.0.iter().position(|waiver| !is_over(waiver) && waiver.covers(check, &node.name, node.role));
            found.map(|index| {
                used[index] = true;
                waivers.0[index].reason.as_str()
            })
        };
        let rows: Vec<Row> =
            checks().enumerate().map(|(index, check)| Row::new(check, index, nodes, &mut excuse)).collect();
        for (waiver, used) in waivers.0.iter().zip(used) {
            match waiver.expires.filter(|_| is_over(waiver)) {
                Some(day) => {
                    let message = format!("this waiver of {} ended on {day}", waiver.check.id);
                    report.warning_at("expired-waiver", waiver.at, message).help("remove it, or decide again");
                }
                None if !used => {
                    let message =
                        format!("this waiver matches nothing: no node that it names fails {}", waiver.check.id);
                    report.warning_at("unused-waiver", waiver.at, message).help("remove it");
                }
                None => {}
            }
        }
        let roles = totals(&rows, nodes);
        Self { rows, roles }
    }

    /// How many automated checks fail on some node.
    pub fn failed(&self) -> usize {
        self.rows.iter().filter(|row| row.state == State::Fail).count()
    }

    /// Everything, for programs.
    pub fn to_json(&self) -> Value {
        json!({
            "benchmark": BENCHMARK,
            "passed": self.failed() == 0,
            "roles": self.roles,
            "checks": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn new<'a>(
        check: &'static Check,
        index: usize,
        nodes: &[Judged],
        excuse: &mut impl FnMut(&Check, &Judged) -> Option<&'a str>,
    ) -> Self {
        let (mut states, mut reasons) = (BTreeMap::new(), BTreeSet::new());
        let mut findings: BTreeMap<&Fault, Vec<String>> = BTreeMap::new();
        let mut waived: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for node in nodes {
            let outcome = &node.outcomes[index];
            match outcome {
                Outcome::Pass => {}
                Outcome::Fail(faults) => {
                    faults.iter().for_each(|fault| findings.entry(fault).or_default().push(node.name.clone()));
                }
                Outcome::NotApplicable(reason) | Outcome::NotJudged(reason) => {
                    reasons.insert(*reason);
                }
            }
            let mut state = state(check.kind, outcome);
            if state > State::Pass
                && let Some(reason) = excuse(check, node)
            {
                waived.entry(reason).or_default().push(node.name.clone());
                state = State::Waived;
            }
            states.insert(node.name.clone(), state);
        }
        let findings = findings.into_iter().map(|(fault, nodes)| Finding { fault: fault.clone(), nodes }).collect();
        let waived = waived.into_iter().map(|(reason, nodes)| (reason.to_owned(), nodes)).collect();
        let state = states.values().copied().max().unwrap_or(State::NotApplicable);
        Self { check, state, nodes: states, findings, reasons, waived }
    }

    /// How many nodes are in a state.
    pub fn count(&self, state: State) -> usize {
        self.nodes.values().filter(|of_node| **of_node == state).count()
    }

    fn to_json(&self) -> Value {
        let waived = self.waived.iter().map(|(reason, nodes)| json!({"reason": reason, "nodes": nodes}));
        json!({
            "id": self.check.id,
            "about": self.check.heading(),
            "title": self.check.title,
            "kind": self.check.kind,
            "state": self.state,
            "nodes": self.nodes,
            "findings": self.findings,
            "reasons": self.reasons,
            "waived": waived.collect::<Vec<_>>(),
            "setting": self.check.setting,
            "note": self.check.note,
        })
    }
}

fn state(kind: Kind, outcome: &Outcome) -> State {
    match (outcome, kind) {
        (Outcome::Pass, _) => State::Pass,
        (Outcome::Fail(_), Kind::Automated) => State::Fail,
        (Outcome::Fail(_), Kind::Manual) => State::Warn,
        (Outcome::NotApplicable(_), _) => State::NotApplicable,
        (Outcome::NotJudged(_), _) => State::NotJudged,
    }
}

fn totals(rows: &[Row], nodes: &[Judged]) -> Vec<RoleTotals> {
    let mut members: BTreeMap<Role, Vec<&str>> = BTreeMap::new();
    nodes.iter().for_each(|node| members.entry(node.role).or_default().push(&node.name));
    let of_role = |(role, names): (Role, Vec<&str>)| {
        let (mut automated, mut manual) = (Totals::default(), Totals::default());
        for row in rows {
            let states = names.iter().filter_map(|name| row.nodes.get(*name)).copied();
            let totals = if row.check.kind == Kind::Automated { &mut automated } else { &mut manual };
            totals.add(states.max().unwrap_or(State::NotApplicable));
        }
        RoleTotals { role, nodes: names.len(), automated, manual }
    };
    members.into_iter().map(of_role).collect()
}
