//! Serde's view of a node: the expected type decides what a scalar means.
//!
//! Which failures are reported, and how often, is `decode`'s matter.

use serde::de::{self, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{Choice, Items, Known, Settings};
use super::decode::{Context, counts_as_nothing, list};
use super::failure::Failure;
use super::node::{Node, Value};
use super::scalar::{self, Resolved};
use super::suggest::did_you_mean;

const NOTHING: Value = Value::Null;

#[derive(Clone, Copy)]
pub(super) struct Deserializer<'a> {
    pub(super) node: &'a Node,
    pub(super) context: &'a Context,
}

impl<'a> Deserializer<'a> {
    pub(super) fn new(node: &'a Node, context: &'a Context) -> Self {
        Self { node, context }
    }

    fn value(&self) -> &'a Value {
        if counts_as_nothing(self.node, self.context) { &NOTHING } else { &self.node.value }
    }

    fn expected(&self, expected: &str) -> Failure {
        Failure::expected(expected, self.node)
    }

    fn integer(&self, least: i128, most: i128) -> Result<i128, Failure> {
        let expected = format!("a whole number from {least} to {most}");
        let (text, plain) = match self.value() {
            Value::Null => return Ok(0.clamp(least, most)),
            Value::Scalar { text, plain } => (text.as_str(), *plain),
            _ => return Err(self.expected(&expected)),
        };
        let digits = text.strip_prefix('-').unwrap_or(text);
        let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if decimal && !plain {
            return Err(self.expected(&expected).help(format!("write {text} without quotes")));
        }
        if decimal && digits.len() > 1 && digits.starts_with('0') {
            return Err(self.expected(&expected).help("write the number without leading zeros"));
        }
        let number = text.parse().ok().filter(|number| decimal && (least..=most).contains(number));
        number.ok_or_else(|| self.expected(&expected))
    }

    fn text_or(&self, expected: &str) -> Result<&'a str, Failure> {
        match self.value() {
            Value::Null => Ok(""),
            Value::Scalar { text, .. } => Ok(text),
            _ => Err(self.expected(expected)),
        }
    }

    fn settings<V: Visitor<'a>>(self, visitor: V, known: Known) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Null => visitor.visit_map(Settings::new(&[], known, self.context)),
            Value::Mapping(entries) => visitor.visit_map(Settings::new(entries, known, self.context)),
            Value::Scalar { .. } | Value::Sequence(_) => Err(self.expected("a map (`key: value`)")),
        }
    }

    fn items<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Null => visitor.visit_seq(Items::new(&[], self.context)),
            Value::Sequence(items) => visitor.visit_seq(Items::new(items, self.context)),
            // A truth value is nobody's item.
            Value::Scalar { text, plain } if !(*plain && matches!(text.as_str(), "true" | "false")) => {
                Err(self.expected("a list").help(format!("write `[{text}]`")))
            }
            Value::Scalar { .. } | Value::Mapping(_) => Err(self.expected("a list").help("start each item with `- `")),
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ident)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
            let number = self.integer(i128::from($type::MIN), i128::from($type::MAX))?;
            let number = $type::try_from(number).map_err(|_| self.expected("a whole number"))?;
            visitor.$visit(number)
        }
    )*};
}

impl<'a> de::Deserializer<'a> for Deserializer<'a> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Null => visitor.visit_unit(),
            Value::Sequence(_) => self.items(visitor),
            Value::Mapping(_) => self.settings(visitor, Known::Free),
            Value::Scalar { text, plain: false } => visitor.visit_str(text),
            Value::Scalar { text, plain: true } => match scalar::resolve(text) {
                Resolved::Null => visitor.visit_unit(),
                Resolved::Boolean(truth) => visitor.visit_bool(truth),
                Resolved::Unsigned(number) => visitor.visit_u64(number),
                Resolved::Signed(number) => visitor.visit_i64(number),
                Resolved::Float(number) => visitor.visit_f64(number),
                Resolved::Text => visitor.visit_str(text),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Null => visitor.visit_bool(false),
            Value::Scalar { text, plain: true } if text == "true" => visitor.visit_bool(true),
            Value::Scalar { text, plain: true } if text == "false" => visitor.visit_bool(false),
            Value::Scalar { text, .. } => {
                let failure = self.expected("`true` or `false`");
                Err(match text.to_lowercase().as_str() {
                    "true" | "yes" | "on" | "y" | "1" => failure.help("write `true`"),
                    "false" | "no" | "off" | "n" | "0" => failure.help("write `false`"),
                    _ => failure,
                })
            }
            _ => Err(self.expected("`true` or `false`")),
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
    }

    fn deserialize_f64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Null => visitor.visit_f64(0.0),
            Value::Scalar { text, plain: true } => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => visitor.visit_f64(number),
                _ => Err(self.expected("a number")),
            },
            _ => Err(self.expected("a number")),
        }
    }

    fn deserialize_f32<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.text_or("text")?)
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.text_or("one character")?)
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        if *self.value() == NOTHING { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        if *self.value() == NOTHING { visitor.visit_unit() } else { Err(self.expected("nothing")) }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.items(visitor)
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.items(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.settings(visitor, Known::Any)
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.settings(visitor, Known::Keys(fields))
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let expected = || self.expected(&format!("one of {}", list(variants)));
        match self.value() {
            Value::Scalar { text, .. } if variants.contains(&text.as_str()) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            Value::Scalar { text, .. } => Err(match did_you_mean(text, variants.iter().copied()) {
                Some(meant) => expected().help(format!("did you mean `{meant}`?")),
                None => expected(),
            }),
            Value::Mapping(entries) => match entries.as_slice() {
                [entry] if variants.contains(&entry.key.as_str()) => {
                    visitor.visit_enum(Choice::new(entry, self.context))
                }
                _ => Err(expected()),
            },
            Value::Null | Value::Sequence(_) => Err(expected()),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { <V: Visitor<'a>> bytes byte_buf unit_struct tuple_struct i128 u128 }
}
