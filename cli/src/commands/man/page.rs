//! One page of the manual, in the macros of man(7). No line of its source is longer than 80 bytes, as mandoc asks for.
//!
//! What a command takes is asked of clap; nothing here knows a command.

use crate::failure::EXIT_CODES;
use clap::{Arg, Command};
use std::fmt::Write as _;

/// The day that the pages name: when they were last gone through. The same program prints the same manual, so it is no clock's.
const DAY: &str = "2026-11-22";
/// Longest line of text in the source, in bytes.
const WIDTH: usize = 78;

/// The page's name, `kfimg-pki-renew`.
pub(super) fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The commands below a command.
pub(super) fn below(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set())
}

/// The page; `above` is the name of the one of which this command is a part.
pub(super) fn text(command: &Command, above: Option<&str>) -> String {
    let name = name(command);
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(".TH {} 1 {DAY} \"kfimg {version}\" \"kfimg Manual\"\n", escaped(&name.to_uppercase()));
    section(&mut page, "NAME", &format!("{} \\- {}", escaped(name), escaped(&about(command))));
    synopsis(&mut page, command);
    section(&mut page, "DESCRIPTION", &format!("{}.", escaped(&about(command))));
    let commands: Vec<_> = below(command).collect();
    if !commands.is_empty() {
        page += ".SH COMMANDS\n";
        commands.iter().for_each(|below| item(&mut page, &reference(self::name(below)), &about(below)));
    }
    let (positional, options): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
        .partition(|argument| argument.is_positional());
    arguments(&mut page, "ARGUMENTS", &positional);
    for heading in headings(&options) {
        let under: Vec<&Arg> = options.iter().filter(|option| option.get_help_heading() == heading).copied().collect();
        arguments(&mut page, &heading.unwrap_or("OPTIONS").to_uppercase(), &under);
    }
    page += ".SH EXIT STATUS\n";
    EXIT_CODES.iter().for_each(|(code, meaning)| item(&mut page, &format!("\\fB{code}\\fR"), meaning));
    let related: Vec<String> =
        above.into_iter().chain(commands.iter().map(|below| self::name(below))).map(reference).collect();
    if !related.is_empty() {
        section(&mut page, "SEE ALSO", &related.join(", "));
    }
    page
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn synopsis(page: &mut String, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let words = usage.trim_start_matches("Usage: ").trim_start_matches(name).trim();
    section(page, "SYNOPSIS", &format!("\\fB{}\\fR {}", escaped(name), escaped(words)));
}

/// The headings of options in their order; `None` are those without.
fn headings<'a>(options: &[&'a Arg]) -> Vec<Option<&'a str>> {
    let mut headings = vec![None];
    for heading in options.iter().map(|option| option.get_help_heading()) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    headings
}

fn arguments(page: &mut String, heading: &str, arguments: &[&Arg]) {
    if arguments.is_empty() {
        return;
    }
    writeln!(page, ".SH {}", escaped(heading)).expect("texts take everything");
    for argument in arguments {
        item(page, &spelled(argument), &help(argument));
    }
}

/// `-o, --output DIR` in the fonts of a manual.
fn spelled(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("\\fB\\-{short}\\fR"));
    let long = argument.get_long().map(|long| format!("\\fB\\-\\-{}\\fR", escaped(long)));
    let mut words = [short, long].into_iter().flatten().collect::<Vec<_>>().join(", ");
    if argument.get_action().takes_values() {
        let values = argument.get_value_names().unwrap_or_default();
        let values = values.iter().map(|value| format!("\\fI{}\\fR", escaped(value))).collect::<Vec<_>>().join(" ");
        words = format!("{words} {values}").trim_start().to_owned();
    }
    words
}

/// What an argument is, which values it takes, and which it has by itself, in sentences.
fn help(argument: &Arg) -> String {
    let mut sentences = vec![argument.get_help().map(ToString::to_string).unwrap_or_default()];
    if argument.get_action().takes_values() {
        let values = argument.get_possible_values();
        let names: Vec<&str> =
            values.iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name()).collect();
        if !names.is_empty() && !argument.is_hide_possible_values_set() {
            sentences.push(format!("One of {}", names.join(", ")));
        }
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if !defaults.concat().is_empty() && !argument.is_hide_default_value_set() {
            sentences.push(format!("Default: {}", defaults.join(" ")));
        }
    }
    sentences.join(". ")
}

fn section(page: &mut String, heading: &str, text: &str) {
    writeln!(page, ".SH {heading}\n{}", filled(text)).expect("texts take everything");
}

/// A term, already in roff, and a plain text about it.
fn item(page: &mut String, term: &str, text: &str) {
    writeln!(page, ".TP\n{term}\n{}.", filled(&escaped(text))).expect("texts take everything");
}

/// The page of that name, as manuals refer to it.
fn reference(name: &str) -> String {
    format!("\\fB{}\\fR(1)", escaped(name))
}

/// Text that roff takes for nothing but text.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('…', "...")
}

/// Lines that are short enough, none of which begins as a request does.
fn filled(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(if word.starts_with('.') { format!("\\&{word}") } else { word.to_owned() }),
        }
    }
    lines.join("\n")
}
