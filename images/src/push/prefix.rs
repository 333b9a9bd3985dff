//! [`Prefix`]: below which path a registry keeps the mirror, and so where each image lies.

use crate::reference::{Reference, ReferenceErrorKind, check_repository};
use std::fmt;
use std::str::FromStr;

/// A path on a registry, below which the mirror lies; empty unless told.
///
/// Accepted: what is a repository's name (`site`, `team-a/mirror`), with or without `/` at both ends, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(String);

/// A text that is no [`Prefix`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prefix `{written}` is no path on a registry: it {reason}")]
pub struct PrefixError {
    /// As it was written.
    pub written: String,
    /// What is wrong with it.
    pub reason: ReferenceErrorKind,
}

impl Prefix {
    /// The repository that mirrors that of a reference: `<prefix>/<upstream host>/<repository>`.
    #[must_use]
    pub fn repository(&self, reference: &Reference) -> String {
        reference.mirror_path(&self.0).trim_start_matches('/').to_owned()
    }

    /// As it is written in a receipt; empty for none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let path = text.trim_matches('/');
        if !path.is_empty() {
            check_repository(path).map_err(|reason| PrefixError { written: text.to_owned(), reason })?;
        }
        Ok(Self(path.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Prefix;

    #[test]
    fn images_lie_below_their_upstream() {
        let table = [
            ("", "nginx:1", "docker.io/library/nginx"),
            ("site", "registry.k8s.io/pause:3.10", "site/registry.k8s.io/pause"),
            ("/team-a/mirror/", "localhost:5000/x@sha256:", "team-a/mirror/localhost_5000/x"),
        ];
        for (prefix, reference, wanted) in table {
            let reference = reference.replace("sha256:", &format!("sha256:{}", "a".repeat(64))).parse().unwrap();
            assert_eq!(prefix.parse::<Prefix>().unwrap().repository(&reference), wanted);
        }
        for wrong in ["..", "a//b", "UP", "a b", "x:1", "https://reg.local"] {
            assert!(wrong.parse::<Prefix>().is_err(), "{wrong}");
        }
    }
}
