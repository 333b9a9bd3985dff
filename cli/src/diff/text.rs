//! A difference for people: 80 columns, one fact a line, what is dangerous first.

use super::change::{Change, Topic, What};
use super::node::State;
use super::order::Action;
use super::{Difference, Group};
use crate::names::ranges;
use std::collections::BTreeMap;

/// Columns of a line; only a word that is longer goes beyond.
const WIDTH: usize = 80;
/// Where changes begin, after their topic.
const INDENT: usize = 16;

/// The whole text, with a line end.
pub(crate) fn text(difference: &Difference) -> String {
    let mut text = Text::default();
    text.wrapped(&head(difference), 0, 2);
    if !difference.dangers.is_empty() {
        text.line("");
        text.line("Think first:");
        difference.dangers.iter().for_each(|danger| text.wrapped(&format!("! {}", danger.message), 2, 4));
    }
    for group in &difference.groups {
        text.line("");
        text.group(group);
    }
    if !difference.administrator.is_empty() {
        text.line("");
        text.line("admin.kubeconfig: take the new one");
        text.changes(&difference.administrator);
    }
    text.line("");
    text.steps(difference);
    text.0
}

/// `demo: Kubernetes v1.35.4 -> v1.36.3, generation 1 -> 2; 3 of 5 nodes change, 1 is new.`
fn head(difference: &Difference) -> String {
    let (old, new) = (&difference.old, &difference.new);
    let arrow = |old: &str, new: &str| if old == new { new.to_owned() } else { format!("{old} -> {new}") };
    let generation = arrow(&old.generation.to_string(), &new.generation.to_string());
    let name = arrow(&old.cluster, &new.cluster);
    let version = arrow(&old.kubernetes_version, &new.kubernetes_version);
    format!("{name}: Kubernetes {version}, generation {generation}: {}", counts(difference))
}

