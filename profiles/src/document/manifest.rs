//! The user's own manifests: YAML documents to JSON, as kubectl reads them.
//!
//! Whether a document is a Kubernetes object is not asked here.

use serde_json::{Map, Number, Value as Json};

use super::node::{Node, Value};
use super::parse::parse;
use super::scalar::{self, Resolved};
use super::source::{SourceId, Sources};
use crate::problem::Report;

/// All documents of a text that are not empty, with their nodes for naming places. `None` when there was a problem, which
/// then is in the report.
pub fn manifest(sources: &Sources, source: SourceId, report: &mut Report) -> Option<Vec<(Json, Node)>> {
    let documents = parse(sources, source, report)?;
    let filled = documents.into_iter().filter(|document| document.value != Value::Null);
    Some(filled.map(|document| (to_json(&document), document)).collect())
}

/// A node as JSON; plain scalars mean what they mean to kubectl (`0644` is 420, `no` is false).
#[must_use]
pub fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Sequence(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Mapping(entries) => {
            let pairs = entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.value)));
            Json::Object(pairs.collect::<Map<String, Json>>())
        }
        Value::Scalar { text, plain: false } => Json::String(text.clone()),
        Value::Scalar { text, plain: true } => match scalar::resolve(text) {
            Resolved::Null => Json::Null,
            Resolved::Boolean(truth) => Json::Bool(truth),
            Resolved::Unsigned(number) => Json::from(number),
            Resolved::Signed(number) => Json::from(number),
            Resolved::Float(number) => Number::from_f64(number).map_or(Json::Null, Json::Number),
            Resolved::Text => Json::String(text.clone()),
        },
    }
}
