//! Commands in the middle of a sentence or a table, in backticks: each is parsed by kfimg itself, behind whose last word stands
//! `--help`. It is told only after all words before it were understood, so a name or an option that is not there is an error.
//!
//! What stands for a value (`FILE`, `URL`) is taken as the value where that can be one, and has a sample in [`SAMPLES`] where not. A
//! span that begins with an option is held against every command of kfimg, unless it is another program's, which [`FOREIGN`] says.

use super::support::document::{all, read, shell};
use super::support::named::project;
use super::support::program::{both, empty_folder};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Values for words that only stand for one, in a document or in kfimg's help.
const SAMPLES: &[(&str, &str)] = &[
    ("ADDRESS", "192.0.2.1"),
    ("ADDRESS:PORT", "192.0.2.1:5000"),
    ("ADDRESS[:PORT]", "192.0.2.1"),
    ("ARCH", "amd64"),
    ("DAYS", "30"),
    ("HOST", "reg.local"),
    ("HOW", "age:recipients.txt"),
    ("KIND", "pxe"),
    ("MINUTES", "5"),
    ("NAME", "name"),
    ("NAME=PATH", "name=file"),
    ("NAME[:VERSION]=PATH", "name=file"),
    ("PATH", "path"),
    ("PROFILE", "ha3"),
    ("REFERENCE", "registry.k8s.io/pause:3.10.2"),
    ("SHELL", "bash"),
    ("SIZE", "4GiB"),
    ("URL", "http://192.0.2.1"),
    ("VERSION", "3.3.0"),
];

/// The script that makes machines on VMware.
const DEPLOY: &str = "ignition/src/delivery/deploy.sh";

/// Spans that begin with an option of another program: document, span, and the file of ours that has it, if one has.
const FOREIGN: &[(&str, &str, &str)] = &[
    ("cis.md", "--targets etcd", ""),
    ("guard.md", "--force-new-cluster", ""),
    ("pxe.md", "--fetch-timeout", ""),
    ("security.md", "--template", DEPLOY),
    ("security.md", "--ova", DEPLOY),
    ("systems.md", "--kubelet-preferred-address-types", ""),
    ("systems.md", "--vip", ""),
    ("systems.md", "--masters", ""),
    ("vmware.md", "--erase", DEPLOY),
    ("vmware.md", "--template", DEPLOY),
    ("vmware.md", "--ova FILE", DEPLOY),
];

/// What stands in backticks outside of fenced texts, with the line that its paragraph begins at.
fn spans(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut paragraph = (1, String::new());
    let mut fenced = false;
    for (index, line) in text.lines().chain([""]).enumerate() {
        let is_fence = line.starts_with("```");
        if is_fence || fenced || line.is_empty() || line.starts_with('|') {
            // A row of a table is a paragraph of its own, and so is the text before it.
            found.extend(of_paragraph(&paragraph));
            paragraph = (index + 1, if fenced || is_fence { String::new() } else { line.to_owned() });
        } else {
            paragraph.1 += &format!("\n{line}");
        }
        fenced ^= is_fence;
    }
    found
}

