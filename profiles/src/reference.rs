//! The reference of the description: every key with its type, its default, what it is and which profiles set it, as Markdown.
//!
//! It is the JSON Schema for people to read. What the schema does not say is not here: a key is explained where it is declared.

mod examples;
mod key;

use crate::schema::schema;
use examples::Examples;
use key::{Key, Shape, is_object, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const INTRODUCTION: &str = "\
# The description, key by key

Everything that a site file can say. `kfimg schema` prints the same for programs, and `kfimg init` writes the schema beside a site file,
so that editors complete and check it. This page is what `kfimg schema --markdown` prints.

A path is what `--set PATH=VALUE` takes and `kfimg validate --explain` prints. `[]` stands for an element of a list: its number from 0, or
its name where elements have names, as in `nodes[master1].address`. A list of named elements merges by name with that of the layer below,
and so do maps; any other list replaces it. Unknown keys are refused. Where no default stands the key may be left out, and nothing is set.
Addresses and names that profiles set are those of their example site.
";

/// The whole page.
pub fn reference() -> String {
    let root = schema();
    let page = Page { shared: shared(&root), examples: Examples::read(), root: &root };
    let mut out = INTRODUCTION.to_owned();
    let (sections, plain): (Vec<_>, Vec<_>) = page.keys(&root, "").into_iter().partition(|key| page.opens_section(key));
    page.table(&mut out, "The cluster", "", plain);
    for key in sections {
        let keys = page.inner(&key).map_or_else(Vec::new, |object| page.below(object, &key.path_of_element()));
        page.table(&mut out, &format!("`{}`", key.path), &text(key.about), keys);
    }
    let (objects, values): (Vec<_>, Vec<_>) = page
        .shared
        .iter()
        .map(|name| (*name, page.definition(name)))
        .partition(|(_, definition)| is_object(definition));
    for (name, definition) in objects {
        page.table(&mut out, name, &text(definition), page.below(definition, ""));
    }
    out += "\n## Values\n\n| type | what is written |\n|---|---|\n";
    for (name, definition) in values {
        out += &format!("| {name} | {} |\n", text(definition));
    }
    out
}

/// Names of the definitions that are explained once, in a place of their own: objects that stand in more than one place, and
/// values with a syntax.
fn shared(root: &Value) -> Vec<&str> {
    let mut uses = BTreeMap::new();
    count(root, &mut uses);
    let definitions = root["$defs"].as_object().into_iter().flatten();
    let is_shared = |(name, definition): &(&String, &Value)| {
        if is_object(definition) {
            uses.get(name.as_str()).is_some_and(|uses| *uses > 1)
        } else {
            definition["type"] == "string"
        }
    };
    definitions.filter(is_shared).map(|(name, _)| name.as_str()).collect()
}

fn count<'a>(schema: &'a Value, uses: &mut BTreeMap<&'a str, usize>) {
    match schema {
        Value::Object(entries) => {
            if let Some(name) = key::referenced(schema) {
                *uses.entry(name).or_default() += 1;
            }
            entries.values().for_each(|value| count(value, uses));
        }
        Value::Array(items) => items.iter().for_each(|item| count(item, uses)),
        _ => {}
    }
}

struct Page<'a> {
    root: &'a Value,
    shared: Vec<&'a str>,
    examples: Examples,
}

impl<'a> Page<'a> {
    fn definition(&self, name: &str) -> &'a Value {
        &self.root["$defs"][name]
    }

    /// The object that a key or its elements are, unless it is explained elsewhere.
    fn inner(&self, key: &Key<'a>) -> Option<&'a Value> {
        let name = key.shape().name()?;
        let definition = self.definition(name);
        (is_object(definition) && !self.shared.contains(&name)).then_some(definition)
    }

    fn opens_section(&self, key: &Key<'a>) -> bool {
        self.inner(key).is_some()
    }

    /// The keys of an object.
    fn keys(&self, object: &'a Value, above: &str) -> Vec<Key<'a>> {
        let required: Vec<&str> =
            object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let path = |name: &str| if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        let properties = object["properties"].as_object().into_iter().flatten();
        properties
            .map(|(name, about)| Key { path: path(name), about, required: required.contains(&name.as_str()) })
            .collect()
    }

    /// The keys of an object, each followed by those below it.
    fn below(&self, object: &'a Value, above: &str) -> Vec<Key<'a>> {
        let with_inner = |key: Key<'a>| {
            let inner = self.inner(&key).map_or_else(Vec::new, |inner| self.below(inner, &key.path_of_element()));
            std::iter::once(key).chain(inner)
        };
        self.keys(object, above).into_iter().flat_map(with_inner).collect()
    }

    fn table(&self, out: &mut String, title: &str, about: &str, keys: Vec<Key<'a>>) {
        let about = if about.is_empty() { String::new() } else { format!("{about}\n\n") };
        *out += &format!("\n## {title}\n\n{about}| key | type | default | what it is |\n|---|---|---|---|\n");
        for key in keys {
            let set = self.examples.sentence(title, &key.path);
            let what = [key.what(self.root), set].concat();
            let _ = writeln!(out, "| `{}` | {} | {} | {what} |", key.path, self.kind(&key.shape()), key.default());
        }
    }

    fn kind(&self, shape: &Shape<'a>) -> String {
        match shape {
            Shape::Plain(word) => (*word).to_owned(),
            Shape::List(element) => format!("list of {}", self.kinds(element)),
            Shape::Map(element) => format!("map of {}", self.kinds(element)),
            Shape::Named(name) if !self.shared.contains(name) && is_object(self.definition(name)) => {
                "object".to_owned()
            }
            Shape::Named(name) if !self.shared.contains(name) => "choice".to_owned(),
            Shape::Named(name) if is_object(self.definition(name)) => format!("[{name}](#{})", name.to_lowercase()),
            Shape::Named(name) => format!("[{name}](#values)"),
        }
    }

    fn kinds(&self, shape: &Shape<'a>) -> String {
        match shape {
            Shape::List(element) => format!("lists of {}", self.kinds(element)),
            _ => match self.kind(shape) {
                linked if linked.starts_with('[') => linked,
                word => word + "s",
            },
        }
    }
}
