//! `--set path=value`: one setting from the command line.

use super::merge;
use crate::document::{Entry, Location, Node, Path, Segment, SourceId, Sources, Value, did_you_mean, parse_one_from};
use crate::problem::Report;

/// A parsed `--set`.
pub(super) struct Assignment {
    source: SourceId,
    path: Path,
    at: Location,
    value: Node,
}

/// Reads the argument; the value is YAML.
pub(super) fn parse(
    text: &str,
    folder: &std::path::Path,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<Assignment> {
    let source = sources.add("--set", "--set", folder, text);
    let (path, end) = match Path::parse_prefix(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let at = Location::new(source, error.start, error.end);
            report.error_at("bad-set", at, error.message).help("write `path=value`, such as `kubelet.maxPods=200`");
            return None;
        }
    };
    if !text[end..].starts_with('=') {
        let at = Location::new(source, 0, text.len());
        report
            .error_at("bad-set", at, "`=` and a value are missing")
            .help("write `path=value`, such as `kubelet.maxPods=200`");
        return None;
    }
    let value = parse_one_from(sources, source, end + 1, report)?;
    Some(Assignment { source, path, at: Location::new(source, 0, end), value })
}

/// Puts the value at its path. Maps on the way are made; list items must be there.
pub(super) fn apply(tree: &mut Node, assignment: Assignment, sources: &Sources, report: &mut Report) {
    let Assignment { source, path, at, value } = assignment;
    debug_assert_eq!(sources.get(source).name, "--set");
    let mut node = tree;
    for segment in path.segments() {
        match step(node, segment, at) {
            Ok(next) => node = next,
            Err(Missing { message, help }) => {
                let draft = report.error_at("bad-set", at, message);
                if let Some(help) = help {
                    draft.help(help);
                }
                return;
            }
        }
    }
    let below = std::mem::replace(node, Node { value: Value::Null, at });
    *node = merge::merge(below, value, report);
}

struct Missing {
    message: String,
    help: Option<String>,
}

fn step<'a>(node: &'a mut Node, segment: &Segment, at: Location) -> Result<&'a mut Node, Missing> {
    match segment {
        Segment::Key(key) => Ok(entry(node, key, at)),
        Segment::Index(index) => {
            let length = node.items().len();
            let items = list(node);
            let message = format!("the list has {length} items, there is no [{index}] (the first is [0])");
            items.and_then(|items| items.get_mut(*index)).ok_or(Missing { message, help: None })
        }
        Segment::Named(name) => {
            let found = node.named(name);
            let missing = unknown_name(node, name);
            found.and_then(|index| list(node)?.get_mut(index)).ok_or(missing)
        }
    }
}

fn unknown_name(node: &Node, name: &str) -> Missing {
    let names: Vec<&str> = node.items().iter().filter_map(|item| item.get("name")?.text()).collect();
    let help = match did_you_mean(name, names.iter().copied()) {
        Some(meant) => Some(format!("did you mean `{meant}`?")),
        None if names.is_empty() || names.len() > 12 => None,
        None => Some(format!("the names here are {}", names.join(", "))),
    };
    Missing { message: format!("nothing here is called `{name}`"), help }
}

/// The value of a key; what is no map becomes one.
fn entry<'a>(node: &'a mut Node, key: &str, at: Location) -> &'a mut Node {
    if !matches!(node.value, Value::Mapping(_)) {
        node.value = Value::Mapping(Vec::new());
    }
    let index = node.entries().iter().position(|entry| entry.key == key);
    let Node { value: Value::Mapping(entries), .. } = node else { unreachable!("made a map above") };
    let index = index.unwrap_or_else(|| {
        entries.push(Entry { key: key.to_owned(), key_at: at, value: Node { value: Value::Null, at } });
        entries.len() - 1
    });
    entries[index].key_at = at;
    &mut entries[index].value
}

fn list(node: &mut Node) -> Option<&mut Vec<Node>> {
    match &mut node.value {
        Value::Sequence(items) => Some(items),
        _ => None,
    }
}
