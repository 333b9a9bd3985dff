//! Whether the test that a row names is there, reads that document, and is run by the target of make that the row names.

use super::rows::{Read, Row};
use super::support::named::{problem, project, source};
use super::support::program::{both, run};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// What is wrong with a row's reader.
pub(crate) fn problems(row: &Row) -> Vec<String> {
    match row.read {
        Read::Test(test) => problems_of(row, test, None),
        Read::By(target, test) => problems_of(row, test, Some(target)),
        Read::As(_) => Vec::new(),
        Read::Nobody(reason) if reason.split(' ').count() > 4 => Vec::new(),
        Read::Nobody(reason) => vec![format!("{} `{}`: `{reason}` is no reason", row.document, row.start)],
    }
}

fn problems_of(row: &Row, test: &str, target: Option<&str>) -> Vec<String> {
    let Some((file, function)) = test.rsplit_once("::") else { return vec![format!("{test} names no function")] };
    if let Some(problem) = problem(file) {
        return vec![problem];
    }
    let Some(text) = source(file, function) else { return vec![format!("no function {function} in {file}")] };
    let mut problems = Vec::new();
    if row.document != "*" && !reads(&text, function, row.document) {
        problems.push(format!("{test} does not read {}", row.document));
    }
    let ignored = head(&text, function).contains("#[ignore");
    match target {
        None if ignored => problems.push(format!("{test} is ignored: which target of make runs it?")),
        Some(target) if !ignored => problems.push(format!("{test} is run by `make test`, and not by {target} alone")),
        Some(target) if !plays(target, file) => problems.push(format!("`make {target}` does not run {test}")),
        _ => {}
    }
    problems
}

/// The items of a file that stand at its left margin, by the name of each: constants, functions, types.
fn items(text: &str) -> Vec<(&str, &str)> {
    const KINDS: [&str; 5] = ["const ", "static ", "fn ", "impl ", "struct "];
    let mut items: Vec<(&str, &str)> = Vec::new();
    let mut begins: Vec<(usize, &str)> = Vec::new();
    let mut place = 0;
    for line in text.split_inclusive('\n') {
        let own = line.trim_start_matches("pub(crate) ");
        let name = KINDS.iter().find_map(|kind| own.strip_prefix(kind)).and_then(|rest| words(rest).next());
        begins.extend(name.map(|name| (place, name)));
        place += line.len();
    }
    for (index, (start, name)) in begins.iter().enumerate() {
        let end = begins.get(index + 1).map_or(text.len(), |next| next.0);
        items.push((name, &text[*start..end]));
    }
    items
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// What stands above a function.
fn head<'a>(text: &'a str, function: &str) -> &'a str {
    let before = text.split(&format!("fn {function}(")).next().unwrap_or_default();
    before.rsplit("\n\n").next().unwrap_or_default()
}

/// Whether a function names a document, or something of the same file does that it calls, at any depth.
fn reads(text: &str, function: &str, document: &str) -> bool {
    let items = items(text);
    let mut reached = BTreeSet::from([function]);
    loop {
        let texts: Vec<&str> = items.iter().filter(|item| reached.contains(item.0)).map(|item| item.1).collect();
        if texts.iter().any(|text| text.contains(document)) {
            return true;
        }
        let before = reached.len();
        reached
            .extend(texts.iter().flat_map(|text| words(text)).filter(|word| items.iter().any(|item| item.0 == *word)));
        if reached.len() == before {
            return false;
        }
    }
}

/// Whether a target of make runs a test, as make itself says.
fn plays(target: &str, file: &str) -> bool {
    static SAID: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let recipe = said.entry(target.to_owned()).or_insert_with(|| {
        let output = run(Command::new("make").args(["--dry-run", "--directory"]).arg(project()).arg(target));
        assert!(output.status.success(), "make {target}: {}", both(&output));
        both(&output)
    });
    let Some((of, test)) = file.split_once('/') else { return false };
    let runs = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.contains(&format!("kfimg-{of}").as_str())
            && words.windows(2).any(|pair| pair == ["--test", test])
            && words.contains(&"--ignored")
    };
    recipe.lines().any(runs)
}

#[test]
fn a_test_that_is_missing_or_reads_something_else_is_told() {
    let row = |document, read| Row { document, language: "sh", start: "", read };
    for (document, read, told) in [
        ("state.md", Read::Test("cli/documents::nobody"), "no function nobody"),
        ("state.md", Read::Test("cli/nothing::nobody"), "no test cli/nothing"),
        ("state.md", Read::Test("cli/documents"), "names no function"),
        ("guard.md", Read::Test("cli/documents::the_commands_of_security_run"), "does not read guard.md"),
        ("air-gap.md", Read::Test("cli/air_gap::the_document_is_walked_from_the_internet_to_a_node"), "is ignored"),
        (
            "air-gap.md",
            Read::By("vm-test", "cli/air_gap::the_document_is_walked_from_the_internet_to_a_node"),
            "`make vm-test` does not run",
        ),
        ("security.md", Read::By("interop", "cli/documents::the_commands_of_security_run"), "is run by `make test`"),
        ("state.md", Read::Nobody("no time"), "is no reason"),
    ] {
        let found = problems(&row(document, read));
        assert!(matches!(&found[..], [one] if one.contains(told)), "{told}: {found:?}");
    }
}
