//! `validate --explain`: every setting with its value and the layer that it came from.

use crate::description::Description;
use crate::document::{Node, Path, Sources};
use crate::schema::{self, documented_default};
use serde_json::Value;

/// One setting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    /// Its path: `nodes[master1].address`.
    pub path: String,
    /// Its value as people would write it.
    pub value: String,
    /// The layer and place that it came from, or `default`.
    pub origin: String,
}

/// Settings whose values are not shown.
const HIDDEN: [&str; 1] = ["passwordHash"];

/// All settings that have a value, by path.
pub(super) fn explain(description: &Description, tree: &Node, sources: &Sources) -> Vec<Setting> {
    let value = serde_json::to_value(description).unwrap_or_default();
    let schema = schema::schema();
    let mut walk = Walk { tree, sources, schema: &schema, settings: Vec::new() };
    walk.value(&Path::root(), &value, &schema);
    walk.settings
}

struct Walk<'a> {
    tree: &'a Node,
    sources: &'a Sources,
    schema: &'a Value,
    settings: Vec<Setting>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, path: &Path, value: &Value, schema: &'a Value) {
        let inner = definition(self.schema, schema);
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    self.value(&path.key(key), value, &inner["properties"][key]);
                }
            }
            Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
                for (index, item) in items.iter().enumerate() {
                    let name = item.get("name").and_then(Value::as_str);
                    let path = name.map_or_else(|| path.index(index), |name| path.named(name));
                    self.value(&path, item, &inner["items"]);
                }
            }
            Value::Null => self.default(path, schema),
            value => self.leaf(path, value),
        }
    }

    fn leaf(&mut self, path: &Path, value: &Value) {
        let Some(origin) = self.origin(path) else {
            let is_empty = matches!(value, Value::Array(items) if items.is_empty())
                || matches!(value, Value::Object(map) if map.is_empty())
                || value.as_str().is_some_and(str::is_empty);
            if !is_empty {
                self.push(path, shown(value), "default".to_owned());
            }
            return;
        };
        let hidden = HIDDEN.iter().any(|name| path.to_string().ends_with(name));
        self.push(path, if hidden { "(hidden)".to_owned() } else { shown(value) }, origin);
    }

    /// A setting that nobody gave: its documentation names the default.
    fn default(&mut self, path: &Path, schema: &Value) {
        if let Some(default) = documented_default(schema) {
            self.push(path, default.to_owned(), "default".to_owned());
        }
    }

    fn push(&mut self, path: &Path, value: String, origin: String) {
        self.settings.push(Setting { path: path.to_string(), value, origin });
    }

    fn origin(&self, path: &Path) -> Option<String> {
        self.tree.at_path(path)?;
        let at = self.tree.locate(path)?;
        let source = self.sources.get(at.source);
        let line = self.sources.line_column(at).0;
        Some(if source.name.starts_with("--") { source.name.clone() } else { format!("{}:{line}", source.name) })
    }
}

/// The schema that a reference leads to, or itself.
fn definition<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").or_else(|| schema["anyOf"].as_array()?.iter().find_map(|one| one.get("$ref")));
    let name = reference.and_then(Value::as_str).and_then(|text| text.strip_prefix("#/$defs/"));
    name.map_or(schema, |name| &root["$defs"][name])
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
