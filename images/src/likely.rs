//! A guess at images where no schema says that a text is one: custom resources, arguments, configuration.
//!
//! Whatever it finds is a question. It prefers to miss a bare `nginx` over asking about every word.

use serde_json::{Map, Value};

use crate::discovery::{RemarkKind, Search};
use crate::object_path::ObjectPath;
use crate::reference::Reference;

/// Ends of field names (in lower case) that hold an image as a rule: `image`, `baseImage`, `sidecarImageName`.
const IMAGE_FIELDS: [&str; 5] = ["image", "images", "imagename", "imageref", "imagereference"];
/// Fields beside `repository` that complete it, with the sign before each.
const VERSION_FIELDS: [(&str, char); 3] = [("tag", ':'), ("version", ':'), ("digest", '@')];
/// Top-level fields that never hold an image of the object's own making.
const SKIPPED_FIELDS: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// Asks about every likely image in a custom resource.
pub(crate) fn search_object(search: &mut Search<'_>, object: &Value, path: &ObjectPath) {
    for (field, value) in object.as_object().into_iter().flatten() {
        if !SKIPPED_FIELDS.contains(&field.as_str()) {
            search_field(search, field, value, &path.key(field));
        }
    }
}

/// Asks about complete references (host, path, and a tag or digest) in all texts below a value.
pub(crate) fn search_text(search: &mut Search<'_>, value: &Value, path: &ObjectPath) {
    match value {
        Value::String(text) => {
            for reference in complete_references(text) {
                search.remark(path, RemarkKind::Likely(reference));
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                search_text(search, element, &path.index(index));
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                search_text(search, value, &path.key(field));
            }
        }
        _ => {}
    }
}

fn search_field(search: &mut Search<'_>, field: &str, value: &Value, path: &ObjectPath) {
    match value {
        Value::String(text) => match named_image(field, text) {
            Some(reference) => search.remark(path, RemarkKind::Likely(reference)),
            None => search_text(search, value, path),
        },
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                search_field(search, field, element, &path.index(index));
            }
        }
        Value::Object(fields) => search_fields(search, fields, path),
        _ => {}
    }
}

fn search_fields(search: &mut Search<'_>, fields: &Map<String, Value>, path: &ObjectPath) {
    let composed = composed_image(fields);
    let asked = composed.is_some();
    if let Some(reference) = composed {
        search.remark(path, RemarkKind::Likely(reference));
    }
    for (field, value) in fields {
        if !(asked && matches!(field.as_str(), "image" | "name" | "repository")) {
            search_field(search, field, value, &path.key(field));
        }
    }
}

/// The image in a field whose name says that it holds one. A bare word such as `true` counts in `image` itself only.
fn named_image(field: &str, text: &str) -> Option<Reference> {
    let field = field.to_ascii_lowercase();
    let says_image = IMAGE_FIELDS.iter().any(|end| field.ends_with(end));
    let is_word = !text.contains(['/', ':', '@']);
    if says_image && (!is_word || field == "image") { text.parse().ok() } else { None }
}

/// The image of an object in the manner of Helm values: `{registry?, repository, tag | version | digest}`.
fn composed_image(fields: &Map<String, Value>) -> Option<Reference> {
    let text = |field: &str| fields.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let repository = text("repository")?;
    let name = text("registry").map_or(repository.to_owned(), |registry| format!("{registry}/{repository}"));
    let suffixes: Vec<String> =
        VERSION_FIELDS.iter().filter_map(|(field, sign)| text(field).map(|text| format!("{sign}{text}"))).collect();
    match suffixes.as_slice() {
        [] => None,
        [first, rest @ ..] => {
            // Both `tag` and `version`: the tag says which image.
            let digest = rest.iter().find(|suffix| suffix.starts_with('@')).map_or("", String::as_str);
            format!("{name}{first}{digest}").parse().ok()
        }
    }
}

/// References in running text that can hardly be anything else: with a host, and with a tag or a digest.
fn complete_references(text: &str) -> Vec<Reference> {
    let between = |c: char| c.is_whitespace() || "\"'`,;=()[]{}<>|\\".contains(c);
    text.split(between).map(|word| word.trim_end_matches(['.', ':'])).filter_map(complete_reference).collect()
}

fn complete_reference(word: &str) -> Option<Reference> {
    let (host, rest) = word.split_once('/')?;
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_address = name.parse::<std::net::Ipv4Addr>().is_ok();
    let last_label = name.rsplit_once('.').map(|(_, label)| label);
    let is_domain = last_label.is_some_and(|label| label.len() > 1 && label.bytes().all(|b| b.is_ascii_alphabetic()));
    let has_host = is_address || is_domain || port.is_some() || name == "localhost";
    if has_host && rest.contains([':', '@']) { word.parse().ok() } else { None }
}
