//! One key of the description, as the schema has it.

use crate::schema::documented_default;
use serde_json::Value;

/// A key.
pub(super) struct Key<'a> {
    pub(super) path: String,
    /// Its schema.
    pub(super) about: &'a Value,
    pub(super) required: bool,
}

/// What is written as a key's value.
pub(super) enum Shape<'a> {
    /// What the definition of this name says.
    Named(&'a str),
    List(Box<Shape<'a>>),
    /// Names of one's own choice, each with a value.
    Map(Box<Shape<'a>>),
    /// A word for people.
    Plain(&'static str),
}

impl<'a> Shape<'a> {
    fn of(schema: &'a Value) -> Self {
        if let Some(name) = referenced(schema) {
            return Self::Named(name);
        }
        if let Some(name) = schema["anyOf"].as_array().into_iter().flatten().find_map(referenced) {
            return Self::Named(name);
        }
        let is = |name: &str| {
            schema["type"] == name || schema["type"].as_array().is_some_and(|types| types.iter().any(|one| one == name))
        };
        match () {
            () if is("array") => Self::List(Box::new(Self::of(&schema["items"]))),
            () if is("object") => Self::Map(Box::new(Self::of(&schema["additionalProperties"]))),
            () if is("boolean") => Self::Plain("boolean"),
            () if is("integer") => Self::Plain("number"),
            () => Self::Plain("text"),
        }
    }

    /// The name of the definition of the value or its elements.
    pub(super) fn name(&self) -> Option<&'a str> {
        match self {
            Self::Named(name) => Some(name),
            Self::List(element) | Self::Map(element) => element.name(),
            Self::Plain(_) => None,
        }
    }
}

impl<'a> Key<'a> {
    pub(super) fn shape(&self) -> Shape<'a> {
        Shape::of(self.about)
    }

    /// The path below which the keys of its value, or of its elements, stand.
    pub(super) fn path_of_element(&self) -> String {
        match self.shape() {
            Shape::List(_) => format!("{}[]", self.path),
            Shape::Map(_) => format!("{}.<name>", self.path),
            _ => self.path.clone(),
        }
    }

    /// What holds where nobody sets the key.
    pub(super) fn default(&self) -> String {
        if self.required {
            return "required".to_owned();
        }
        match (documented_default(self.about), &self.about["default"]) {
            (Some(default), _) => format!("`{default}`"),
            (None, Value::String(text)) if !text.is_empty() => format!("`{text}`"),
            (None, value @ (Value::Bool(_) | Value::Number(_))) => format!("`{value}`"),
            _ => String::new(),
        }
    }

    /// Sentences: what it is, and the values to choose from. The default has a column of its own.
    pub(super) fn what(&self, root: &Value) -> String {
        let mut what = text(self.about);
        if let Some(default) = documented_default(self.about) {
            for sentence in [format!(" Default `{default}`."), format!(" Default {default}.")] {
                what = what.replace(&sentence, "");
            }
        }
        let choices = self.shape().name().map(|name| choices(&root["$defs"][name])).unwrap_or_default();
        if !choices.is_empty() {
            what += &format!(" One of {}.", choices.join("; "));
        }
        what
    }
}

/// The values of a choice, each with what it means.
fn choices(definition: &Value) -> Vec<String> {
    let each = definition["oneOf"].as_array().into_iter().flatten();
    each.filter_map(|one| Some(format!("`{}`: {}", one["const"].as_str()?, text(one).trim_end_matches('.')))).collect()
}

/// The name of the definition that a schema refers to.
pub(super) fn referenced(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

/// Whether a definition is of something with keys.
pub(super) fn is_object(definition: &Value) -> bool {
    definition["properties"].is_object()
}

/// A description as one line of a table.
pub(super) fn text(schema: &Value) -> String {
    schema["description"]
        .as_str()
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
