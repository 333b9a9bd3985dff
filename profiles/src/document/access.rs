//! Serde's view of what lies in a list or a map. Values that failed before are passed over here.

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::decode::Context;
use super::deserializer::Deserializer;
use super::failure::Failure;
use super::node::{Entry, Node, Value};
use super::path::Segment;

/// Decodes a value one step deeper and notes where a failure arose.
fn descend<'a, S: DeserializeSeed<'a>>(
    seed: S,
    segment: Segment,
    node: &'a Node,
    context: &'a Context,
) -> Result<S::Value, Failure> {
    let in_list = matches!(segment, Segment::Index(_));
    context.path.borrow_mut().push(segment);
    let decoded = seed.deserialize(Deserializer::new(node, context));
    let decoded = decoded.map_err(|failure| context.blame(failure, node, in_list));
    context.path.borrow_mut().pop();
    decoded
}

/// The items of a list.
pub(super) struct Items<'a> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
    context: &'a Context,
}

impl<'a> Items<'a> {
    pub(super) fn new(items: &'a [Node], context: &'a Context) -> Self {
        Self { items: items.iter().enumerate(), context }
    }
}

impl<'a> de::SeqAccess<'a> for Items<'a> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        let context = self.context;
        let found = self.items.find(|(index, item)| !context.passes_over(item, &Segment::Index(*index)));
        let Some((index, item)) = found else { return Ok(None) };
        descend(seed, Segment::Index(index), item, context).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The entries of a map; with the settings that a type knows, those of other names are reported and passed over.
pub(super) struct Settings<'a> {
    entries: std::slice::Iter<'a, Entry>,
    current: Option<&'a Entry>,
    known: Known,
    context: &'a Context,
}

/// What is known about the keys of a map.
#[derive(Clone, Copy)]
pub(super) enum Known {
    /// These are all.
    Keys(&'static [&'static str]),
    /// Any key; one without a value counts as absent.
    Any,
    /// Any key with any value, nothing included.
    Free,
}

impl<'a> Settings<'a> {
    pub(super) fn new(entries: &'a [Entry], known: Known, context: &'a Context) -> Self {
        Self { entries: entries.iter(), current: None, known, context }
    }

    fn is_offered(&self, entry: &Entry) -> bool {
        match self.known {
            Known::Keys(known) if !known.contains(&entry.key.as_str()) => {
                self.context.unknown_key(entry, known);
                return false;
            }
            Known::Keys(_) | Known::Any if entry.value.value == Value::Null => return false,
            Known::Keys(_) | Known::Any | Known::Free => {}
        }
        !self.context.passes_over(&entry.value, &Segment::Key(entry.key.clone()))
    }
}

impl<'a> de::MapAccess<'a> for Settings<'a> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        loop {
            let Some(entry) = self.entries.next() else { return Ok(None) };
            if !self.is_offered(entry) {
                continue;
            }
            self.current = Some(entry);
            let key = seed.deserialize(entry.key.as_str().into_deserializer());
            return key.map(Some).map_err(|failure: Failure| {
                self.context.path.borrow_mut().push(Segment::Key(entry.key.clone()));
                let failure = self.context.blame(failure, &entry.value, false).at_key(entry.key_at);
                self.context.path.borrow_mut().pop();
                failure
            });
        }
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let Some(entry) = self.current.take() else {
            return Err(Failure::wrong("a value was asked for without its key"));
        };
        descend(seed, Segment::Key(entry.key.clone()), &entry.value, self.context)
    }
}

/// A choice with content, written as a map with one key.
pub(super) struct Choice<'a> {
    entry: &'a Entry,
    context: &'a Context,
}

impl<'a> Choice<'a> {
    pub(super) fn new(entry: &'a Entry, context: &'a Context) -> Self {
        Self { entry, context }
    }

    fn content<T>(self, decode: impl FnOnce(Deserializer<'a>) -> Result<T, Failure>) -> Result<T, Failure> {
        self.context.path.borrow_mut().push(Segment::Key(self.entry.key.clone()));
        let decoded = decode(Deserializer::new(&self.entry.value, self.context));
        let decoded = decoded.map_err(|failure| self.context.blame(failure, &self.entry.value, false));
        self.context.path.borrow_mut().pop();
        decoded
    }
}

impl<'a> de::EnumAccess<'a> for Choice<'a> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'a>>(self, seed: S) -> Result<(S::Value, Self), Failure> {
        let variant = seed.deserialize(self.entry.key.as_str().into_deserializer())?;
        Ok((variant, self))
    }
}

impl<'a> de::VariantAccess<'a> for Choice<'a> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        self.content(<() as de::Deserialize>::deserialize)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'a>>(self, seed: S) -> Result<S::Value, Failure> {
        self.content(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'a>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.content(|content| de::Deserializer::deserialize_tuple(content, length, visitor))
    }

    fn struct_variant<V: Visitor<'a>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Failure> {
        self.content(|content| de::Deserializer::deserialize_struct(content, "", fields, visitor))
    }
}
