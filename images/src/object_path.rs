//! Paths into a JSON value, written as kubectl writes them (`spec.containers[0].image`) and as JSON pointers (RFC 6901).
//!
//! It only builds such paths; nothing here reads one.

use std::fmt::Write;

/// A growing path. A step into a child makes a new one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObjectPath {
    text: String,
    pointer: String,
}

impl ObjectPath {
    /// The member `key` of the object at this path; keys that are no plain words are quoted.
    pub(crate) fn key(&self, key: &str) -> Self {
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let mut text = self.text.clone();
        if !plain {
            let _ = write!(text, "[{key:?}]");
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(key);
        }
        Self { text, pointer: format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1")) }
    }

    /// Element `index` of the array at this path.
    pub(crate) fn index(&self, index: usize) -> Self {
        Self { text: format!("{}[{index}]", self.text), pointer: format!("{}/{index}", self.pointer) }
    }

    /// As kubectl writes it.
    pub(crate) fn into_string(self) -> String {
        self.text
    }

    /// As RFC 6901 writes it.
    pub(crate) fn pointer(&self) -> &str {
        &self.pointer
    }
}
