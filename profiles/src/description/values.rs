//! Values that parse at the door: each type accepts one written form and says in its error what that form is.
//!
//! No value here knows about another one.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// Why a written value is not of its form: what was expected, with an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found `{found}`")]
pub struct ValueError {
    expected: &'static str,
    found: String,
}

fn wrong(expected: &'static str, found: &str) -> ValueError {
    ValueError { expected, found: found.to_owned() }
}

/// Reads and writes a value through its text form.
macro_rules! text_value {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = ValueError;
            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

/// A Kubernetes version: `v1.36.3`, the `v` may be left out. Pre-releases are not accepted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct KubernetesVersion {
    /// Always 1 today.
    pub major: u32,
    /// The minor version, such as 36.
    pub minor: u32,
    /// The patch version, such as 3.
    pub patch: u32,
}

impl FromStr for KubernetesVersion {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = || wrong("a Kubernetes version such as v1.36.3", text);
        let plain = |part: &str| !part.is_empty() && part.len() < 6 && part.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Vec<&str> = text.strip_prefix('v').unwrap_or(text).split('.').collect();
        let [major, minor, patch] = parts[..] else { return Err(error()) };
        if ![major, minor, patch].into_iter().all(plain) {
            return Err(error());
        }
        let number = |part: &str| part.parse().map_err(|_| error());
        Ok(Self { major: number(major)?, minor: number(minor)?, patch: number(patch)? })
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}
text_value!(KubernetesVersion);

/// A length of time in Go's notation: `10s`, `6h`, `26280h`, `1h30m`. Whole milliseconds; not negative.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct GoDuration(Duration);

impl GoDuration {
    /// A duration of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The length of time.
    pub const fn get(self) -> Duration {
        self.0
    }
}

/// Units of Go's `time.ParseDuration` that make sense for settings, in milliseconds; longer spellings first.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

/// Go's longest duration in whole milliseconds: it counts nanoseconds in 63 bits.
const LONGEST: u64 = i64::MAX as u64 / 1_000_000;

impl FromStr for GoDuration {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = || wrong("a duration such as 10s, 6h or 1h30m", text);
        let mut rest = text;
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
            let amount: u64 = rest[..digits].parse().map_err(|_| error())?;
            rest = &rest[digits..];
            let (unit, millis) = UNITS.into_iter().find(|(unit, _)| rest.starts_with(unit)).ok_or_else(error)?;
            rest = &rest[unit.len()..];
            total = amount.checked_mul(millis).and_then(|part| total.checked_add(part)).ok_or_else(error)?;
        }
        if text.is_empty() || total > LONGEST { Err(error()) } else { Ok(Self(Duration::from_millis(total))) }
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match (millis % 1000, millis / 1000) {
            (0, seconds) if seconds > 0 && seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            (0, seconds) if seconds > 0 && seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            (0, seconds) => write!(f, "{seconds}s"),
            _ => write!(f, "{millis}ms"),
        }
    }
}
text_value!(GoDuration);

/// One network, or an IPv4 and an IPv6 one separated by a comma: `10.244.0.0/16,fd00:10:244::/56`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// The networks, as written; never empty.
    pub fn get(&self) -> &[IpNet] {
        &self.0
    }
}

impl FromStr for Networks {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = || wrong("a network such as 10.244.0.0/16, or an IPv4 and an IPv6 one with a comma between", text);
        text.split(',').map(|part| part.trim().parse().map_err(|_| error())).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(f, &self.0)
    }
}
text_value!(Networks);

/// One address, or an IPv4 and an IPv6 one separated by a comma; each may carry its prefix length:
/// `192.168.49.151/24,fd00:49::151/64`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Addresses(Vec<Address>);

/// An address with the prefix length that was written behind it, if any.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Length of the network part in bits.
    pub prefix: Option<u8>,
}

impl Addresses {
    /// The addresses, as written; never empty.
    pub fn get(&self) -> &[Address] {
        &self.0
    }
}

impl FromStr for Address {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = || wrong("an IPv4 or IPv6 address such as 192.168.49.151 or 192.168.49.151/24", text);
        match text.split_once('/') {
            None => Ok(Self { ip: text.parse().map_err(|_| error())?, prefix: None }),
            Some(_) => {
                let net: IpNet = text.parse().map_err(|_| error())?;
                Ok(Self { ip: net.addr(), prefix: Some(net.prefix_len()) })
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.ip),
            None => write!(f, "{}", self.ip),
        }
    }
}

impl FromStr for Addresses {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(f, &self.0)
    }
}
text_value!(Addresses);

/// A single IP address without a prefix length.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Ip(pub IpAddr);

impl FromStr for Ip {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.parse().map(Self).map_err(|_| wrong("an IPv4 or IPv6 address such as 192.168.49.150", text))
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
text_value!(Ip);

/// An Ethernet address: six hexadecimal pairs with `:` or `-` between. Written in lower case with `:`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// Whether the address belongs to a group (or is the broadcast address) and so to no single card.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl FromStr for MacAddress {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = || wrong("an Ethernet address such as 52:54:00:ab:cd:01", text);
        let parts: Vec<&str> = text.split([':', '-']).collect();
        let hex = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if parts.len() != 6 || !parts.iter().all(hex) {
            return Err(error());
        }
        let mut bytes = [0; 6];
        for (byte, part) in bytes.iter_mut().zip(parts) {
            *byte = u8::from_str_radix(part, 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
text_value!(MacAddress);

/// A size in bytes: a whole number with an optional `Ki`, `Mi`, `Gi` or `Ti`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size of so many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

const SIZES: [(&str, u32); 4] = [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];

impl FromStr for ByteSize {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = || wrong("a size such as 20Gi, 512Mi or a number of bytes", text);
        let unit = SIZES.into_iter().find(|(unit, _)| text.ends_with(unit));
        let (digits, shift) = unit.map_or((text, 0), |(unit, shift)| (&text[..text.len() - unit.len()], shift));
        let amount: u64 = digits.parse().map_err(|_| error())?;
        amount.checked_mul(1 << shift).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES.into_iter().find(|(_, shift)| self.0 > 0 && self.0.trailing_zeros() >= *shift) {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}
text_value!(ByteSize);

/// Path of a file to read, relative to the folder of the file that names it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct FilePath(pub String);

fn write_list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if index == 0 { "" } else { "," })?;
    }
    Ok(())
}
