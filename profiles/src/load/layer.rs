//! The layers of a description in their order: where each comes from, and its tree.

use super::inventory::{self, Inventory};
use super::{Inputs, merge, read, set};
use crate::builtin;
use crate::description::{self, Description};
use crate::document::{Entry, Location, Node, SourceId, Sources, Value, decode_with_list, did_you_mean, parse_one};
use crate::problem::{Problem, Report, Severity};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Everything that was read, before it is merged.
pub(super) struct Layers {
    profile: Option<Node>,
    sites: Vec<Node>,
    inventory: Option<Node>,
    sets: Vec<set::Assignment>,
    registry: Option<Node>,
}

impl Layers {
    /// Reads all layers. `None` when one of them could not be read or is no YAML: what is missing in it would cause
    /// problems that are none. Then the values of the others are still looked at, each layer by itself.
    pub(super) fn read(inputs: &Inputs, sources: &mut Sources, report: &mut Report) -> Option<Self> {
        if inputs.profile.is_none() && inputs.sites.is_empty() {
            let problem = Problem::new(Severity::Error, "no-description", "no description was named");
            report.push(problem).help("name a profile, such as `--profile ha3`, or a file with `--site`");
        }
        let profile = inputs.profile.as_ref().and_then(|name| profile(name, &inputs.folder, sources, report));
        if inputs.sites.iter().filter(|path| *path == Path::new("-")).count() > 1 {
            let problem = Problem::new(Severity::Error, "repeated-input", "`--site -` is given twice");
            report.push(problem).help("standard input can be read once");
        }
        let sites: Vec<Node> = inputs.sites.iter().filter_map(|path| site(path, inputs, sources, report)).collect();
        // What is wrong with single machines of an inventory is no reason not to look at the others, and at all together.
        let mut rows = Report::new();
        let inventory = inputs.inventory.as_ref().map(|path| inventory_of(path, inputs, sources, &mut rows));
        let is_whole = inventory.as_ref().is_none_or(|inventory| inventory.is_whole);
        let inventory = inventory.and_then(|inventory| inventory.layer);
        let sets: Vec<_> =
            inputs.sets.iter().filter_map(|text| set::parse(text, &inputs.folder, sources, report)).collect();
        let registry = inputs.registry.as_ref().map(|text| registry(text, &inputs.folder, sources));
        let layers = Self { profile, sites, inventory, sets, registry };
        let stops = report.has_errors() || !is_whole;
        report.extend(rows);
        if stops {
            layers.decode_each(sources, report);
            return None;
        }
        Some(layers)
    }

    fn decode_each(self, sources: &Sources, report: &mut Report) {
        for layer in self.profile.into_iter().chain(self.sites).chain(self.inventory) {
            let mut found = Report::new();
            let layer = merge::without_directives(layer);
            decode_with_list::<Description, description::Node>(&layer, "nodes", sources, &mut found);
            report.extend(found);
        }
    }

    /// Merges them into one tree.
    pub(super) fn merge(self, sources: &Sources, report: &mut Report) -> Option<Node> {
        let named: BTreeSet<String> = self.sites.iter().chain(&self.inventory).flat_map(node_names).collect();
        let mut layers = Vec::new();
        layers.extend(self.profile.map(|profile| match self.inventory {
            Some(_) => without_example(profile, &named),
            None => profile,
        }));
        layers.extend(self.sites);
        layers.extend(self.inventory);
        // A file in which everything is a comment changes nothing.
        layers.retain(|layer| layer.value != Value::Null);
        let mut tree = layers.into_iter().reduce(|base, layer| merge::merge(base, layer, report))?;
        tree = merge::finish(tree, report);
        for assignment in self.sets {
            set::apply(&mut tree, assignment, sources, report);
        }
        Some(match self.registry {
            Some(registry) => merge::merge(tree, registry, report),
            None => tree,
        })
    }
}

fn profile(name: &str, folder: &Path, sources: &mut Sources, report: &mut Report) -> Option<Node> {
    let is_path = name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml");
    let own = folder.join("profiles").join(format!("{name}.yaml"));
    let path = if is_path { Some(folder.join(name)) } else { Some(own).filter(|path| path.exists()) };
    if let Some(path) = path {
        return file(&path, &format!("profile {name}"), sources, report);
    }
    let Some(profile) = builtin::find(name) else {
        report.push(unknown_profile(name));
        return None;
    };
    let label = format!("profile {name}");
    let source = sources.add(&format!("{label} (built-in)"), &label, folder, profile.text);
    parse_one(sources, source, report)
}

