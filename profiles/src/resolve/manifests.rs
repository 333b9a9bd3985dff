//! The user's own Kubernetes objects: read, taken out of lists, and each named so that it can be applied.
//!
//! Whether the API server accepts an object is not known here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::files::Files;
use crate::cluster::{Manifest, ManifestObject};
use crate::description::Description;
use crate::document::{Location, Node, Path, Sources, manifest, to_json};
use crate::problem::Report;

/// The largest object, in bytes of JSON. etcd takes requests of at most 1.5 MiB.
const MAX_OBJECT_BYTES: usize = 1 << 20;

/// Where each object was seen first.
type Seen = BTreeMap<[String; 4], Location>;

/// What the objects of some texts are read with.
pub(super) struct Reading<'r> {
    sources: &'r Sources,
    report: &'r mut Report,
    seen: Seen,
}

impl<'r> Reading<'r> {
    /// No object was seen yet.
    pub(super) fn new(sources: &'r Sources, report: &'r mut Report) -> Self {
        Self { sources, report, seen: Seen::new() }
    }
}

/// All manifests in the order of the description; `None` when one has a problem.
pub(super) fn manifests(description: &Description, files: &mut Files<'_, '_>) -> Option<Vec<Manifest>> {
    let mut seen = Seen::new();
    let setting = Path::root().key("manifests");
    let read: Vec<Option<Manifest>> = (description.manifests.iter().enumerate())
        .filter(|(index, file)| !description.manifests[..*index].contains(file))
        .map(|(index, file)| {
            let at = setting.index(index);
            let source = files.source(&at, file)?;
            let documents = manifest(files.sources, source, files.report)?;
            if documents.is_empty() {
                let message = format!("`{}` holds no objects", file.0);
                files.report.warning("empty-manifest", &at, message).help("remove it from the list");
            }
            let mut objects = Vec::new();
            let mut reading = Reading { sources: files.sources, report: files.report, seen: std::mem::take(&mut seen) };
            for (_, node) in &documents {
                take_apart(node, &mut reading, &mut objects);
            }
            seen = reading.seen;
            Some(Manifest { path: file.0.clone(), objects })
        })
        .collect();
    read.into_iter().collect()
}

/// Adds an object, or the items of a list, to `objects`; what is wrong is reported.
pub(super) fn take_apart(node: &Node, reading: &mut Reading<'_>, objects: &mut Vec<ManifestObject>) {
    let is_list = text(node, "kind").is_some_and(|kind| kind.ends_with("List")) && node.get("items").is_some();
    if is_list {
        for item in node.get("items").map(Node::items).unwrap_or_default() {
            take_apart(item, reading, objects);
        }
        return;
    }
    if let Some(identity) = identity(node, reading) {
        if let Some(first) = reading.seen.insert(identity.clone(), name_at(node)) {
            let [_, kind, namespace, name] = identity;
            reading
                .report
                .error_at("duplicate-object", name_at(node), format!("{kind} `{namespace}/{name}` is given twice"))
                .note_at(first, "first given here")
                .help("keep one of them");
        }
        objects.extend(object(node, reading));
    }
}

fn object(node: &Node, reading: &mut Reading<'_>) -> Option<ManifestObject> {
    let value: Value = to_json(node);
    let size = value.to_string().len();
    if size > MAX_OBJECT_BYTES {
        let message = format!("this object has {size} bytes; etcd takes at most {MAX_OBJECT_BYTES}");
        reading.report.error_at("object-too-large", name_at(node), message).help("split it");
        return None;
    }
    Some(ManifestObject { line: reading.sources.line_column(node.at).0, value })
}

/// API group, kind, namespace and name; `None` when one is missing.
fn identity(node: &Node, reading: &mut Reading<'_>) -> Option<[String; 4]> {
    if node.entries().is_empty() {
        reading
            .report
            .error_at("not-an-object", node.at, "this is no Kubernetes object")
            .help("an object is a map with `apiVersion`, `kind` and `metadata`");
        return None;
    }
    let metadata = node.get("metadata");
    let name = metadata.and_then(|metadata| text(metadata, "name"));
    for (missing, what) in [
        (text(node, "apiVersion").is_none(), "apiVersion"),
        (text(node, "kind").is_none(), "kind"),
        (name.is_none(), "metadata.name"),
    ] {
        if missing {
            let help = match what {
                "metadata.name" => "objects are applied by name: `generateName` is not enough".to_owned(),
                _ => format!("write `{what}`, as `kubectl explain` names it"),
            };
            reading.report.error_at("not-an-object", name_at(node), format!("this object has no `{what}`")).help(help);
        }
    }
    let version = text(node, "apiVersion")?;
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let namespace = metadata.and_then(|metadata| text(metadata, "namespace")).unwrap_or("default");
    Some([group, text(node, "kind")?, namespace, name?].map(str::to_owned))
}

/// The text of a key that is not empty.
fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::text).filter(|text| !text.is_empty())
}

/// Where people look for an object: its name, else its kind, else its start.
fn name_at(node: &Node) -> Location {
    let name = node.get("metadata").and_then(|metadata| metadata.get("name"));
    let kind = node.entry("kind").map(|entry| entry.value.at);
    name.map(|name| name.at).or(kind).or_else(|| node.entries().first().map(|entry| entry.key_at)).unwrap_or(node.at)
}