/// How many nodes became what.
fn counts(difference: &Difference) -> String {
    const WORDS: [(State, &str); 6] = [
        (State::Changed, "changed"),
        (State::New, "new"),
        (State::Removed, "removed"),
        (State::Renumbered, "renumbered"),
        (State::Rewritten, "written otherwise"),
        (State::Same, "unchanged"),
    ];
    let count =
        |state| difference.groups.iter().filter(|group| group.state == state).map(|group| group.nodes.len()).sum();
    let counted: [(usize, &str); 6] = WORDS.map(|(state, word)| (count(state), word));
    let total: usize = counted.iter().map(|(count, _)| count).sum();
    let parts: Vec<String> =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    format!("{total} node{}, {}", if total == 1 { "" } else { "s" }, parts.join(", "))
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// Words in lines: the first begins at one column, the others at another one.
    fn wrapped(&mut self, words: &str, first: usize, others: usize) {
        self.after(&" ".repeat(first), words, others);
    }

    /// The same after a beginning of the first line.
    fn after(&mut self, beginning: &str, words: &str, others: usize) {
        let mut line = beginning.to_owned();
        let mut is_empty = true;
        for word in words.split(' ') {
            if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                line = " ".repeat(others.min(WIDTH.saturating_sub(word.chars().count())));
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
        self.line(&line);
    }

    fn group(&mut self, group: &Group) {
        let names: Vec<&str> = group.nodes.iter().map(|node| node.name.as_str()).collect();
        let role = match (group.role.as_str(), names.len()) {
            (role, 1) => role.replace('-', " "),
            ("etcd", count) => format!("{count} etcd"),
            (role, count) => format!("{count} {}s", role.replace('-', " ")),
        };
        let state = match group.state {
            State::Changed if group.nodes.iter().all(|node| node.old == node.new) => "the same payload".to_owned(),
            State::Changed => format!("generation {}", numbers(group)),
            State::New => format!("new, generation {}", numbers(group)),
            State::Removed => "removed".to_owned(),
            State::Renumbered => format!("the same content as generation {}", numbers(group)),
            State::Rewritten => "the same content, written otherwise".to_owned(),
            State::Same => "unchanged".to_owned(),
        };
        self.wrapped(&format!("{} ({role}): {state}", ranges(&names)), 0, 2);
        self.changes(&group.changes);
        for text in &group.texts {
            self.line(&format!("  {}", text.path));
            text.lines.iter().for_each(|line| self.line(&format!("    {line}")));
        }
    }

    fn changes(&mut self, changes: &[Change]) {
        let mut topic = None;
        for (of, line) in lines(changes) {
            let label = if topic == Some(of) { "" } else { of.label() };
            topic = Some(of);
            self.after(&format!("  {label:width$}", width = INDENT - 2), &line, INDENT + 2);
        }
    }

    fn steps(&mut self, difference: &Difference) {
        if difference.old.cluster_uid != difference.new.cluster_uid {
            return;
        }
        let warns = |code| difference.dangers.iter().any(|danger| danger.code == code);
        if difference.steps.iter().all(|step| step.action == Action::Later) {
            let no_order = warns("majority-replaced");
            self.line(if no_order { "There is no safe order for this." } else { "No machine has to boot again." });
            return;
        }
        let wait = "In this order; after each boot wait until the machine says that it is up:";
        self.wrapped(if warns("incarnation") { "In this order:" } else { wait }, 0, 0);
        let width = difference.steps.len().to_string().len();
        for (index, step) in difference.steps.iter().enumerate() {
            let number = format!("  {:>width$}. ", index + 1);
            self.after(&number, &step.words(), number.len());
        }
    }
}

/// `1 -> 2`, or `1 … 3 -> 4` where the nodes had different numbers.
fn numbers(group: &Group) -> String {
    let span = |numbers: Vec<u64>| match (numbers.iter().min(), numbers.iter().max()) {
        (Some(least), Some(most)) if least != most => format!("{least} … {most}"),
        (Some(number), _) => number.to_string(),
        (None, _) => String::new(),
    };
    let (old, new) = (
        span(group.nodes.iter().filter_map(|node| node.old).collect()),
        span(group.nodes.iter().filter_map(|node| node.new).collect()),
    );
    if old.is_empty() { new } else { format!("{old} -> {new}") }
}

/// One line for each fact, by topic; subjects that changed alike share theirs.
fn lines(changes: &[Change]) -> Vec<(Topic, String)> {
    let mut by_subject: BTreeMap<(Topic, &str), Vec<String>> = BTreeMap::new();
    for change in changes {
        by_subject.entry((change.topic, &change.subject)).or_default().push(phrase(change));
    }
    let mut alike: Vec<(Topic, Vec<&str>, Vec<String>)> = Vec::new();
    for ((topic, subject), phrases) in by_subject {
        match alike.iter_mut().find(|(same, _, others)| *same == topic && *others == phrases) {
            Some((_, subjects, _)) => subjects.push(subject),
            None => alike.push((topic, vec![subject], phrases)),
        }
    }
    alike.into_iter().flat_map(|(topic, subjects, phrases)| told(topic, &subjects.join(", "), phrases)).collect()
}

/// Facts that belong together share a line, others have their own.
fn told(topic: Topic, subjects: &str, phrases: Vec<String>) -> Vec<(Topic, String)> {
    let joined = matches!(topic, Topic::Certificates | Topic::Users | Topic::Registry);
    let phrases = if joined { vec![phrases.join("; ")] } else { phrases };
    let line = |phrase: String| match (subjects, topic) {
        ("", _) => phrase,
        (_, Topic::Flags) => format!("{subjects} {phrase}"),
        _ => format!("{subjects}: {phrase}"),
    };
    phrases.into_iter().map(|phrase| (topic, line(phrase))).collect()
}

/// One fact.
fn phrase(change: &Change) -> String {
    let name = change.name.trim();
    let sign = match change.topic {
        Topic::Flags => "=",
        Topic::Images => ":",
        _ if name.is_empty() => "",
        _ => " ",
    };
    match &change.what {
        What::Added { to: None } if name == "enabled" => "enabled".to_owned(),
        What::Removed { from: None } if name == "enabled" => "disabled".to_owned(),
        What::Added { to } => match to.as_deref().filter(|to| !to.is_empty()) {
            Some(to) if name.is_empty() => format!("new, {to}"),
            Some(to) => format!("new {name}{sign}{to}"),
            None => format!("new {name}"),
        },
        What::Removed { from } => match from.as_deref().filter(|from| !from.is_empty()) {
            Some(from) if name.is_empty() => format!("removed, {from}"),
            Some(from) => format!("removed {name}{sign}{from}"),
            None => format!("removed {name}"),
        },
        What::Changed { from, to } => format!("{name}{sign}{} -> {}", or_none(from), or_none(to)),
        What::Items { added, removed } => items(name, added, removed),
        What::Replaced if name == "key" => "new key".to_owned(),
        What::Replaced => match (change.topic, name) {
            (Topic::Certificates, "") => "issued anew".to_owned(),
            (_, "") => "changed".to_owned(),
            _ => format!("{name} changed"),
        },
    }
    .trim()
    .to_owned()
}

fn or_none(value: &str) -> &str {
    if value.is_empty() { "none" } else { value }
}

fn items(name: &str, added: &[String], removed: &[String]) -> String {
    let mut parts = vec![name.to_owned()];
    parts.extend(removed.iter().map(|item| format!("-{item}")));
    parts.extend(added.iter().map(|item| format!("+{item}")));
    if added.is_empty() && removed.is_empty() {
        parts.push("in another order".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}
