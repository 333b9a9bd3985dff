//! `builder/src/licences/agent.txt` names every library that the agent is linked with, as cargo resolves them, with the terms of their own
//! files. `make golden` writes it anew.

#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE: &str = "src/licences/agent.txt";
/// The machines that agents are built for.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
/// Files of a library that have its terms.
const TERMS: [&str; 3] = ["LICENSE", "NOTICE", "COPYRIGHT"];

/// Name and version.
type Library = (String, String);

fn cargo(words: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(words).args(["--offline", "--locked"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Libraries that end in the program, with their licences: none that only builds it.
fn libraries() -> BTreeMap<Library, String> {
    let mut found = BTreeMap::new();
    for target in TARGETS {
        let tree = ["tree", "-p", "kfimg-agent", "-e", "normal,no-proc-macro", "--prefix", "none", "--no-dedupe"];
        let said = cargo(&[&tree[..], &["--target", target, "--format", "{p}|{l}"]].concat());
        for line in said.lines() {
            let (library, licence) = line.split_once('|').unwrap();
            let mut words = library.split(' ');
            let (name, version) = (words.next().unwrap(), words.next().unwrap().trim_start_matches('v'));
            if name != "kfimg-agent" {
                found.insert((name.to_owned(), version.to_owned()), licence.to_owned());
            }
        }
    }
    found
}

/// Where the sources of libraries lie.
fn folders() -> BTreeMap<Library, PathBuf> {
    let mut found = BTreeMap::new();
    for target in TARGETS {
        let said = cargo(&["metadata", "--format-version", "1", "--filter-platform", target]);
        let said: Value = serde_json::from_str(&said).unwrap();
        for package in said["packages"].as_array().unwrap() {
            let text = |name: &str| package[name].as_str().unwrap().to_owned();
            let folder = Path::new(&text("manifest_path")).parent().unwrap().to_owned();
            found.insert((text("name"), text("version")), folder);
        }
    }
    found
}

/// Whether Apache-2.0 alone is enough, whose text stands beside.
fn may_be_apache(licence: &str) -> bool {
    let choices: Vec<&str> = licence.split(" OR ").flat_map(|choice| choice.split('/')).map(str::trim).collect();
    !licence.contains(['(', ')']) && !licence.contains(" AND ") && choices.contains(&"Apache-2.0")
}

/// The files of a library that have to go along: all terms where Apache-2.0 is no choice, else notices alone.
fn terms(folder: &Path, licence: &str) -> Vec<(String, String)> {
    let wanted: &[&str] = if may_be_apache(licence) { &["NOTICE"] } else { &TERMS };
    let mut found: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| wanted.iter().any(|wanted| name.starts_with(wanted)))
        .map(|name| (name.clone(), fs::read_to_string(folder.join(name)).unwrap()))
        .collect();
    found.sort();
    found
}

fn text() -> String {
    let (libraries, folders) = (libraries(), folders());
    let mut text = "kfimg-agent is linked with these libraries:\n\n".to_owned();
    for ((name, version), licence) in &libraries {
        text += &format!("  {name} {version}: {licence}\n");
    }
    text += "\nWhere Apache-2.0 is a choice, it was chosen. The terms of the others, and all notices:\n";
    for (library, licence) in &libraries {
        let found = terms(&folders[library], licence);
        assert!(may_be_apache(licence) || !found.is_empty(), "{library:?} has no file with its terms");
        for (file, terms) in found {
            let plain = terms.replace('\r', "");
            let lines: Vec<&str> = plain.trim_end().lines().map(str::trim_end).collect();
            text += &format!("\n---- {} {}: {file} ----\n\n{}\n", library.0, library.1, lines.join("\n"));
        }
    }
    text
}

#[test]
fn every_library_of_the_agent_is_named_with_its_terms() {
    let (path, wanted) = (Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE), text());
    if std::env::var_os("KFIMG_UPDATE_GOLDEN").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    let line = found.lines().zip(wanted.lines()).position(|(found, wanted)| found != wanted);
    assert!(found == wanted, "{FILE} differs at line {line:?}; `make golden` writes it anew");
    assert!(
        wanted.contains("---- subtle") && wanted.contains("Redistribution and use"),
        "terms that ask for their text"
    );
}

#[test]
fn who_leaves_no_choice_of_apache_is_quoted() {
    for (licence, is_apache) in [
        ("MIT OR Apache-2.0", true),
        ("MIT/Apache-2.0", true),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
        ("Apache-2.0 OR ISC OR MIT", true),
        ("MIT", false),
        ("Unlicense OR MIT", false),
        ("ISC AND (Apache-2.0 OR ISC)", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
    ] {
        assert_eq!(may_be_apache(licence), is_apache, "{licence}");
    }
}
