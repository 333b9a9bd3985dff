//! Image references, read as containerd reads them, and the place where a mirror keeps them.
//!
//! `nginx` means `docker.io/library/nginx:latest`. Nothing is asked of a registry here.

mod error;
mod grammar;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
pub use error::{ReferenceError, ReferenceErrorKind};
pub(crate) use grammar::check_tag;

/// The host that a name without one means.
const DEFAULT_HOST: &str = "docker.io";
/// An older name of the same host.
const LEGACY_DEFAULT_HOST: &str = "index.docker.io";
/// Where Docker Hub keeps images whose name has one part.
const OFFICIAL_PREFIX: &str = "library/";
/// The tag that a name without tag and digest means.
pub(crate) const DEFAULT_TAG: &str = "latest";
/// The folder of a mirror below which containerd asks for images of hosts that have no folder of their own in its
/// configuration; `?ns=` names the host. No repository can be called so, and a registry that does not know of it has nothing there.
pub const DEFAULT_MIRROR_FOLDER: &str = "_default";

/// A complete image reference: host, repository, and a tag, a digest or both.
///
/// Reading fills in what people leave out: `nginx` becomes `docker.io/library/nginx:latest`.
/// Source: `ParseNormalizedNamed` and `TagNameOnly` of `github.com/distribution/reference` v0.6.0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The upstream registry, with its port where one was written: `registry.k8s.io`, `localhost:5000`, `[::1]:5000`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository on that host: `library/nginx`, `coredns/coredns`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag. It is `None` only beside a digest.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, where one was written.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Whether tomorrow's pull may bring other content than today's by design: no digest, and the tag `latest`.
    #[must_use]
    pub fn is_floating(&self) -> bool {
        self.digest.is_none() && self.tag() == Some(DEFAULT_TAG)
    }

    /// The name under which containerd's CRI plugin stores and looks up the image: with a digest, the tag is dropped.
    ///
    /// Source: `ParseDockerRef` of `github.com/distribution/reference`.
    #[must_use]
    pub fn containerd_name(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}/{}@{digest}", self.host, self.repository),
            None => self.to_string(),
        }
    }

    /// Where a mirror keeps the repository: `<registry>/<upstream host>/<repository>`, without tag and digest.
    ///
    /// `registry` may end in a path (`reg.local/mirror`). See [`mirror_folder`] for hosts with a port.
    #[must_use]
    pub fn mirror_path(&self, registry: &str) -> String {
        format!("{}/{}/{}", registry.trim_end_matches('/'), mirror_folder(&self.host), self.repository)
    }

    /// The whole reference on a mirror: [`Reference::mirror_path`] with this reference's tag and digest.
    #[must_use]
    pub fn mirrored(&self, registry: &str) -> String {
        format!("{}{}", self.mirror_path(registry), Suffix(self))
    }

    /// The same name with this digest beside its tag, whatever digest it had.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The same repository at another tag, without a digest. The caller vouches for the tag's grammar.
    pub(crate) fn at_tag(&self, tag: String) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }

    fn read(text: &str) -> Result<Self, ReferenceErrorKind> {
        check_text(text)?;
        let (host, remainder) = split_host(text);
        let (name, digest) = match remainder.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (remainder, None),
        };
        let (path, tag) = match name.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (name, None),
        };
        let repository = if host == DEFAULT_HOST && !path.contains('/') && !path.is_empty() {
            format!("{OFFICIAL_PREFIX}{path}")
        } else {
            path.to_owned()
        };
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(ReferenceErrorKind::Uppercase(path.to_ascii_lowercase()));
        }
        grammar::check_host(host)?;
        grammar::check_repository(host, &repository)?;
        tag.map_or(Ok(()), grammar::check_tag)?;
        let digest = digest.map(str::parse).transpose()?;
        let tag = tag.or(if digest.is_none() { Some(DEFAULT_TAG) } else { None }).map(str::to_owned);
        Ok(Self { host: host.to_owned(), repository, tag, digest })
    }
}

/// The path part that stands for an upstream host on a mirror, so that no two upstreams collide.
///
/// A host stands for itself in lower case; since a repository name has no `:`, a port follows after `_` (which no host has):
/// `localhost:5000` is `localhost_5000`. An IPv6 address is written `ipv6_` and its eight groups joined by `-`.
#[must_use]
pub fn mirror_folder(host: &str) -> String {
    let (name, port) = grammar::split_port(host);
    let name = match grammar::bracketed_address(name) {
        Some(address) => format!("ipv6_{}", address.segments().map(|group| format!("{group:x}")).join("-")),
        None => name.to_ascii_lowercase(),
    };
    match port {
        Some(port) => format!("{name}_{port}"),
        None => name,
    }
}

/// Checks a repository's name on its own, as a registry's URLs have it.
pub(crate) fn check_repository(repository: &str) -> Result<(), ReferenceErrorKind> {
    grammar::check_repository("", repository)
}

/// Refuses texts that are something else than a reference, before they are taken apart.
fn check_text(text: &str) -> Result<(), ReferenceErrorKind> {
    if text.is_empty() {
        return Err(ReferenceErrorKind::Empty);
    }
    if let Some(wrong) = text.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(ReferenceErrorKind::Character(wrong));
    }
    if text.contains("://") {
        return Err(ReferenceErrorKind::Scheme);
    }
    if let Some(part) = text.split('/').find(|part| matches!(*part, "." | "..")) {
        return Err(ReferenceErrorKind::Traversal(part.to_owned()));
    }
    if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(ReferenceErrorKind::Identifier);
    }
    Ok(())
}

/// The host and the rest. The first part is a host when it could be nothing else: it has a `.`, a `:` or an upper-case
/// letter, or is `localhost`.
fn split_host(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((LEGACY_DEFAULT_HOST, rest)) => (DEFAULT_HOST, rest),
        Some((first, rest))
            if first == "localhost" || first.contains(|c: char| ".:".contains(c) || c.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => (DEFAULT_HOST, text),
    }
}

/// `:tag@digest`, as much of it as there is.
struct Suffix<'a>(&'a Reference);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.0.tag {
            write!(f, ":{tag}")?;
        }
        self.0.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.host, self.repository, Suffix(self))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::read(text).map_err(|kind| ReferenceError { written: text.to_owned(), kind })
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
