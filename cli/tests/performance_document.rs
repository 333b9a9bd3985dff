//! `docs/performance.md` says what the benches judge by, and names every variable that they read: the goals stand in one table of the
//! benches, `cli/benches/measure/goals.rs`, which each bench and this test read.
//!
//! Nothing is measured here. `KFIMG_UPDATE_GOLDEN=1` writes the document's table of goals.

#![allow(clippy::unwrap_used)]

#[path = "../benches/measure/goals.rs"]
mod goals;
mod support;

use goals::{Bound, GOALS, Goal, goal};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use support::named::{CRATES, project};

/// Tables of what came out, by the benches that write them.
const RESULTS: [&str; 3] = ["bench bundle", "bench speed", "bench outputs"];
/// Stands in a table that nobody has written.
const NONE_YET: &str = "not measured yet";
/// What variables begin with.
const VARIABLE: &str = "KFIMG_";

fn document() -> PathBuf {
    project().join("docs/performance.md")
}

/// The text between `<!-- name -->` and `<!-- /name -->`, with what stands before and behind it.
fn split<'a>(text: &'a str, name: &str) -> [&'a str; 3] {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = text.find(&begin).unwrap_or_else(|| panic!("no place for {name}")) + begin.len();
    let stop = start + text[start..].find(&end).unwrap_or_else(|| panic!("{name} has no end"));
    [&text[..start], &text[start..stop], &text[stop..]]
}

fn table() -> String {
    let mut text = "| | what | measured | against | goal | by |\n|---|---|---|---|---|---|\n".to_owned();
    for goal in GOALS {
        let Goal { what, measure, against, bound, bench, .. } = goal;
        writeln!(text, "| {} | {what} | {measure} | {against} | {bound} | `{bench}` |", goal.id()).unwrap();
    }
    text
}

/// All sources of benches, by their paths from the top of the project.
fn benches() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = CRATES.iter().map(|name| project().join(name).join("benches")).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => files.push((shown(&path), fs::read_to_string(&path).unwrap())),
            }
        }
    }
    files
}

fn shown(path: &Path) -> String {
    path.strip_prefix(project()).unwrap().display().to_string()
}

/// Every text in quotation marks of a source.
fn quoted(source: &str) -> impl Iterator<Item = &str> {
    source.split('"')
}

/// Names of variables in a text.
fn variables(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with(VARIABLE)).collect()
}

#[test]
fn the_document_has_every_goal_and_no_other() {
    let text = fs::read_to_string(document()).unwrap();
    let [before, found, behind] = split(&text, "goals");
    let wanted = table();
    if std::env::var_os("KFIMG_UPDATE_GOLDEN").is_some() {
        fs::write(document(), format!("{before}{wanted}{behind}")).unwrap();
        return;
    }
    let rows = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (found_rows, wanted_rows) = (rows(found), rows(&wanted));
    let lacks: Vec<_> = wanted_rows.difference(&found_rows).collect();
    let strange: Vec<_> = found_rows.difference(&wanted_rows).collect();
    assert!(lacks.is_empty() && strange.is_empty(), "lacks {lacks:#?}, has {strange:#?}; `make golden` writes it");
    assert_eq!(found, wanted, "in another order");
}

#[test]
fn every_goal_is_judged_where_it_says_and_nothing_is_judged_without_one() {
    let sources = benches();
    let keys: BTreeSet<&str> = GOALS.iter().map(|goal| goal.key).collect();
    assert_eq!(keys.len(), GOALS.len(), "a key stands for one goal");
    for Goal { key, bench, .. } in GOALS {
        let (_, text) = sources.iter().find(|(path, _)| path == bench).unwrap_or_else(|| panic!("no file {bench}"));
        assert!(quoted(text).any(|word| word == *key), "{bench} judges no {key}");
        assert_eq!(goal(key).key, *key);
    }
    let ids: BTreeSet<&str> = GOALS.iter().map(Goal::id).collect();
    for (path, text) in &sources {
        let is_key = |word: &&str| word.split_once('/').is_some_and(|(id, _)| ids.contains(id)) && !word.contains(' ');
        for key in quoted(text).filter(is_key).filter(|_| !path.ends_with("goals.rs")) {
            assert!(keys.contains(key), "{path} judges {key}, which is no goal");
            assert_eq!(goal(key).bench, path, "{key}");
        }
    }
}

#[test]
fn a_bound_is_met_up_to_itself() {
    for (bound, value, is_met) in [
        (Bound::AtMost(0.5), 0.5, true),
        (Bound::AtMost(0.5), 0.501, false),
        (Bound::AtLeast(0.85), 0.85, true),
        (Bound::AtLeast(0.85), 0.76, false),
        (Bound::AtMost(1.0), f64::NAN, false),
    ] {
        assert_eq!(bound.is_met(value), is_met, "{value} {bound}");
    }
}

#[test]
fn what_came_out_is_held_against_the_goals_as_they_are() {
    let text = fs::read_to_string(document()).unwrap();
    for name in RESULTS {
        let rows: Vec<_> = split(&text, name)[1].lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        assert!(!rows.is_empty(), "{name}");
        for row in rows.iter().filter(|row| !row.contains(NONE_YET)) {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let [id, _, _, value, bound, met] = cells[..] else { panic!("six cells: {row}") };
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("a ratio: {row}"));
            let is_of = |goal: &&Goal| goal.id() == id && goal.bound.to_string() == bound;
            let goal = GOALS.iter().find(is_of).unwrap_or_else(|| panic!("no goal of {id} is {bound}: {row}"));
            assert_eq!(met == "yes", goal.bound.is_met(value), "{row}");
        }
    }
}

#[test]
fn every_variable_of_a_bench_is_named_and_no_other() {
    let text = fs::read_to_string(document()).unwrap();
    let sources = benches();
    let known: BTreeSet<&str> = sources.iter().flat_map(|(_, source)| variables(source)).collect();
    assert!(known.len() >= 6, "{known:?}");
    assert_eq!(known, variables(&text));
}

#[test]
fn every_part_that_can_be_measured_alone_is_named() {
    let text = fs::read_to_string(document()).unwrap();
    let row = text.lines().find(|line| line.starts_with("| `KFIMG_BENCH_PART` |")).unwrap();
    let bench = fs::read_to_string(project().join("cli/benches/bundle/main.rs")).unwrap();
    let list = bench.split_once("const PARTS").and_then(|(_, rest)| rest.split_once("];")).unwrap().0;
    let parts: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    let named: BTreeSet<&str> = row.split('`').skip(5).step_by(2).collect();
    assert_eq!(named, parts, "{row}");
}