fn unknown_profile(name: &str) -> Problem {
    let known: Vec<&str> = builtin::PROFILES.iter().map(|profile| profile.name).collect();
    let help = match did_you_mean(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("choose one of {}, or name a file", known.join(", ")),
    };
    let message = format!("there is no profile `{name}`");
    Problem { help: Some(help), ..Problem::new(Severity::Error, "unknown-profile", message) }
}

fn site(path: &Path, inputs: &Inputs, sources: &mut Sources, report: &mut Report) -> Option<Node> {
    let path = if path == Path::new("-") { path.to_path_buf() } else { inputs.folder.join(path) };
    file(&path, &format!("site {}", shown(&path)), sources, report)
}

fn inventory_of(path: &Path, inputs: &Inputs, sources: &mut Sources, report: &mut Report) -> Inventory {
    let path = inputs.folder.join(path);
    let label = format!("inventory {}", shown(&path));
    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let Some(source) = register(&path, &label, sources, report) else { return Inventory::unreadable() };
    if !is_yaml {
        return inventory::of_csv(sources, source, report);
    }
    let read = parse_one(sources, source, report).map(|document| inventory::of_yaml(document, report));
    // A key that is there twice is none of a single machine's fields.
    read.map_or(Inventory::unreadable(), |read| Inventory { is_whole: read.is_whole && !report.has_errors(), ..read })
}

fn file(path: &Path, label: &str, sources: &mut Sources, report: &mut Report) -> Option<Node> {
    let source = register(path, label, sources, report)?;
    let layer = parse_one(sources, source, report)?;
    if matches!(layer.value, Value::Sequence(_) | Value::Scalar { .. }) {
        let message = format!("expected a map of settings (`key: value`), found {}", layer.value.describe());
        report.error_at("invalid-value", layer.at, message).help("`kfimg init` writes a file to start from");
        return None;
    }
    Some(layer)
}

fn register(path: &Path, label: &str, sources: &mut Sources, report: &mut Report) -> Option<SourceId> {
    let text = read::text(path, report)?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Some(sources.add(&shown(path), label, &folder, &text))
}

/// The path as people wrote it: without the `./` of the working folder.
fn shown(path: &Path) -> String {
    let path: PathBuf = path.strip_prefix(".").unwrap_or(path).to_path_buf();
    if path == Path::new("-") { "(standard input)".to_owned() } else { path.display().to_string() }
}

fn registry(text: &str, folder: &Path, sources: &mut Sources) -> Node {
    let source = sources.add("--registry", "--registry", folder, text);
    let port = text.rsplit_once(':').filter(|(host, port)| {
        let is_address = host.contains(':') && !host.ends_with(']');
        !is_address && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
    });
    let (host, port) = port.map_or((text, None), |(host, port)| (host, Some(port)));
    let scalar = |key: &str, start: usize, text: &str| {
        let at = Location::new(source, start, start + text.len());
        Entry { key: key.to_owned(), key_at: at, value: Node { value: scalar(text), at } }
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let mut entries = vec![scalar("host", 0, bare)];
    entries.extend(port.map(|port| scalar("port", host.len() + 1, port)));
    let at = Location::new(source, 0, text.len());
    let registry = Node { value: Value::Mapping(entries), at };
    Node { value: Value::Mapping(vec![Entry { key: "registry".to_owned(), key_at: at, value: registry }]), at }
}

fn scalar(text: &str) -> Value {
    Value::Scalar { text: text.to_owned(), plain: true }
}

/// Names of the nodes that a layer lists.
fn node_names(layer: &Node) -> Vec<String> {
    let nodes = layer.get("nodes").map(Node::items).unwrap_or_default();
    nodes.iter().filter_map(|node| node.get("name")?.text().map(str::to_owned)).collect()
}

/// A profile without the nodes of its example that nobody else names.
fn without_example(mut profile: Node, named: &BTreeSet<String>) -> Node {
    let Value::Mapping(entries) = &mut profile.value else { return profile };
    let nodes = entries.iter_mut().find(|entry| entry.key == "nodes");
    if let Some(Entry { value: Node { value: Value::Sequence(items), .. }, .. }) = nodes {
        items.retain(|item| item.get("name").and_then(Node::text).is_some_and(|name| named.contains(name)));
    }
    profile
}
