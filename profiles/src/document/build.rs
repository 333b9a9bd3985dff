//! Parser events to nodes, with an own stack, so that no input can exhaust the thread's.
//!
//! Bounds: depth, number of nodes and bytes after aliases are expanded (the nodes kept for anchors count as well).

use std::collections::BTreeMap;

use granit_parser::{ErrorKind, Event, ScalarStyle, Tag};

use super::node::{Entry, Node, Value};
use super::parse::{MAX_DEPTH, MAX_INPUT_BYTES, MAX_NODES};
use super::scalar;
use super::source::{Location, SourceId};
use super::syntax;
use crate::problem::Report;

/// The text cannot be read further; the report says why.
#[derive(Debug)]
pub(super) struct Stop;

/// Text that aliases may add to the input.
const MAX_TEXT_BYTES: usize = 4 * MAX_INPUT_BYTES;

pub(super) struct Builder<'a> {
    source: SourceId,
    report: &'a mut Report,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Anchor>,
    spent: Size,
    documents: Vec<Node>,
    failed: bool,
}

struct Frame {
    anchor: usize,
    start: usize,
    flow: bool,
    size_before: Size,
    /// Levels below this one, itself included.
    height: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, seen: BTreeMap<String, Location>, key: Option<Key> },
}

enum Key {
    Text(String, Location),
    /// A key that was reported; its value is left out.
    Refused,
}

struct Anchor {
    node: Node,
    size: Size,
    height: usize,
}

