//! The tree itself: values, and where each was written.
//!
//! Nodes know neither the layer rules nor the types that they are decoded to.

use super::path::{Path, Segment};
use super::source::Location;

/// A value and the place where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What was written.
    pub value: Value,
    /// Where it was written. For what an alias repeats: where the anchor stands.
    pub at: Location,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`, unquoted.
    Null,
    /// Anything else that is neither a list nor a map, as the text that was written.
    Scalar {
        /// The text after escapes are resolved.
        text: String,
        /// Whether it stood without quotes, so that `1` and `true` may be a number and a truth value.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A map in the order in which it was written, without duplicate keys.
    Mapping(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The text of the key.
    pub key: String,
    /// Where the key was written.
    pub key_at: Location,
    /// The value.
    pub value: Node,
}

impl Value {
    /// What people call it: `a list`, `` `foo` ``.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Scalar { text, .. } if text.is_empty() => "an empty text".to_owned(),
            Self::Scalar { text, plain } => describe_text(text, *plain),
            Self::Sequence(_) => "a list".to_owned(),
            Self::Mapping(_) => "a map".to_owned(),
        }
    }
}

fn describe_text(text: &str, plain: bool) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    if plain { format!("`{shown}`") } else { format!("the text `{shown}`") }
}

impl Node {
    /// A text value that was written without quotes.
    #[must_use]
    pub fn plain(text: &str, at: Location) -> Self {
        Self { value: Value::Scalar { text: text.to_owned(), plain: true }, at }
    }

    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The entry of a map with this key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The value of a map's key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The entries of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The item of a list that has this `name`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<usize> {
        self.items().iter().position(|item| item.get("name").and_then(Node::text) == Some(name))
    }

    /// Where to point for a path: a scalar itself; of a list or a map the key that holds it; for what is absent the closest
    /// thing around it. `None` when that is the root.
    #[must_use]
    pub fn locate(&self, path: &Path) -> Option<Location> {
        self.walk(path).map(|step| match step.node.value {
            Value::Sequence(_) | Value::Mapping(_) | Value::Null => step.key_at.unwrap_or(step.node.at),
            Value::Scalar { .. } => step.node.at,
        })
    }

    /// Where the key of a path stands; of a list item and of what is absent as [`Node::locate`].
    #[must_use]
    pub fn locate_key(&self, path: &Path) -> Option<Location> {
        self.walk(path).map(|step| step.key_at.unwrap_or(step.node.at))
    }

    /// The node at a path.
    #[must_use]
    pub fn at_path(&self, path: &Path) -> Option<&Node> {
        path.segments().iter().try_fold(self, |node, segment| node.step(segment).map(|step| step.node))
    }

    fn walk(&self, path: &Path) -> Option<Step<'_>> {
        let mut reached: Option<Step<'_>> = None;
        let mut node = self;
        for segment in path.segments() {
            let Some(step) = node.step(segment) else { break };
            node = step.node;
            reached = Some(step);
        }
        reached
    }

    fn step(&self, segment: &Segment) -> Option<Step<'_>> {
        match segment {
            Segment::Key(key) => self.entry(key).map(|entry| Step { node: &entry.value, key_at: Some(entry.key_at) }),
            Segment::Index(index) => self.items().get(*index).map(Step::item),
            Segment::Named(name) => self.items().get(self.named(name)?).map(Step::item),
        }
    }
}

struct Step<'a> {
    node: &'a Node,
    key_at: Option<Location>,
}

impl<'a> Step<'a> {
    fn item(node: &'a Node) -> Self {
        // A list item that is a map is named by its first key: `- name: master1`.
        let key_at = node.entries().first().map(|entry| entry.key_at);
        Self { node, key_at }
    }
}
