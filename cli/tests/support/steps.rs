//! The steps of a document that is walked through word by word: its files are written, its commands run, and what those print is compared.
//!
//! A fenced text that begins with `# file: NAME` is that file. In a text of the language `console` a line with `$ ` is a
//! command, `> ` goes on with it, and all other lines are what it prints, `…` being any lines. Commands of one text share a shell's folder.
//!
//! How commands are run is the caller's business: the lab of `qemu-tests` walks by this file, too.

use super::fenced::{self, Fenced};
use std::fs;
use std::path::Path;
use std::process::Output;

/// The chapter below this heading of the second level, which it begins with.
pub(crate) fn chapter<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = format!("{heading}\n");
    text.split("\n## ").find(|chapter| chapter.starts_with(&start)).unwrap_or_else(|| panic!("no chapter `{heading}`"))
}

/// Everything but that chapter.
pub(crate) fn without_chapter(text: &str, heading: &str) -> String {
    text.replacen(&format!("\n## {}", chapter(text, heading)), "", 1)
}

/// The first line that begins like this: a command that is not simply run, because it serves, or is tried until it succeeds.
pub(crate) fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no line begins with `{start}`"))
}

/// Writes every file into that folder, and has every command run there; gives the number of commands. `run` gets a text for `sh -euc`
/// and a folder.
///
/// # Panics
/// When a command fails, or prints something else than the document says.
pub(crate) fn walk(name: &str, text: &str, folder: &Path, mut run: impl FnMut(&str, &Path) -> Output) -> usize {
    let mut count = 0;
    for block in fenced::all(text) {
        if let Some(file) = block.file() {
            fs::write(folder.join(file), block.text()).unwrap();
        } else if block.language == "console" {
            count += run_all(name, &block, folder, &mut run);
        }
    }
    count
}

fn run_all(name: &str, block: &Fenced<'_>, folder: &Path, run: &mut impl FnMut(&str, &Path) -> Output) -> usize {
    let mut place = folder.to_path_buf();
    let commands = block.commands();
    for (command, expected) in &commands {
        if let Some(below) = command.strip_prefix("cd ") {
            place.push(below);
            continue;
        }
        // In a terminal both streams come as they are written.
        let output = run(&format!("exec 2>&1\n{command}"), &place);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let at = format!("{name}:{}: $ {command}", block.line);
        assert!(output.status.success(), "{at}\n{said}");
        let lines: Vec<&str> = said.lines().collect();
        assert!(
            expected.is_empty() || is_like(&lines, expected),
            "{at}\nprinted:\n{said}\nand not:\n{}",
            expected.join("\n")
        );
    }
    commands.len()
}

fn is_like(lines: &[&str], expected: &[&str]) -> bool {
    match expected {
        [] => lines.is_empty(),
        ["…", rest @ ..] => (0..=lines.len()).any(|skipped| is_like(&lines[skipped..], rest)),
        [first, rest @ ..] => lines.first() == Some(first) && is_like(&lines[1..], rest),
    }
}
