//! Digests of the OCI image specification (`descriptor.md`): `sha256:` and 64 lower-case hexadecimal digits.
//!
//! Other algorithms are allowed there and are not read here: no registry that kfimg writes to or reads from uses one.

use serde::{Deserialize, Serialize};
use std::fmt;

const PREFIX: &str = "sha256:";

/// A digest. Its text is safe as a file name.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Digest(String);

/// A text that is no SHA-256 digest.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no digest of the form sha256:<64 digits>")]
pub(super) struct BadDigest(String);

impl TryFrom<String> for Digest {
    type Error = BadDigest;

    fn try_from(text: String) -> Result<Self, BadDigest> {
        let digits = text.strip_prefix(PREFIX).unwrap_or_default();
        let good = digits.len() == 64 && digits.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
        if good { Ok(Self(text)) } else { Err(BadDigest(text.chars().take(100).collect())) }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl Digest {
    /// Of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::from_hash(&<sha2::Sha256 as sha2::Digest>::digest(bytes))
    }

    /// From the 32 bytes of a finished hash.
    pub(super) fn from_hash(hash: &[u8]) -> Self {
        Self(format!("{PREFIX}{}", data_encoding::HEXLOWER.encode(hash)))
    }

    /// The digits alone.
    pub(super) fn hex(&self) -> &str {
        &self.0[PREFIX.len()..]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn a_digest_can_be_no_path() {
        let good = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(Digest::try_from(good.clone()).unwrap().hex(), &good[7..]);
        for bad in ["", "sha256:", "sha256:../../etc/shadow", &good[..70], &good.to_uppercase(), &format!("{good}0")] {
            Digest::try_from(bad.to_owned()).unwrap_err();
        }
    }

    #[test]
    fn a_hash_is_written_as_the_specification_says() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
    }
}