fn of_paragraph((line, text): &(usize, String)) -> Vec<(usize, String)> {
    let parts: Vec<&str> = text.split('`').collect();
    assert!(parts.len() % 2 == 1, "line {line}: a backtick is left over in {text}");
    let inside = parts.into_iter().skip(1).step_by(2);
    inside.map(|span| (*line, span.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

/// Every span that begins so, with its place.
pub(crate) fn beginning(start: &str) -> Vec<(String, String)> {
    let of = |(document, text): (String, String)| {
        spans(&text).into_iter().map(move |(line, span)| (format!("{document}:{line}"), span))
    };
    all().into_iter().flat_map(of).filter(|(_, span)| span.starts_with(start)).collect()
}

/// The lines that a span stands for: without the brackets of what may be left out, one for each of several alternatives.
fn lines(span: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in span.split(' ') {
        let word = word.trim_matches(['[', ']']).trim_end_matches('…');
        let alternatives: Vec<&str> = if word.starts_with('\\') { vec![word] } else { word.split('|').collect() };
        lines = lines
            .iter()
            .flat_map(|line| alternatives.iter().map(move |word| format!("{line} {}", sample(word))))
            .collect();
    }
    lines.iter().map(|line| line.trim_start().to_owned()).collect()
}

fn sample(word: &str) -> &str {
    SAMPLES.iter().find(|(name, _)| *name == word).map_or(word, |(_, value)| value)
}

/// The program, and what it has said.
struct Parser {
    folder: std::path::PathBuf,
    said: BTreeMap<String, Result<String, String>>,
}

impl Parser {
    fn new(name: &str) -> Self {
        Self { folder: empty_folder(&format!("every-block/{name}")), said: BTreeMap::new() }
    }

    /// Whether kfimg understands these words: its help, or its complaint.
    fn parse(&mut self, line: &str) -> Result<String, String> {
        let folder: &Path = &self.folder;
        let ask = || {
            let said = shell(&format!("{line} --help"), folder);
            if said.status.success() { Ok(both(&said)) } else { Err(both(&said)) }
        };
        self.said.entry(line.to_owned()).or_insert_with(ask).clone()
    }

    /// The same, where options at the end of a word's group may lack their value: `kfimg render --seal` names the option.
    fn understand(&mut self, line: &str) -> Result<(), String> {
        let mut line = line.to_owned();
        loop {
            let Err(complaint) = self.parse(&line) else { return Ok(()) };
            let Some((option, value)) = lacking(&complaint) else { return Err(complaint) };
            let (before, after) = line.rsplit_once(&option).ok_or(complaint)?;
            line = format!("{before}{option} {value}{after}");
        }
    }

    /// The words of every command, by the program's own help.
    fn commands(&mut self, above: &str) -> Vec<String> {
        let help = self.parse(above).expect("every command has a help");
        let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
        let names = listed.lines().take_while(|line| line.starts_with("  "));
        let names: Vec<String> =
            names.filter_map(|line| line.split_whitespace().next()).map(|name| format!("{above} {name}")).collect();
        let mut commands = names.clone();
        commands.extend(names.iter().flat_map(|name| self.commands(name)));
        commands
    }
}

/// The option that has no value, and one that it takes: `a value is required for '--seal <KEY>' but none was supplied`.
fn lacking(complaint: &str) -> Option<(String, String)> {
    let named = complaint.split("a value is required for '").nth(1)?;
    let (option, rest) = named.split_once(' ')?;
    let possible = complaint.split("[possible values: ").nth(1).and_then(|list| list.split([',', ']']).next());
    let name = rest.split(['<', '>']).nth(1)?;
    Some((option.to_owned(), possible.unwrap_or_else(|| sample(name)).to_owned()))
}

#[test]
fn every_command_in_a_sentence_is_one_that_kfimg_takes() {
    let mut parser = Parser::new("sentences");
    let found = beginning("kfimg ");
    let mut problems = Vec::new();
    for (place, span) in &found {
        for line in lines(span) {
            problems.extend(parser.understand(&line).err().map(|said| format!("{place}: `{span}`: {said}")));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(found.len() > 100, "only {} were found", found.len());
}

/// The commands that a span without `kfimg` may be of: those that have its first option, or that end with its first word.
fn whole(parser: &mut Parser, commands: &[String], line: &str) -> Vec<String> {
    let first = line.split(' ').next().unwrap_or_default();
    if first.starts_with("--") {
        let has = |help: String| help.split([' ', ',', '\n']).any(|word| word == first);
        let fits = commands.iter().filter(|command| parser.parse(command).is_ok_and(has));
        return fits.map(|command| format!("{command} {line}")).collect();
    }
    let above = commands.iter().filter_map(|command| command.strip_suffix(first)?.strip_suffix(' '));
    above.map(|above| format!("{above} {line}")).collect()
}

/// Options, and commands with options, that stand without `kfimg`, with their places.
fn shortened(commands: &[String]) -> Vec<(String, String)> {
    let is_command = |span: &str| {
        let first = span.split(' ').next().unwrap_or_default();
        span.contains(" --")
            && commands.iter().any(|command| command.split(' ').any(|word| word == first && word != "kfimg"))
    };
    beginning("").into_iter().filter(|(_, span)| span.starts_with("--") || is_command(span)).collect()
}

#[test]
fn every_option_in_a_sentence_is_one_that_some_command_takes() {
    let mut parser = Parser::new("options");
    let commands = parser.commands("kfimg");
    assert!(commands.len() > 20, "{commands:?}");
    let (mut problems, mut foreign) = (Vec::new(), vec![false; FOREIGN.len()]);
    for (place, span) in shortened(&commands) {
        let is_there =
            |(document, theirs, _): &(&str, &str, &str)| place.starts_with(&format!("{document}:")) && *theirs == span;
        if let Some(index) = FOREIGN.iter().position(is_there) {
            foreign[index] = true;
            continue;
        }
        for line in lines(&span) {
            let whole = whole(&mut parser, &commands, &line);
            if !whole.iter().any(|line| parser.understand(line).is_ok()) {
                problems.push(format!("{place}: no command of kfimg takes `{line}`"));
            }
        }
    }
    let idle = FOREIGN.iter().zip(foreign).filter(|(_, used)| !used);
    problems.extend(idle.map(|((document, span, _), _)| format!("{document} has no `{span}`")));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn options_of_scripts_of_ours_are_in_those_scripts() {
    let source = |file: &str| fs::read_to_string(project().join(file)).unwrap();
    let deploy = beginning("").into_iter().filter(|(_, span)| span.contains("deploy.sh --"));
    let mut spans: Vec<(String, &str)> = deploy.map(|(_, span)| (span, DEPLOY)).collect();
    assert!(spans.len() >= 3, "{spans:?}");
    spans.extend(FOREIGN.iter().filter(|row| !row.2.is_empty()).map(|row| (row.1.to_owned(), row.2)));
    for (span, file) in spans {
        for option in span.split(' ').filter(|word| word.starts_with("--")) {
            assert!(source(file).contains(&format!("\n    {option})")), "{file} has no {option}, of `{span}`");
        }
    }
}

/// Names in capitals that are no codes of a node: settings of other programs, fields of `os-release`, capabilities.
const NO_CODES: &[&str] = &["HTTPS_PROXY", "NO_PROXY", "SOURCE_DATE_EPOCH", "IMAGE_ID", "IMAGE_VERSION"];

/// The tables of `boot.md` are held against the agent's own list elsewhere.
#[test]
fn every_code_in_a_sentence_is_one_that_boot_md_explains() {
    let boot = read("boot.md");
    let is_code = |span: &str| {
        let capitals = span.split('_').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase()));
        capitals && span.contains('_') && !["KFIMG_", "CAP_"].iter().any(|start| span.starts_with(start))
    };
    let codes: Vec<_> = beginning("").into_iter().filter(|(_, span)| is_code(span)).collect();
    let unknown =
        codes.iter().filter(|(_, code)| !NO_CODES.contains(&&**code) && !boot.contains(&format!("\n| `{code}` |")));
    let unknown: Vec<String> = unknown.map(|(place, code)| format!("{place}: {code}")).collect();
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    assert!(codes.len() > 50, "{}", codes.len());
}

#[test]
fn what_kfimg_does_not_take_is_told() {
    let mut parser = Parser::new("typos");
    for wrong in [
        "kfimg rendre",
        "kfimg render --bundel B",
        "kfimg bundle verfy",
        "kfimg images --format tabel",
        "kfimg serve --payloads-for soon",
        "kfimg init ha3 site more",
        "kfimg completions fisch",
        "kfimg diff out",
    ] {
        let refused = parser.understand(wrong).is_err();
        // What is missing is not asked for once help is: a sentence may leave it out.
        assert_eq!(refused, wrong != "kfimg diff out", "{wrong}");
    }
    assert_eq!(
        lines("kfimg build --preload worker|all [NODE…]"),
        ["kfimg build --preload worker NODE", "kfimg build --preload all NODE"]
    );
    assert_eq!(
        spans("Say `a\nb`.\n\n```sh\n`not this`\n```\n| `c` | `d` |\n"),
        [(1, "a b".to_owned()), (7, "c".to_owned()), (7, "d".to_owned())]
    );
}
