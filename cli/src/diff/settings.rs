//! Texts of several formats as settings by name, so that all of them are compared alike.

use super::change::What;
use kfimg_profiles::document::{self, Node, Sources};
use kfimg_profiles::problem::Report;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A setting's value. A list of one item is compared as that item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Setting {
    /// One text.
    One(String),
    /// A list of texts.
    Many(Vec<String>),
}

/// Settings by name.
pub(super) type Settings = BTreeMap<String, Setting>;

/// Texts longer than this, or of several lines, are not repeated.
const LONGEST: usize = 400;

/// What differs, by name.
pub(super) fn compare(old: &Settings, new: &Settings) -> Vec<(String, What)> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = |name: &&String| difference(old.get(*name), new.get(*name)).map(|what| ((*name).clone(), what));
    names.iter().filter_map(changed).collect()
}

fn difference(old: Option<&Setting>, new: Option<&Setting>) -> Option<What> {
    if let (Some(old), Some(new)) = (old, new)
        && let (old, new) = (old.items(), new.items())
        && (old.len() != 1 || new.len() != 1)
    {
        return What::of_items(&old, &new);
    }
    let (old, new) = (old.map(Setting::text), new.map(Setting::text));
    if old == new {
        return None;
    }
    let is_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > LONGEST || text.contains('\n'));
    match (&old, &new) {
        _ if !is_long(&old) && !is_long(&new) => What::of(old.as_deref(), new.as_deref()),
        (Some(_), Some(_)) => Some(What::Replaced),
        (None, _) => Some(What::Added { to: None }),
        (_, None) => Some(What::Removed { from: None }),
    }
}

impl Setting {
    fn text(&self) -> String {
        match self {
            Self::One(text) => text.clone(),
            Self::Many(items) => items.join(", "),
        }
    }

    fn items(&self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text.clone()],
            Self::Many(items) => items.clone(),
        }
    }
}

/// A YAML text of one document; scalars are texts as they were written. `None` when it can't be read.
pub(super) fn yaml(text: &str) -> Option<Value> {
    let (mut sources, mut report) = (Sources::new(), Report::new());
    let source = sources.add("", "", Path::new(""), text);
    document::parse_one(&sources, source, &mut report).map(|node| as_written(&node))
}

fn as_written(node: &Node) -> Value {
    match &node.value {
        document::Value::Null => Value::Null,
        document::Value::Scalar { text, .. } => Value::String(text.clone()),
        document::Value::Sequence(items) => Value::Array(items.iter().map(as_written).collect()),
        document::Value::Mapping(entries) => {
            let pairs = entries.iter().map(|entry| (entry.key.clone(), as_written(&entry.value)));
            Value::Object(pairs.collect::<Map<String, Value>>())
        }
    }
}

/// A value as settings: keys with dots between them, items of lists by their `name` or `key`, else by number.
pub(super) fn flatten(value: &Value) -> Settings {
    let mut settings = Settings::new();
    flatten_into(value, String::new(), &mut settings);
    settings
}

fn flatten_into(value: &Value, name: String, settings: &mut Settings) {
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| flatten_into(value, below(key), settings));
        }
        Value::Array(items) if items.iter().all(is_scalar) => {
            settings.insert(name, Setting::Many(items.iter().map(scalar).collect()));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let label = ["name", "key", "mountPath"].iter().find_map(|key| item[*key].as_str());
                let label = label.map_or_else(|| (index + 1).to_string(), str::to_owned);
                flatten_into(item, format!("{name}[{label}]"), settings);
            }
        }
        value => {
            settings.insert(name, Setting::One(scalar(value)));
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Sections with `key = value` in them, as systemd and TOML have them: `[Section] key`. A key that stands more than once is a
/// list. Comments are passed over; what is neither is a line of its own.
pub(super) fn sections(text: &str) -> Settings {
    let joined = text.replace("\\\n", " ");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut section = String::new();
    for line in joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])) {
        if line.starts_with('[') && line.ends_with(']') {
            section = format!("{line} ");
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let words = value.split_whitespace().collect::<Vec<_>>().join(" ");
        found.entry(format!("{section}{}", key.trim())).or_default().push(words);
    }
    let setting = |(name, mut values): (String, Vec<String>)| match values.len() {
        1 => (name, one_or_array(values.remove(0))),
        _ => (name, Setting::Many(values)),
    };
    found.into_iter().map(setting).collect()
}

/// TOML's texts and arrays of texts without their quotes.
fn one_or_array(text: String) -> Setting {
    match serde_json::from_str(&text) {
        Ok(Value::String(text)) => Setting::One(text),
        Ok(Value::Array(items)) if items.iter().all(is_scalar) => Setting::Many(items.iter().map(scalar).collect()),
        _ => Setting::One(text),
    }
}

/// Every line that is no comment, in order.
pub(super) fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{What, compare, flatten, sections, yaml};

    fn words(changes: Vec<(String, What)>) -> Vec<String> {
        changes.into_iter().map(|(name, what)| format!("{name} {what:?}")).collect()
    }

    #[test]
    fn yaml_is_compared_by_names_and_as_it_was_written() {
        let read = |text: &str| flatten(&yaml(text).unwrap());
        let old = read("a: 010\nlist: [x, y]\npods:\n- {name: p, v: 1}\n- {name: q}\ngone: {}\n");
        let new = read("a: 8\nlist: [y, z]\npods:\n- {name: q}\n- {name: p, v: 2}\nlong: |\n  a\n  b\n");
        assert_eq!(
            words(compare(&old, &new)),
            [
                r#"a Changed { from: "010", to: "8" }"#,
                r#"gone Removed { from: Some("{}") }"#,
                r#"list Items { added: ["z"], removed: ["x"] }"#,
                r#"long Added { to: None }"#,
                r#"pods[p].v Changed { from: "1", to: "2" }"#,
            ]
        );
    }

    #[test]
    fn sections_know_continued_lines_repeated_keys_and_tomls_values() {
        let old =
            sections("# x\n[Service]\nExecStart=/bin/a \\\n    --b\nAfter=x\nAfter=y\n[p.'q']\nca = [\"a\", \"b\"]\n");
        let new = sections("[Service]\nExecStart=/bin/a   --b\nAfter=y\n[p.'q']\nca = [\"a\"]\ns = \"t\"\n");
        assert_eq!(
            words(compare(&old, &new)),
            [
                r#"[Service] After Items { added: [], removed: ["x"] }"#,
                r#"[p.'q'] ca Items { added: [], removed: ["b"] }"#,
                r#"[p.'q'] s Added { to: Some("t") }"#,
            ]
        );
    }
}
