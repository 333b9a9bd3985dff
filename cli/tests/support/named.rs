//! Tests that a document or a list names, as `crate/file` or `crate/file::function`: whether they exist.

use std::path::{Path, PathBuf};

/// Crates whose tests can be named: all of them.
pub(crate) const CRATES: [&str; 9] =
    ["agent", "builder", "cli", "delivery", "ignition", "images", "pki", "profiles", "qemu-tests"];
/// The part of a name that stands for inputs and not for a test.
const CORPUS: &str = "profiles/corpus/";

/// The folder of all crates.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Everything in backticks that begins as a crate does.
pub(crate) fn named(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.split_once('/').is_some_and(|(crate_, _)| CRATES.contains(&crate_)))
}

/// What is wrong with a name, if anything is.
pub(crate) fn problem(name: &str) -> Option<String> {
    if let Some(input) = name.strip_prefix(CORPUS) {
        let missing = !project().join("profiles/tests/corpus").join(input).exists() && !is_beginning(input);
        return missing.then(|| format!("no input {name}"));
    }
    let (file, function) = name.split_once("::").map_or((name, None), |(file, function)| (file, Some(function)));
    if file.contains("/tests/") || file.contains("/src/") {
        if !project().join(file.trim_end_matches('*')).exists() {
            return Some(format!("no file {file}"));
        }
    } else if sources(file).is_empty() {
        return Some(format!("no test {name}"));
    }
    let function = function.filter(|function| source(file, function).is_none());
    function.map(|function| format!("no function {function} in {file}"))
}

/// The source of a test's function: of a file by its path, or of a crate's test, which is a file, a folder, or a file beside one.
pub(crate) fn source(file: &str, function: &str) -> Option<String> {
    sources(file).into_iter().find(|text| text.contains(&format!("fn {function}(")))
}

fn sources(file: &str) -> Vec<String> {
    if file.ends_with(".rs") {
        return std::fs::read_to_string(project().join(file)).into_iter().collect();
    }
    let Some((of, test)) = file.split_once('/') else { return Vec::new() };
    let place = project().join(of).join("tests");
    let alone = std::fs::read_to_string(place.join(format!("{test}.rs"))).ok();
    let several = std::fs::read_dir(place.join(test)).into_iter().flatten().flatten();
    alone.into_iter().chain(several.filter_map(|file| std::fs::read_to_string(file.path()).ok())).collect()
}

fn is_beginning(input: &str) -> bool {
    let (folder, start) = input.rsplit_once('/').unwrap_or(("", input));
    let entries = std::fs::read_dir(project().join("profiles/tests/corpus").join(folder));
    entries.is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(start)))
}
