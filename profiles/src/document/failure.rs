//! Why a value could not become what its setting expects, in the words of people.
//!
//! Messages of libraries are translated here by a table; those of this project's own types pass as they are.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::node::{Node, Value};
use super::path::Path;
use super::source::Location;

/// The first failure of one attempt to decode.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    /// The innermost value that was being decoded; set on the way out.
    pub(super) value: Option<FailedValue>,
}

#[derive(Debug)]
pub(super) enum Cause {
    /// The value is wrong.
    Wrong { message: String, help: Option<String> },
    /// A library could not read the value; this is what it expected.
    Unparsed(&'static str),
    /// A map lacks an entry that it must have.
    Missing(&'static str),
}

#[derive(Debug)]
pub(super) struct FailedValue {
    pub(super) identity: Identity,
    pub(super) path: Path,
    pub(super) at: Location,
    pub(super) in_list: bool,
}

/// Tells values apart by where they were written: what aliases and `nodeDefaults` repeat is one value. The second part tells
/// a map from its only value, which may begin and end with it.
pub(super) type Identity = (Location, u8);

/// The identity of a value.
pub(super) fn identity(node: &Node) -> Identity {
    let kind = match node.value {
        Value::Null => 0,
        Value::Scalar { .. } => 1,
        Value::Sequence(_) => 2,
        Value::Mapping(_) => 3,
    };
    (node.at, kind)
}

/// Part of a library's message, and what we say instead.
const TRANSLATIONS: [(&str, &str); 7] = [
    ("invalid IP address syntax", "an IPv4 or IPv6 address such as 192.168.49.151"),
    ("invalid IPv4 address syntax", "an IPv4 address such as 192.168.49.151"),
    ("invalid IPv6 address syntax", "an IPv6 address such as fd00:49::151"),
    ("invalid socket address syntax", "an address and a port such as 192.168.49.151:6443"),
    ("invalid IP network address syntax", "a range such as 10.244.0.0/16 or fd00:10::/56"),
    ("invalid IPv4 network address syntax", "a range such as 10.244.0.0/16"),
    ("invalid IPv6 network address syntax", "a range such as fd00:10::/56"),
];

impl Failure {
    pub(super) fn wrong(message: impl Into<String>) -> Self {
        Self { cause: Cause::Wrong { message: message.into(), help: None }, value: None }
    }

    pub(super) fn expected(expected: &str, node: &Node) -> Self {
        Self::wrong(format!("expected {expected}, found {}", node.value.describe()))
    }

    /// Points at a key instead of its value.
    pub(super) fn at_key(mut self, key_at: Location) -> Self {
        if let Some(value) = &mut self.value {
            value.at = key_at;
        }
        self
    }

    pub(super) fn help(mut self, words: impl Into<String>) -> Self {
        if let Cause::Wrong { help, .. } = &mut self.cause {
            *help = Some(words.into());
        }
        self
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Wrong { message, .. } => f.write_str(message),
            Cause::Unparsed(expected) => write!(f, "expected {expected}"),
            Cause::Missing(key) => write!(f, "`{key}` is missing"),
        }
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: Display>(message: T) -> Self {
        let message = message.to_string();
        match TRANSLATIONS.iter().find(|(theirs, _)| message.contains(theirs)) {
            Some((_, ours)) => Self { cause: Cause::Unparsed(ours), value: None },
            None => Self::wrong(message),
        }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong(format!("expected {expected}, found {unexpected}"))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong(format!("expected {expected}, found {unexpected}"))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::wrong(format!("expected {expected}, found {length} items"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { cause: Cause::Missing(field), value: None }
    }
}
