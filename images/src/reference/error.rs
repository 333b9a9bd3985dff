//! What can be wrong with an image reference, and what to write instead.

use crate::digest::DigestError;

/// A text that is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("image `{}`: {kind}", shortened(.written))]
pub struct ReferenceError {
    /// The text as it was written.
    pub written: String,
    /// What is wrong with it.
    pub kind: ReferenceErrorKind,
}

/// The kinds of [`ReferenceError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceErrorKind {
    /// Nothing was written.
    #[error("is empty; write a name such as registry.k8s.io/pause:3.10.2")]
    Empty,
    /// A space, a control character, or one outside ASCII.
    #[error("has the character {0:?}, which no image reference may have")]
    Character(char),
    /// A URL such as `https://…` or `docker://…`.
    #[error("starts with a scheme; leave out everything up to `://`")]
    Scheme,
    /// A bare image id.
    #[error("is an image id (64 hexadecimal digits), not a name; write name@sha256:<id> or name:tag")]
    Identifier,
    /// A path part is `.` or `..`.
    #[error("has `{0}` as a part of its path; name the repository itself")]
    Traversal(String),
    /// Two slashes in a row, or one at an end.
    #[error("has an empty part in its path; remove the extra `/`")]
    EmptyPart,
    /// The repository has upper-case letters.
    #[error("repositories are lower case; write `{0}`")]
    Uppercase(String),
    /// A path part that the grammar does not allow.
    #[error("`{0}` is no part of a repository name: a-z and 0-9, joined by `.`, `_`, `__` or any number of `-`")]
    Part(String),
    /// The host is neither a DNS name nor an address.
    #[error("`{0}` is no registry host; write a DNS name, an IPv4 address, or an IPv6 address in brackets")]
    Host(String),
    /// The port is not within 1..=65535.
    #[error("`{0}` is no port; write a number from 1 to 65535")]
    Port(String),
    /// Host and repository are longer than registries allow for one name.
    #[error("host and repository have {0} characters; at most 255 are allowed")]
    NameTooLong(usize),
    /// The tag is empty or has a character that tags may not have.
    #[error("`{0}` is no tag: it starts with a letter, a digit or `_`; after that `.` and `-` may follow too")]
    Tag(String),
    /// The tag is longer than 128 characters.
    #[error("the tag has {0} characters; at most 128 are allowed")]
    TagTooLong(usize),
    /// The digest is wrong.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// The start of a text that may be of any length and hold any character.
fn shortened(written: &str) -> String {
    const SHOWN: usize = 100;
    let mut text: String = written.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if written.chars().count() > SHOWN {
        text.push('…');
    }
    text
}
