//! Content digests such as `sha256:<64 hexadecimal digits>`, checked when they are read.
//!
//! It computes no digest: see [`crate::hasher`] for that.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Algorithms and the number of hexadecimal digits of each.
///
/// Source: `github.com/opencontainers/go-digest`, which containerd uses.
const ALGORITHMS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// A well-formed digest of an algorithm that containerd knows.
///
/// Accepted: `sha256:`, `sha384:` or `sha512:`, then exactly as many lower-case hexadecimal digits as the algorithm has.
/// Source: OCI image specification, descriptor.md, "Digests".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// Why a text is not a [`Digest`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no `:` between algorithm and digits.
    #[error("the digest `{0}` has no algorithm; write sha256:<64 hexadecimal digits>")]
    NoAlgorithm(String),
    /// The algorithm is none that containerd knows.
    #[error("the digest algorithm `{0}` is unknown; use sha256, sha384 or sha512")]
    UnknownAlgorithm(String),
    /// The number of digits does not fit the algorithm.
    #[error("a {algorithm} digest has {wanted} hexadecimal digits, this one has {found}")]
    Length {
        /// The algorithm that was named.
        algorithm: &'static str,
        /// How many digits it has.
        wanted: usize,
        /// How many were written.
        found: usize,
    },
    /// A character is not a lower-case hexadecimal digit.
    #[error("the digest has {0:?}; only 0-9 and a-f in lower case are allowed")]
    Character(char),
}

impl Digest {
    /// `sha256`, `sha384` or `sha512`.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// The digits after the colon.
    #[must_use]
    pub fn hexadecimal(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// The whole text, as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, digits) = text.split_once(':').ok_or_else(|| DigestError::NoAlgorithm(text.to_owned()))?;
        let (algorithm, wanted) = ALGORITHMS
            .into_iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| DigestError::UnknownAlgorithm(name.to_owned()))?;
        if let Some(wrong) = digits.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
            return Err(DigestError::Character(wrong));
        }
        if digits.len() != wanted {
            return Err(DigestError::Length { algorithm, wanted, found: digits.len() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_keeps_its_parts() {
        let text = format!("sha512:{}", "0a".repeat(64));
        let digest: Digest = text.parse().unwrap();
        assert_eq!(digest.algorithm(), "sha512");
        assert_eq!(digest.hexadecimal(), "0a".repeat(64));
        assert_eq!(digest.to_string(), text);
    }

    #[test]
    fn a_malformed_digest_is_named() {
        let table = [
            ("abc".to_owned(), DigestError::NoAlgorithm("abc".to_owned())),
            ("md5:abc".to_owned(), DigestError::UnknownAlgorithm("md5".to_owned())),
            ("sha256:".to_owned(), DigestError::Length { algorithm: "sha256", wanted: 64, found: 0 }),
            (format!("sha512:{}", "a".repeat(64)), DigestError::Length { algorithm: "sha512", wanted: 128, found: 64 }),
            (format!("sha256:{}", "A".repeat(64)), DigestError::Character('A')),
            ("sha256:../../../etc/passwd".to_owned(), DigestError::Character('.')),
        ];
        for (text, wanted) in table {
            assert_eq!(text.parse::<Digest>(), Err(wanted), "{text}");
        }
    }
}
