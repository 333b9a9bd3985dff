//! The steps of a document that is walked through word by word: its files are written, its commands run, and what those print is compared.
//!
//! A fenced text that begins with `# file: NAME` is that file. In a text of the language `console` a line with `$ ` is a
//! command, `> ` goes on with it, and all other lines are what it prints, `…` being any lines. Commands of one text share a shell's folder.
//!
//! How commands are run is the caller's business: the lab of `qemu-tests` walks by this file, too.

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

/// Writes every file into that folder, and has every command run there; gives the number of commands. `run` gets a text for `sh -euc`
/// and a folder.
///
/// # Panics
/// When a command fails, or prints something else than the document says.
pub(crate) fn walk(name: &str, text: &str, folder: &Path, mut run: impl FnMut(&str, &Path) -> Output) -> usize {
    let mut count = 0;
    for block in blocks(text) {
        if let Some(file) = block.lines.first().and_then(|line| line.strip_prefix("# file: ")) {
            fs::write(folder.join(file), block.lines.join("\n") + "\n").unwrap();
        } else if block.language == "console" {
            count += run_all(name, &block, folder, &mut run);
        }
    }
    count
}

fn run_all(name: &str, block: &Block<'_>, folder: &Path, run: &mut impl FnMut(&str, &Path) -> Output) -> usize {
    let mut place = folder.to_path_buf();
    let commands = commands(name, block);
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
