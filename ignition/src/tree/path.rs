//! A path on a node: absolute, normal, UTF-8.

use super::TreeError;
use std::borrow::Borrow;

/// An absolute path without `.`, `..`, empty parts, a trailing slash or control characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodePath(String);

impl NodePath {
    /// Takes a path that is in this form already.
    ///
    /// # Errors
    /// [`TreeError::Path`] otherwise.
    pub fn new(path: &str) -> Result<Self, TreeError> {
        let normal = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
        match path.strip_prefix('/') {
            Some(rest) if rest.split('/').all(normal) => Ok(Self(path.to_owned())),
            _ => Err(TreeError::Path { path: path.escape_debug().to_string() }),
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders above it, the nearest first, without the root.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.0.rmatch_indices('/').map(|(end, _)| &self.0[..end]).filter(|parent| !parent.is_empty())
    }
}

impl Borrow<str> for NodePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}
