//! Paths into a JSON value, written as kubectl writes them: `spec.containers[0].image`.
//!
//! It only builds such paths; nothing here reads one.

use std::fmt::Write;

/// A growing path. A step into a child makes a new one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObjectPath(String);

impl ObjectPath {
    /// The member `key` of the object at this path; keys that are no plain words are quoted.
    pub(crate) fn key(&self, key: &str) -> Self {
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let mut path = self.0.clone();
        if !plain {
            let _ = write!(path, "[{key:?}]");
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(key);
        }
        Self(path)
    }

    /// Element `index` of the array at this path.
    pub(crate) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}
