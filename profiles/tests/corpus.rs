//! Every bad input of `tests/corpus` gets exactly the diagnostics beside it; `KFIMG_UPDATE_GOLDEN=1` writes them anew.
//!
//! A case is a site file over the profile `ha3`, or an inventory when it ends in `.csv`; a first line `# args: …` says
//! otherwise (`SELF` stands for the case). What good inputs become is tested in `good.rs`.

use kfimg_profiles::load::{Inputs, load};
use kfimg_profiles::problem::Appearance;
use std::fs;
use std::path::{Path, PathBuf};

/// The command line of a case, as far as it concerns descriptions.
fn inputs(case: &str, text: &str) -> Inputs {
    let is_csv = case.ends_with(".csv");
    let default = if is_csv { "--profile ha3 --inventory SELF" } else { "--profile ha3 --site SELF" };
    let first = text.lines().next().unwrap_or_default();
    let words = first.strip_prefix("# args: ").unwrap_or(default).split_whitespace();
    let words: Vec<String> = words.map(|word| word.replace("SELF", case)).collect();
    let mut inputs = Inputs { folder: PathBuf::from("."), ..Inputs::default() };
    for pair in words.chunks(2) {
        let [option, value] = pair else { panic!("{case}: an option without a value") };
        match option.as_str() {
            "--profile" => inputs.profile = Some(value.clone()),
            "--site" => inputs.sites.push(value.into()),
            "--inventory" => inputs.inventory = Some(value.into()),
            "--set" => inputs.sets.push(value.clone()),
            "--registry" => inputs.registry = Some(value.clone()),
            other => panic!("{case}: unknown option {other}"),
        }
    }
    inputs
}

/// What lies in a folder, by name.
fn entries(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// Files of the corpus with one of these extensions, by name; `files` holds what cases name.
fn files(extensions: &[&str]) -> Vec<String> {
    let topics = entries(corpus()).into_iter().filter(|topic| !topic.ends_with("files"));
    let files = topics
        .flat_map(entries)
        .filter(|path| path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)));
    files.map(|path| path.strip_prefix(corpus()).unwrap_or(&path).display().to_string()).collect()
}

#[test]
fn every_bad_input_gets_its_exact_diagnostics() {
    std::env::set_current_dir(corpus()).unwrap();
    let update = std::env::var_os("KFIMG_UPDATE_GOLDEN").is_some();
    let cases = files(&["yaml", "csv"]);
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let text = fs::read_to_string(case).unwrap_or_default();
        let found = match load(&inputs(case, &text)) {
            Ok(loaded) => {
                let said =
                    [&loaded.report, &loaded.notes].map(|said| said.render(&loaded.sources, Appearance::default()));
                format!(
                    "accepted\n{}",
                    said.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join("\n")
                )
            }
            Err(failed) => failed.report.render(&failed.sources, Appearance::default()),
        };
        let golden = format!("{case}.expected");
        if update {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if found != expected {
            wrong.push(format!("--- {golden}\n{expected}\n+++ found\n{found}"));
        }
        // Warnings and notes alone are a case only where the name says so.
        let is_warning = case.contains("/warn-") || case.contains("/note-");
        if found.starts_with("accepted") != is_warning {
            wrong.push(format!("--- {case}: accepted or refused, against its name\n{found}"));
        }
        if found.contains("correct-horse") {
            wrong.push(format!("--- {case} tells a secret:\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

/// The codes that a source file reports.
fn codes(source: &str) -> Vec<String> {
    const CALLS: [&str; 5] = [".error(", ".warning(", ".remark(", ".error_at(", ".warning_at("];
    let calls = CALLS.iter().flat_map(|call| source.match_indices(call).map(move |(at, _)| at + call.len()));
    let literals = calls.filter_map(|at| source[at..].trim_start().strip_prefix('"')?.split('"').next());
    literals.map(str::to_owned).collect()
}

#[test]
fn every_code_has_a_case() {
    let mut expected = String::new();
    for golden in files(&["expected"]) {
        expected.push_str(&fs::read_to_string(corpus().join(golden)).unwrap());
    }
    // What cannot be shown in a file of readable size, or needs the network.
    const ELSEWHERE: [&str; 4] = ["file-too-large", "object-too-large", "unreadable-file", "name-not-found"];
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut missing = Vec::new();
    for folder in ["check", "resolve"] {
        for path in entries(sources.join(folder)) {
            let codes = codes(&fs::read_to_string(path).unwrap());
            missing.extend(
                codes
                    .into_iter()
                    .filter(|code| !ELSEWHERE.contains(&code.as_str()) && !expected.contains(&format!("[{code}]"))),
            );
        }
    }
    missing.sort();
    missing.dedup();
    assert!(missing.is_empty(), "no case shows {missing:?}");
}
