//! `docs/topologies.md`: each description, command, inventory and configuration in it is accepted by who will read it.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::document::Commands;
use support::fenced::{self, Fenced};
use support::program::{both, empty_folder, find, run};

const DOCUMENT: &str = include_str!("../../docs/topologies.md");
const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");

/// The fenced texts of a language.
fn blocks(language: &str) -> Vec<String> {
    fenced::of(DOCUMENT, language).iter().map(Fenced::text).collect()
}

fn folder(name: &str) -> PathBuf {
    empty_folder(&format!("topologies-document/{name}"))
}

/// Runs `kfimg`; gives what it said.
fn kfimg(folder: &Path, words: &[&str]) -> String {
    let output = run(Command::new(KFIMG).args(words).current_dir(folder));
    assert!(output.status.success(), "kfimg {}\n{}", words.join(" "), both(&output));
    both(&output)
}

#[test]
fn every_description_is_valid_on_its_profile() {
    let folder = folder("yaml");
    let mut profiles = Vec::new();
    let blocks = blocks("yaml");
    for block in &blocks {
        let (first, text) = block.split_once('\n').unwrap();
        if let Some(name) = first.strip_prefix("# file: ") {
            fs::write(folder.join(name), text).unwrap();
        } else {
            profiles.push((first.strip_prefix("# profile: ").expect("a block names its profile"), text));
        }
    }
    for (index, (profile, text)) in profiles.iter().enumerate() {
        let site = format!("site{index}.yaml");
        fs::write(folder.join(&site), format!("apiVersion: kfimg/v1alpha1\nkind: Cluster\n{text}")).unwrap();
        let said = kfimg(&folder, &["validate", "--profile", profile, "--site", &site]);
        assert!(said.contains("is valid") && !said.contains("warning"), "{site}: {said}");
        kfimg(&folder, &["render", "--profile", profile, "--site", &site, "--state", &format!("state{index}")]);
    }
}

#[test]
fn every_command_works_in_an_empty_folder() {
    let folder = folder("commands");
    for command in Commands::of(DOCUMENT).iter() {
        let words = command.strip_prefix("kfimg ").expect("commands of kfimg only");
        kfimg(&folder, &words.split_whitespace().collect::<Vec<_>>());
    }
    let nodes: Vec<_> = fs::read_dir(folder.join("out/nodes")).unwrap().collect();
    assert_eq!(nodes.len(), 8);
}

#[test]
fn the_inventory_is_one() {
    let folder = folder("csv");
    for text in blocks("csv") {
        fs::write(folder.join("nodes.csv"), text).unwrap();
        let said = kfimg(&folder, &["validate", "--profile", "ha3", "--inventory", "nodes.csv"]);
        assert!(said.contains("3 control planes, 1 worker"), "{said}");
    }
}

#[test]
fn haproxy_takes_the_balancers_configuration() {
    let folder = folder("haproxy");
    for text in blocks("haproxy") {
        let file = folder.join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        let output = run(Command::new(find("haproxy")).args(["-c", "-f"]).arg(file));
        assert!(output.status.success(), "{}", both(&output));
    }
}
