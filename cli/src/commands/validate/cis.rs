//! `kfimg validate --cis`: what every node gets, held against the CIS benchmark; and the list of its checks.
//!
//! How a check is judged is decided in [`kfimg_ignition::cis`]. The keys of the trees that are judged are thrown away.

use super::super::{description, render};
use crate::args::Layers;
use crate::commands::description::plural;
use crate::console::{BAD, Console, DOUBT, FAINT, GOOD};
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;
use crate::steps::Steps;
use anstyle::Style;
use jiff::Zoned;
use kfimg_ignition::cis::{
    self, Applied, BENCHMARK, Check, Finding, Judged, Kind, Lint, Row, State, WaiverFile, Waivers,
};
use kfimg_pki::inventory;
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::document::Sources;
use kfimg_profiles::load;
use kfimg_profiles::problem::Report;
use serde_json::json;
use std::path::Path;

/// Columns of a page.
const WIDTH: usize = 80;
/// Where the texts of findings begin.
const INDENT: usize = 18;
/// Names of nodes that a finding lists.
const NAMED: usize = 6;
/// Findings of a check that are shown.
const FINDINGS: usize = 12;

/// Judges every node; ends with an error when an automated check fails that nobody waived.
pub(super) fn run(layers: &Layers, waivers: Option<&Path>, console: &Console) -> Result<(), Failure> {
    let loaded = description::load_with_charts(layers, console)?;
    description::check_authorities(&inventory::request(&loaded.cluster), jiff::Timestamp::now(), console)?;
    let (waivers, mut report, sources) = waivers.map_or_else(|| Ok(Default::default()), |path| read(path, console))?;
    let lint = Lint::new(&judge(&loaded.cluster, console)?, &waivers, Zoned::now().date(), &mut report);
    if console.is_json() {
        let mut value = lint.to_json();
        value["problems"] = report.to_json(&sources)["problems"].take();
        console.json(&value)?;
    } else {
        console.problems(&report, &sources)?;
        console.result(&page(&lint, console))?;
    }
    let failed = lint.failed();
    if failed > 0 {
        let summary = format!("{} of {BENCHMARK} failed", plural(failed, "automated check"));
        return Err(Failure::Cis { summary });
    }
    Ok(())
}

/// Prints every check of the benchmark.
pub(super) fn list(console: &Console) -> Result<(), Failure> {
    if console.is_json() {
        let rows = cis::checks().map(|check| {
            json!({
                "id": check.id,
                "about": check.heading(),
                "title": check.title,
                "kind": check.kind,
                "nodes": check.nodes(),
                "setting": check.setting,
                "note": check.note,
                "notJudged": check.left_to_people(),
            })
        });
        return console.json(&rows.collect::<Vec<_>>());
    }
    let mut text = format!("{:<7} {:<10} WHAT MUST HOLD\n", "CHECK", "JUDGED");
    let mut above = "";
    for check in cis::checks() {
        text.push_str(&heading(check, &mut above, console));
        let (word, style) = match (check.kind, check.left_to_people()) {
            (Kind::Automated, _) => ("always", Style::new()),
            (Kind::Manual, None) => ("here too", FAINT),
            (Kind::Manual, Some(_)) => ("by people", FAINT),
        };
        let word = console.styled(style, &format!("{word:<10}"));
        text.push_str(&format!("{:<7} {word} {}\n", check.id, check.title));
    }
    console.result(&text)
}

/// Reads the waivers; all that is wrong with them is printed.
fn read(path: &Path, console: &Console) -> Result<(Waivers, Report, Sources), Failure> {
    let refused = |report: &Report, missing_input| {
        let summary = format!("the waivers have {}; nothing was judged", plural(report.counts().0, "error"));
        Failure::Description { summary, missing_input }
    };
    let document = load::document::<WaiverFile>(path, "waivers");
    let mut document = match document {
        Ok(document) => document,
        Err(failed) => {
            console.problems(&failed.report, &failed.sources)?;
            return Err(refused(&failed.report, failed.missing_input));
        }
    };
    let waivers = Waivers::new(&document.value, &document.tree, &mut document.report);
    if document.report.has_errors() {
        console.problems(&document.report, &document.sources)?;
        return Err(refused(&document.report, false));
    }
    Ok((waivers, document.report, document.sources))
}

fn judge(cluster: &Cluster, console: &Console) -> Result<Vec<Judged>, Failure> {
    let steps = Steps::new(console, "judging nodes", cluster.nodes.len()).until(&stop_on_signals());
    render::judge(cluster, Applied::of, |tree, applied| {
        let judged = match applied {
            Ok(applied) => cis::judge(tree, applied)?,
            Err(error) => return Err(error.clone().into()),
        };
        steps.done().map(|()| judged)
    })
}

