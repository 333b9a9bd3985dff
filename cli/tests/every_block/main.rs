//! Every fenced text of README.md and `docs/` has a row that says which test reads it, and every command in them, in a text or in the
//! middle of a sentence, is one that the program takes.
//!
//! The rows are judged in both directions: a text without a row, a row without a text, a test that is not there, that does not
//! read the document, or that the named target of make does not run. What the test makes of the text is for the test to say.

#![allow(clippy::unwrap_used)]

mod inline;
mod readers;
mod rows;
#[path = "../support/mod.rs"]
mod support;

use readers::problems;
use rows::{ROWS, Read, Row};
use std::process::Command;
use support::document::{all, shell};
use support::fenced::{self, Fenced};
use support::named::project;
use support::program::{both, empty_folder, run};

fn fits(row: &Row, document: &str, block: &Fenced<'_>) -> bool {
    let first = block.lines.first().copied().unwrap_or_default();
    (row.document == "*" || row.document == document) && row.language == block.language && first.starts_with(row.start)
}

fn row_of<'a>(rows: &'a [Row], document: &str, block: &Fenced<'_>) -> Option<&'a Row> {
    rows.iter().find(|row| fits(row, document, block))
}

/// What is wrong between rows and texts.
fn judged(rows: &[Row], documents: &[(String, String)]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut used = vec![false; rows.len()];
    for (document, text) in documents {
        for block in fenced::all(text) {
            match rows.iter().position(|row| fits(row, document, &block)) {
                Some(row) => used[row] = true,
                None => problems.push(format!(
                    "{document}:{}: no row says who reads this `{}`: {}",
                    block.line,
                    block.language,
                    block.lines.first().unwrap_or(&"")
                )),
            }
        }
    }
    let idle = rows.iter().zip(used).filter(|(_, used)| !used);
    problems
        .extend(idle.map(|(row, _)| format!("no {} begins with `{}` in {}", row.language, row.start, row.document)));
    problems
}

#[test]
fn every_text_has_a_row_and_every_row_a_text() {
    let problems = judged(ROWS, &all());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_text_without_a_row_and_a_row_without_a_text_are_told() {
    let page = [("page.md".to_owned(), "```sh\nkfimg profiles\n```\n".to_owned())];
    let of = |document, start| [Row { document, language: "sh", start, read: Read::Nobody("") }];
    assert!(judged(&of("page.md", "kfimg profiles"), &page).is_empty());
    assert_eq!(judged(&of("other.md", ""), &page).len(), 2);
    assert_eq!(judged(&of("page.md", "kfimg render"), &page).len(), 2);
}

#[test]
fn every_reader_exists_reads_that_document_and_is_run_by_that_target() {
    let found: Vec<String> = ROWS.iter().flat_map(problems).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_text_that_is_read_elsewhere_stands_there_word_by_word() {
    let documents = all();
    let named = |name: &str| documents.iter().find(|(document, _)| document == name).map(|(_, text)| text.as_str());
    let mut count = 0;
    for (document, text) in &documents {
        for block in fenced::all(text) {
            let Some(Row { read: Read::As(other), .. }) = row_of(ROWS, document, &block) else { continue };
            let blocks = fenced::all(named(other).unwrap_or_else(|| panic!("no document {other}")));
            let same = blocks.iter().find(|theirs| theirs.text() == block.text());
            let read = same.and_then(|theirs| row_of(ROWS, other, theirs)).map(|row| row.read);
            assert!(matches!(read, Some(Read::Test(_) | Read::By(..))), "{document}:{}: not in {other}", block.line);
            count += 1;
        }
    }
    assert!(count > 0, "no row says so");
}

/// All that a shell runs, as texts with their places.
fn commands() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (document, text) in all() {
        for block in fenced::all(&text) {
            let place = format!("{document}:{}", block.line);
            match block.language {
                "console" => found.extend(block.commands().into_iter().map(|(command, _)| (place.clone(), command))),
                "sh" => found.push((place, block.text())),
                _ => {}
            }
        }
    }
    found
}

#[test]
fn every_command_is_one_for_a_shell_and_every_option_of_kfimg_one_that_it_has() {
    let folder = empty_folder("every-block");
    let mut problems = Vec::new();
    let mut count = 0;
    for (place, text) in commands() {
        let parsed = run(Command::new("sh").args(["-nc", &text]));
        if !parsed.status.success() {
            problems.push(format!("{place}: {}", both(&parsed)));
        }
        for line in text.lines().filter(|line| line.trim_start().starts_with("kfimg ")) {
            // Its own words, without what follows it: help is told after the words before it were understood.
            let own = line.split([';', '|', '#', '>']).next().unwrap().trim().trim_end_matches(['&', ' ']);
            let said = shell(&format!("{own} --help"), &folder);
            if !said.status.success() {
                problems.push(format!("{place}: {own}: {}", both(&said)));
            }
            count += 1;
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 40, "only {count} commands of kfimg were found");
}

#[test]
fn every_target_of_make_is_one() {
    let in_texts = commands().into_iter().flat_map(|(place, text)| {
        let lines = text.lines().filter(|line| line.starts_with("make ")).map(|line| (place.clone(), line.to_owned()));
        lines.collect::<Vec<_>>()
    });
    let mut lines: Vec<(String, String)> = in_texts.chain(inline::beginning("make ")).collect();
    lines.sort_by(|one, other| one.1.cmp(&other.1));
    lines.dedup_by(|one, other| one.1 == other.1);
    assert!(lines.len() >= 16, "{lines:?}");
    for (place, line) in lines {
        let words = line.split(" #").next().unwrap().trim_start_matches("make ").replace("-C ~/kfimg ", "");
        let make = format!("make --dry-run --directory '{}' {words}", project().display());
        let said = run(Command::new("sh").args(["-euc", &make]));
        assert!(said.status.success(), "{place}: {line}: {}", both(&said));
    }
}
