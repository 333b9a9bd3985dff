//! The forms of flag values, as the components' own flag library reads them.
//!
//! Only the form is checked: whether a file exists or a name means anything is not known here.

use std::net::IpAddr;

/// Type of a flag's value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Bool,
    Int32,
    Int64,
    Uint,
    Float,
    Duration,
    Ip,
    /// Comma-separated; a repeated flag adds to it.
    List,
    /// Comma-separated `key=value`; a repeated flag adds to it.
    Map,
    Text,
}

/// The names of the forms in the lists of known flags.
const NAMES: [(&str, Form); 10] = [
    ("bool", Form::Bool),
    ("int32", Form::Int32),
    ("int64", Form::Int64),
    ("uint", Form::Uint),
    ("float", Form::Float),
    ("duration", Form::Duration),
    ("ip", Form::Ip),
    ("list", Form::List),
    ("map", Form::Map),
    ("text", Form::Text),
];

impl Form {
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
    }

    pub(super) fn is_repeatable(self) -> bool {
        matches!(self, Self::List | Self::Map)
    }

    /// Whether a component would read the value; the error says what it expects.
    pub(super) fn check(self, value: &str) -> Result<(), &'static str> {
        let (good, expected) = match self {
            Self::Bool => (boolean(value).is_some(), "`true` or `false`"),
            Self::Int32 => (integer(value).is_some_and(|n| i32::try_from(n).is_ok()), "a whole number of 32 bits"),
            Self::Int64 => (integer(value).is_some_and(|n| i64::try_from(n).is_ok()), "a whole number"),
            Self::Uint => (integer(value).is_some_and(|n| u64::try_from(n).is_ok()), "a whole number, not negative"),
            Self::Float => (value.parse::<f64>().is_ok(), "a number"),
            Self::Duration => (seconds(value).is_some(), "a duration such as `10s`, `5m` or `1h30m`"),
            Self::Ip => (value.is_empty() || value.parse::<IpAddr>().is_ok(), "an IP address"),
            Self::List | Self::Map | Self::Text => (true, ""),
        };
        if good { Ok(()) } else { Err(expected) }
    }
}

/// Go's `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Go's `strconv.ParseInt` with base 0: decimal, `0x`, `0o`, `0` and `0b`.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixes = [("0x", 16), ("0o", 8), ("0b", 2), ("0", 8)];
    let based = prefixes.iter().find_map(|(prefix, base)| Some((lower.strip_prefix(prefix)?, *base)));
    let (digits, base) = based.filter(|(digits, _)| !digits.is_empty()).unwrap_or((lower.as_str(), 10));
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    i128::from_str_radix(digits, base).ok()?.checked_mul(sign)
}

/// Units of Go's `time.ParseDuration`, in seconds; longer spellings first.
const UNITS: [(&str, f64); 8] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("μs", 1e-6), ("ms", 1e-3), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];

/// Go's `time.ParseDuration`, in seconds: signs and fractions count, and a bare `0`.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Some(0.0);
    }
    if unsigned.is_empty() {
        return None;
    }
    let mut rest = unsigned;
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let (unit, length) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        total += amount * length;
    }
    Some(if text.starts_with('-') { -total } else { total })
}

/// The entries of a comma-separated value, without spaces around them and without empty ones.
pub(super) fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}