/// All checks, what is not as required, and the totals.
fn page(lint: &Lint, console: &Console) -> String {
    let mut text = format!("{:<7} {:<14} {}\n", "CHECK", "STATE", "WHAT MUST HOLD");
    let mut above = "";
    for row in &lint.rows {
        text.push_str(&heading(row.check, &mut above, console));
        text.push_str(&line(row, console));
    }
    let shown = |state: State| state == State::Fail || (state == State::Warn && console.is_verbose());
    for row in lint.rows.iter().filter(|row| shown(row.state)) {
        text.push_str(&details(row, console));
    }
    text.push_str(&totals(lint, console));
    let warned = lint.rows.iter().filter(|row| row.state == State::Warn).count();
    if warned > 0 && !console.is_verbose() {
        let hint = format!("{} want a look; -v shows what they found.\n", plural(warned, "manual check"));
        text.push_str(&console.styled(FAINT, &hint));
    }
    text
}

/// What the checks from here on are about, where that is something else than `above`.
fn heading(check: &Check, above: &mut &'static str, console: &Console) -> String {
    if *above == check.heading() {
        return String::new();
    }
    *above = check.heading();
    format!("{:8}{}\n", "", console.styled(FAINT, above))
}

/// `4.2.10  fail 5/5       the kubelet renews its client certificate`
fn line(row: &Row, console: &Console) -> String {
    let state = match row.state {
        State::Fail | State::Warn | State::Waived => {
            let about = row.nodes.len() - row.count(State::NotApplicable);
            format!("{} {}/{about}", row.state.word(), row.count(row.state))
        }
        other => other.word().to_owned(),
    };
    let state = console.styled(style(row.state), &format!("{state:<14}"));
    format!("{:<7} {state} {}\n", row.check.id, row.check.title)
}

fn style(state: State) -> Style {
    match state {
        State::Fail => BAD,
        State::Warn | State::Waived => DOUBT,
        State::Pass => GOOD,
        State::NotJudged | State::NotApplicable => FAINT,
    }
}

/// What was found, and what to do about it.
fn details(row: &Row, console: &Console) -> String {
    let word = console.styled(style(row.state), row.state.word());
    let mut text = format!("\n{word} {} {} ({})\n", row.check.id, row.check.title, row.check.heading());
    let shown = &row.findings[..row.findings.len().min(FINDINGS)];
    for (index, Finding { fault, nodes }) in shown.iter().enumerate() {
        let next = shown.get(index + 1);
        text.push_str(&labelled("found", &fault.found, console));
        text.push_str(&labelled("in", &fault.path, console));
        // What several findings have in common stands below the last of them.
        if next.is_none_or(|next| next.fault.required != fault.required) {
            text.push_str(&labelled("required", &fault.required, console));
        }
        if next.is_none_or(|next| next.nodes != *nodes) {
            text.push_str(&labelled("on", &names(nodes), console));
        }
    }
    if shown.len() < row.findings.len() {
        let more = format!("{} more of the kind (--output-format json has them)", row.findings.len() - shown.len());
        text.push_str(&labelled("and", &more, console));
    }
    text.push_str(&labelled("change", &remedy(row.check), console));
    row.check.note.iter().for_each(|note| text.push_str(&labelled("note", note, console)));
    text
}

fn remedy(check: &Check) -> String {
    match check.setting {
        Some(setting) => format!("{setting} of the description"),
        None => "no setting of the description changes it".to_owned(),
    }
}

fn names(nodes: &[String]) -> String {
    let (named, others) = nodes.split_at(nodes.len().min(NAMED));
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    named.join(", ") + &more
}

/// A label, and a text in lines that fit a page.
fn labelled(label: &str, text: &str, console: &Console) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && INDENT + last.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word.to_owned());
        } else {
            last.push_str(if last.is_empty() { "" } else { " " });
            last.push_str(word);
        }
    }
    let label = console.styled(FAINT, &format!("{label:<width$}", width = INDENT - 8));
    format!("        {label}{}\n", lines.join(&format!("\n{:INDENT$}", "")))
}

/// How many checks came out how, by role.
fn totals(lint: &Lint, console: &Console) -> String {
    let mut text = String::from("\n");
    for role in &lint.roles {
        for (kind, totals) in [(Kind::Automated, &role.automated), (Kind::Manual, &role.manual)] {
            let states = totals
                .by_state()
                .map(|(state, count)| console.styled(style(state), &format!("{count} {}", state.word())));
            let name = render::role(role.role);
            let who = if kind == Kind::Automated { format!("{name} ({})", role.nodes) } else { String::new() };
            text.push_str(&format!("{who:<20} {:<10} {}\n", kind.word(), states.collect::<Vec<_>>().join(", ")));
        }
    }
    text
}
