//! Documents do not go stale: every YAML in them is a site that loads, or a file of waivers, and the commands of those that need no other machine run.
//!
//! docs/air-gap.md has a test of its own.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::program::{both, empty_folder, run};
use support::steps::without_chapter;

fn documents() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut documents: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    documents.sort();
    documents
}

/// The blocks of a document in one language, with the line that each begins at.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if line == format!("```{language}") {
            let block: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            blocks.push((index + 2, block.join("\n") + "\n"));
        }
    }
    blocks
}

fn read(document: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(document)).unwrap()
}

#[test]
fn every_yaml_of_every_document_is_accepted() {
    let folder = empty_folder("documents/yaml");
    let (mut count, mut wrong) = (0, Vec::new());
    for document in documents() {
        let name = document.file_name().unwrap().to_string_lossy().into_owned();
        let blocks = blocks(&fs::read_to_string(&document).unwrap(), "yaml");
        // What other blocks of the document name.
        let (files, sites): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|(_, block)| block.starts_with("# file: "));
        for (_, block) in files {
            let named = block.lines().next().unwrap().trim_start_matches("# file: ");
            fs::write(folder.join(named), &block).unwrap();
        }
        for (line, block) in sites {
            let file = folder.join("block.yaml");
            fs::write(&file, &block).unwrap();
            let profile = block.lines().next().and_then(|line| line.strip_prefix("# profile: ")).unwrap_or("ha3");
            let option: &[&str] = if block.starts_with("waivers:") { &["--cis", "--cis-waivers"] } else { &["--site"] };
            let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
            kfimg.args(["validate", "--profile", profile]).args(option).arg(&file).current_dir(&folder);
            let said = run(&mut kfimg);
            if !said.status.success() {
                wrong.push(format!("{name}:{line}\n{block}\n{}", both(&said)));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 5, "only {count} blocks were found");
}

#[test]
fn the_commands_of_pxe_run() {
    let folder = empty_folder("documents/pxe");
    // The chapter of a whole boot is walked through in qemu-tests.
    let text = without_chapter(&read("pxe.md"), "From an empty folder to a control plane");
    let [(_, nodes), (_, server)] = &blocks(&text, "yaml")[..] else { panic!("two sites are expected") };
    assert!(server.contains("bootServer"));
    fs::write(folder.join("site.yaml"), nodes).unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_kfimg")).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}:/usr/sbin", std::env::var("PATH").unwrap());
    for (line, block) in blocks(&text, "console") {
        let command = block.trim_end().strip_prefix("$ ").expect("one command a block");
        let said = run(Command::new("sh").args(["-euc", command]).current_dir(&folder).env("PATH", &path));
        assert!(said.status.success(), "pxe.md:{line}: {command}\n{}", both(&said));
    }
    assert!(folder.join("out/pxe/serial-7XK2P93.ipxe").is_file());
}

#[test]
fn the_commands_of_security_run() {
    let folder = empty_folder("documents/security");
    fs::write(folder.join("passphrase.txt"), "correct horse battery staple\n").unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_kfimg")).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    for (line, block) in blocks(&read("security.md"), "console") {
        let commands: Vec<&str> = block.lines().map(|line| line.strip_prefix("$ ").expect("commands only")).collect();
        let script = commands.join("\n");
        let said = run(Command::new("sh").args(["-euc", &script]).current_dir(&folder).env("PATH", &path));
        assert!(said.status.success(), "security.md:{line}:\n{script}\n{}", both(&said));
    }
    assert!(folder.join("out-passphrase/manifest.json").is_file());
}
