//! `docs/boot.md` explains every code, every step, every exit code and every line of the agent that is built, in its words.
//!
//! The chapter of codes is written by `KFIMG_UPDATE_GOLDEN=1 cargo test -p kfimg-agent --test boot_document`; all else in
//! the document is written by people.

#![allow(clippy::unwrap_used)]

use kfimg_agent::{failure, texts};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// The chapter that follows from the code, to the end of the document.
const CHAPTER: &str = "## All codes\n";
const INTRODUCTION: &str = "
What a code means and what to do, as the agent itself tells it. Weights: **fatal** stops the boot until a person acts; **retry** ends the step, and
another try may help; with a **warning** the boot goes on.
";

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/boot.md"))
}

fn document() -> String {
    std::fs::read_to_string(path()).unwrap()
}

fn chapter() -> String {
    let mut text = format!("{CHAPTER}{INTRODUCTION}");
    for (step, codes) in failure::by_step() {
        let title = if step == "any step" { "Any step".to_owned() } else { format!("`{step}`") };
        let _ = write!(text, "\n### {title}\n\n| code | weight | meaning | to do |\n|---|---|---|---|\n");
        for code in codes {
            text +=
                &format!("| `{}` | {} | {} | {} |\n", code.name, code.weight, cell(code.meaning), cell(code.remedy));
        }
    }
    text
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// What is wrong with a document, a line each.
fn problems(document: &str) -> Vec<String> {
    let Some((_, written)) = document.split_once(CHAPTER) else {
        return vec![format!("there is no chapter {CHAPTER:?}")];
    };
    let (expected, written) = (chapter(), format!("{CHAPTER}{written}"));
    let missing = expected.lines().filter(|line| !written.lines().any(|other| other == *line));
    let surplus = written.lines().filter(|line| !expected.lines().any(|other| other == *line));
    let mut found: Vec<String> = missing.map(|line| format!("missing: {line}")).collect();
    found.extend(surplus.map(|line| format!("not so: {line}")));
    if found.is_empty() && expected != written {
        found.push("rows stand twice, or in another order than the agent's".to_owned());
    }
    found
}

fn help() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kfimg-agent")).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Words that stand first in the lines of a part of the help.
fn words<'a>(help: &'a str, part: &str) -> Vec<&'a str> {
    let lines = help.lines().skip_while(|line| !line.starts_with(part)).skip(1);
    lines.take_while(|line| line.starts_with("  ")).filter_map(|line| line.split_whitespace().next()).collect()
}

/// A line as the document writes it: `…` for each particular.
fn written(text: &str) -> String {
    let parts = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    parts.collect::<Vec<_>>().join("…")
}

/// Step and text of all lines, those of the guard under `etcd`.
fn told() -> BTreeSet<(String, String)> {
    let lines =
        |(step, all): (&str, &[&str])| all.iter().map(|text| (step.to_owned(), written(text))).collect::<Vec<_>>();
    texts::by_step().into_iter().flat_map(lines).collect()
}

/// Cells of the rows of a chapter's table, below its titles.
fn rows<'a>(document: &'a str, chapter: &str) -> Vec<Vec<&'a str>> {
    let (_, text) = document.split_once(&format!("\n## {chapter}\n")).expect(chapter);
    let text = text.split("\n## ").next().unwrap_or_default();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    rows.skip(1).map(|row| row.trim_end_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// Step and text of all lines that the document explains.
fn explained(document: &str) -> BTreeSet<(String, String)> {
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let is_text = |text: &String| text.chars().any(|letter| letter.is_lowercase() || letter == '…');
    let of_guard = rows(document, "The guard's states").into_iter().flat_map(|row| quoted(row[0]));
    let of_guard = of_guard.filter(is_text).map(|text| ("etcd".to_owned(), text));
    let of_others = rows(document, "The other steps' lines").into_iter();
    let of_others = of_others.map(|row| (row[0].replace('`', ""), row[1].trim_matches('`').to_owned()));
    of_guard.chain(of_others).collect()
}

#[test]
fn every_line_of_a_step_is_explained_and_no_other_is() {
    let (told, explained) = (told(), explained(&document()));
    assert!(told.len() > 70, "{}", told.len());
    let missing: Vec<_> = told.difference(&explained).collect();
    assert!(missing.is_empty(), "docs/boot.md does not explain {missing:#?}");
    let surplus: Vec<_> = explained.difference(&told).collect();
    assert!(surplus.is_empty(), "docs/boot.md explains what no step tells: {surplus:#?}");
}

#[test]
fn every_code_is_explained_once_in_the_words_of_the_agent() {
    if std::env::var_os("KFIMG_UPDATE_GOLDEN").is_some() {
        let by_hand = document().split(CHAPTER).next().unwrap().to_owned();
        std::fs::write(path(), by_hand + &chapter()).unwrap();
    }
    let found = problems(&document());
    assert!(found.is_empty(), "docs/boot.md:\n{}\nKFIMG_UPDATE_GOLDEN=1 writes the chapter anew", found.join("\n"));
}

#[test]
fn a_code_that_is_missing_changed_or_there_twice_is_found() {
    let document = document();
    for code in failure::all() {
        let rows: Vec<&str> =
            document.lines().filter(|line| line.starts_with(&format!("| `{}` |", code.name))).collect();
        let [row] = rows.as_slice() else { panic!("{}: {} rows", code.name, rows.len()) };
        let row = format!("{row}\n");
        let changed = row.replace(&format!("| {} |", code.weight), "| harmless |");
        for other in [String::new(), changed, format!("{row}{row}")] {
            assert!(!problems(&document.replacen(&row, &other, 1)).is_empty(), "{}: {other:?}", code.name);
        }
    }
}

#[test]
fn every_step_has_its_line_in_the_order_of_the_boot_and_every_exit_code_is_told() {
    let (document, help) = (document(), help());
    let steps = words(&help, "Steps of a boot");
    assert!(steps.len() >= 8 && steps.contains(&"etcd"), "{help}");
    let places: Vec<Option<usize>> = steps.iter().map(|step| document.find(&format!("\n| `{step}` |"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "rows of {steps:?} are at {places:?}");
    let commands = words(&help, "Others:");
    for command in commands.iter().filter(|command| !command.starts_with('-')) {
        assert!(document.contains(&format!("kfimg-agent {command}")), "{command}");
    }
    let codes = help.lines().find_map(|line| line.strip_prefix("Exit codes: ")).unwrap().trim_end_matches('.');
    for code in codes.split("; ") {
        let (number, meaning) = code.split_once(' ').unwrap();
        assert!(document.contains(&format!("\n| {number} | {meaning}")), "exit code {code}");
    }
}
