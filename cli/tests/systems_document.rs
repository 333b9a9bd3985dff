//! `docs/systems.md` and `docs/channels.md` name tests. Each of them exists.

mod support;

/// Crates whose tests a document may name.
const CRATES: [&str; 7] = ["agent", "builder", "cli", "ignition", "pki", "profiles", "qemu-tests"];
/// The part of a name that stands for inputs and not for a test.
const CORPUS: &str = "profiles/corpus/";

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Everything in backticks that begins as a crate does.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.split_once('/').is_some_and(|(crate_, _)| CRATES.contains(&crate_)))
}

/// What is wrong with a name, if anything is.
fn problem(name: &str) -> Option<String> {
    if let Some(input) = name.strip_prefix(CORPUS) {
        let missing = !project().join("profiles/tests/corpus").join(input).exists() && !is_beginning(input);
        return missing.then(|| format!("no input {name}"));
    }
    if name.contains("/tests/") {
        let missing = !project().join(name.trim_end_matches('*')).exists();
        return missing.then(|| format!("no file {name}"));
    }
    let (file, function) = name.split_once("::").map_or((name, None), |(file, function)| (file, Some(function)));
    let (crate_, file) = file.split_once('/')?;
    let path = project().join(crate_).join("tests").join(format!("{file}.rs"));
    let Ok(text) = std::fs::read_to_string(&path) else { return Some(format!("no test {name}")) };
    let function = function.filter(|function| !text.contains(&format!("fn {function}(")));
    function.map(|function| format!("no function {function} in {crate_}/{file}"))
}

fn is_beginning(input: &str) -> bool {
    let (folder, start) = input.rsplit_once('/').unwrap_or(("", input));
    let entries = std::fs::read_dir(project().join("profiles/tests/corpus").join(folder));
    entries.is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(start)))
}
use support::named::{named, problem, project};

#[test]
fn every_test_that_a_document_names_exists() {
    for (document, least) in [("systems.md", 50), ("channels.md", 10)] {
        let text = std::fs::read_to_string(project().join("docs").join(document)).unwrap();
        let names: Vec<&str> = named(&text).collect();
        assert!(names.len() > least, "{document}: {names:?}");
        let problems: Vec<String> = names.into_iter().filter_map(problem).collect();
        assert!(problems.is_empty(), "docs/{document}:\n{}", problems.join("\n"));
    }
}

#[test]
fn every_ability_has_a_test_or_a_reason() {
    let text = std::fs::read_to_string(project().join("docs/systems.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| they had"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.trim_matches('|').split(" | ").collect()).collect();
    assert!(rows.len() > 40, "{}", rows.len());
    for row in rows {
        let [_, _, shown] = row[..] else { panic!("three cells: {row:?}") };
        assert!(shown.contains("by design") || named(shown).next().is_some(), "{row:?}");
    }
}
