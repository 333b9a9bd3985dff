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
    if name.contains("/tests/") || name.contains("/src/") {
        let (file, function) = name.split_once("::").map_or((name, None), |(file, function)| (file, Some(function)));
        if !project().join(file.trim_end_matches('*')).exists() {
            return Some(format!("no file {file}"));
        }
        let text = |file: &str| std::fs::read_to_string(project().join(file)).unwrap_or_default();
        let function = function.filter(|function| !text(file).contains(&format!("fn {function}(")));
        return function.map(|function| format!("no function {function} in {file}"));
    }
    let Some(text) = sources(name) else { return Some(format!("no test {name}")) };
    let function = name.split_once("::").map(|(_, function)| function);
    let function = function.filter(|function| !text.contains(&format!("fn {function}(")));
    function.map(|function| format!("no function {function} in {name}"))
}

/// The sources of the test that a name begins with: a file, or all of a folder.
pub(crate) fn sources(name: &str) -> Option<String> {
    let (crate_, file) = name.split("::").next()?.split_once('/')?;
    let place = project().join(crate_).join("tests");
    if let Ok(text) = std::fs::read_to_string(place.join(format!("{file}.rs"))) {
        return Some(text);
    }
    let files = std::fs::read_dir(place.join(file)).ok()?;
    let texts = files.flatten().filter_map(|file| std::fs::read_to_string(file.path()).ok());
    Some(texts.collect()).filter(|text: &String| !text.is_empty())
}

fn is_beginning(input: &str) -> bool {
    let (folder, start) = input.rsplit_once('/').unwrap_or(("", input));
    let entries = std::fs::read_dir(project().join("profiles/tests/corpus").join(folder));
    entries.is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(start)))
}
