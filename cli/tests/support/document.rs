//! Documents that are walked through word by word: their files are written, their commands run, and what those print is compared.
//!
//! A fenced text that begins with `# file: NAME` is that file. In a text of the language `console` a line with `$ ` is a
//! command, `> ` goes on with it, and all other lines are what it prints, `…` being any lines. Commands of one text share a shell's folder.

use super::program::both;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A document of `docs/`, as text.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

/// A fenced text.
struct Block<'a> {
    language: &'a str,
    /// The line of the document that it begins at.
    line: usize,
    lines: Vec<&'a str>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            blocks.push(Block { language, line: index + 2, lines: inside });
        }
    }
    blocks
}

/// Writes and runs everything in that folder; gives the number of commands.
///
/// # Panics
/// When a command fails, or prints something else than the document says.
pub(crate) fn walk(name: &str, text: &str, folder: &Path) -> usize {
    let mut count = 0;
    for block in blocks(text) {
        if let Some(file) = block.lines.first().and_then(|line| line.strip_prefix("# file: ")) {
            fs::write(folder.join(file), block.lines.join("\n") + "\n").unwrap();
        } else if block.language == "console" {
            count += run_all(name, &block, folder);
        }
    }
    count
}

fn run_all(name: &str, block: &Block<'_>, folder: &Path) -> usize {
    let mut place = folder.to_path_buf();
    let commands = commands(name, block);
    for (command, expected) in &commands {
        if let Some(below) = command.strip_prefix("cd ") {
            place.push(below);
            continue;
        }
        // In a terminal both streams come as they are written.
        let output = shell(&format!("exec 2>&1\n{command}"), &place);
        let said = both(&output);
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

/// Each command with the lines that it prints; without any it may print what it likes.
fn commands<'a>(name: &str, block: &Block<'a>) -> Vec<(String, Vec<&'a str>)> {
    let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
    for line in &block.lines {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), Vec::new()));
            continue;
        }
        let (command, expected) = commands.last_mut().unwrap_or_else(|| panic!("{name}:{}: no command", block.line));
        match line.strip_prefix("> ") {
            Some(more) => *command += &format!("\n{more}"),
            None => expected.push(line),
        }
    }
    commands
}

fn is_like(lines: &[&str], expected: &[&str]) -> bool {
    match expected {
        [] => lines.is_empty(),
        ["…", rest @ ..] => (0..=lines.len()).any(|skipped| is_like(&lines[skipped..], rest)),
        [first, rest @ ..] => lines.first() == Some(first) && is_like(&lines[1..], rest),
    }
}

/// Runs a line as its reader would, with `kfimg` installed.
pub(crate) fn shell(command: &str, folder: &Path) -> Output {
    let own = Path::new(env!("CARGO_BIN_EXE_kfimg")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places =
        std::iter::once(own.to_path_buf()).chain(std::env::split_paths(&path)).chain([PathBuf::from("/usr/sbin")]);
    let mut shell = Command::new("sh");
    shell.args(["-euc", command]).current_dir(folder).env("PATH", std::env::join_paths(places).unwrap());
    super::program::run(&mut shell)
}