#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Size {
    fn since(self, before: Self) -> Self {
        Self { nodes: self.nodes - before.nodes, bytes: self.bytes - before.bytes }
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: SourceId, report: &'a mut Report) -> Self {
        Self {
            source,
            report,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            spent: Size::default(),
            documents: Vec::new(),
            failed: false,
        }
    }

    pub(super) fn finish(self) -> Option<Vec<Node>> {
        (!self.failed && self.stack.is_empty()).then_some(self.documents)
    }

    pub(super) fn syntax_error(&mut self, kind: &ErrorKind, start: usize, text: &str) -> Result<bool, Stop> {
        let end = text.get(start..).and_then(|rest| rest.chars().next()).map_or(start, |next| start + next.len_utf8());
        let at = Location::new(self.source, start, end);
        if *kind == ErrorKind::RecursionLimitExceeded {
            return Err(self.too_deep(at));
        }
        let (message, help) = syntax::explain(kind);
        let draft = self.report.error_at("yaml-syntax", at, message);
        if let Some(help) = help {
            draft.help(help);
        }
        Err(Stop)
    }

    pub(super) fn take(&mut self, event: Event<'_>, start: usize, end: usize) -> Result<(), Stop> {
        let at = Location::new(self.source, start, end);
        match event {
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag.as_deref(), at);
                let size = Size { nodes: 1, bytes: text.len() };
                self.spend(size, at)?;
                return self.complete(Node { value, at }, anchor, size, 0);
            }
            Event::SequenceStart(style, anchor, tag) => {
                let content = Content::Sequence(Vec::new());
                self.check_tag(tag.as_deref(), "seq", at);
                return self.open(content, anchor, style == granit_parser::StructureStyle::Flow, at);
            }
            Event::MappingStart(style, anchor, tag) => {
                let content = Content::Mapping { entries: Vec::new(), seen: BTreeMap::new(), key: None };
                self.check_tag(tag.as_deref(), "map", at);
                return self.open(content, anchor, style == granit_parser::StructureStyle::Flow, at);
            }
            Event::SequenceEnd | Event::MappingEnd => return self.close(end),
            Event::Alias(anchor) => return self.alias(anchor, at),
            _ => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, at: Location) -> Value {
        self.check_tag(tag, "str", at);
        let plain = style == ScalarStyle::Plain && tag.is_none();
        if plain && scalar::is_null(text) {
            return Value::Null;
        }
        Value::Scalar { text: text.to_owned(), plain }
    }

    fn check_tag(&mut self, tag: Option<&Tag>, allowed: &str, at: Location) {
        let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema_tag(allowed)) else { return };
        self.failed = true;
        self.report.error_at("unsupported-tag", at, format!("the tag `{}` is not supported", tag.original())).help(
            "leave it out: what a value means is decided by its setting; text that starts with `!` stands in quotes",
        );
    }

    fn open(&mut self, content: Content, anchor: usize, flow: bool, at: Location) -> Result<(), Stop> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(self.too_deep(at));
        }
        let size_before = self.spent;
        self.spend(Size { nodes: 1, bytes: 0 }, at)?;
        self.stack.push(Frame { anchor, start: at.start as usize, flow, size_before, height: 1, content });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let size = self.spent.since(frame.size_before);
        let (value, content_end) = match frame.content {
            Content::Sequence(items) => {
                let end = items.last().map(|item| item.at.end);
                (Value::Sequence(items), end)
            }
            Content::Mapping { entries, .. } => {
                let end = entries.last().map(|entry| entry.value.at.end.max(entry.key_at.end));
                (Value::Mapping(entries), end)
            }
        };
        let end = if frame.flow { end } else { content_end.map_or(frame.start, |end| end as usize) };
        let at = Location::new(self.source, frame.start, end);
        self.complete(Node { value, at }, frame.anchor, size, frame.height)
    }

    fn alias(&mut self, anchor: usize, at: Location) -> Result<(), Stop> {
        let Some(known) = self.anchors.get(&anchor) else {
            self.report.error_at("recursive-alias", at, "this alias stands inside the value that it repeats");
            return Err(Stop);
        };
        let (size, height) = (known.size, known.height);
        if self.stack.len() + height > MAX_DEPTH {
            return Err(self.too_deep(at));
        }
        self.spend(size, at)?;
        let node = self.anchors.get(&anchor).map(|known| known.node.clone());
        node.map_or(Ok(()), |node| self.complete(node, 0, size, height))
    }

    fn too_deep(&mut self, at: Location) -> Stop {
        self.report.error_at(
            "too-deep",
            at,
            format!("lists and maps lie more than {MAX_DEPTH} levels deep in each other"),
        );
        Stop
    }

    fn spend(&mut self, size: Size, at: Location) -> Result<(), Stop> {
        self.spent.nodes += size.nodes;
        self.spent.bytes += size.bytes;
        if self.spent.nodes <= MAX_NODES && self.spent.bytes <= MAX_TEXT_BYTES {
            return Ok(());
        }
        let message = format!(
            "the text holds more than {MAX_NODES} values or {MAX_TEXT_BYTES} bytes when its aliases are written out"
        );
        self.report.error_at("too-many-values", at, message).help("remove aliases that repeat other aliases");
        Err(Stop)
    }

    /// Puts a finished value where it belongs: into the list or map around it, or among the documents.
    fn complete(&mut self, node: Node, anchor: usize, size: Size, height: usize) -> Result<(), Stop> {
        if anchor != 0 {
            self.spend(size, node.at)?;
            self.anchors.insert(anchor, Anchor { node: node.clone(), size, height });
        }
        let Some(frame) = self.stack.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        frame.height = frame.height.max(height + 1);
        match &mut frame.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { entries, key, .. } => match key.take() {
                Some(Key::Text(key, key_at)) => entries.push(entry(key, key_at, node)),
                Some(Key::Refused) => {}
                None => self.key(&node),
            },
        }
        Ok(())
    }

    fn key(&mut self, node: &Node) {
        let at = node.at;
        let refusal = refuse_key(node);
        let Some(Frame { content: Content::Mapping { seen, key, .. }, .. }) = self.stack.last_mut() else { return };
        let text = node.text().unwrap_or_default().to_owned();
        if refusal.is_none() && !seen.contains_key(&text) {
            seen.insert(text.clone(), at);
            *key = Some(Key::Text(text, at));
            return;
        }
        if let Some((code, message, help)) = refusal {
            self.report.error_at(code, at, message).help(help);
        } else if let Some(first) = seen.get(&text) {
            let message = format!("the key `{text}` stands twice in this map");
            self.report
                .error_at("duplicate-key", at, message)
                .note_at(*first, "it was first written here")
                .help("keep one of them");
        }
        *key = Some(Key::Refused);
        self.failed = true;
    }
}

fn refuse_key(node: &Node) -> Option<(&'static str, &'static str, &'static str)> {
    match &node.value {
        Value::Scalar { text, plain: true } if text == "<<" => Some((
            "merge-key",
            "merge keys (`<<`) are not supported",
            "write the settings out, or put them into a layer of their own",
        )),
        Value::Scalar { .. } => None,
        Value::Null => Some(("empty-key", "a key is missing in front of this `:`", "write `key: value`")),
        Value::Sequence(_) | Value::Mapping(_) => {
            Some(("complex-key", "a list or a map cannot be a key", "put text that starts with `{` or `[` in quotes"))
        }
    }
}

fn entry(key: String, key_at: Location, mut value: Node) -> Entry {
    if value.value == Value::Null && value.at.start == value.at.end {
        value.at = key_at;
    }
    Entry { key, key_at, value }
}
