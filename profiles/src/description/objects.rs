//! Objects beside those that kfimg renders: where custom ones hold images, and charts.

use super::values::FilePath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where the objects of one kind hold images, for kinds that Kubernetes does not know, or not as pods.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ImagePath {
    /// Their `apiVersion`, such as `example.com/v1`. Left out: any.
    pub api_version: Option<String>,
    /// Their `kind`.
    pub kind: Option<String>,
    /// The way to the texts that are images, as kubectl's JSONPath writes it: `spec.images[*].image`.
    pub path: Option<ObjectPath>,
}

/// A Helm chart, rendered by `helm template`. Its objects are applied as those of `manifests`, after them.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Chart {
    /// Name of the release.
    pub name: Option<String>,
    /// Namespace of the release, which is created. Default `default`.
    pub namespace: Option<String>,
    /// Folder or packed file (`.tgz`) of the chart, with the charts that it depends on.
    pub path: Option<FilePath>,
    /// Files with values; later ones win.
    pub values: Vec<FilePath>,
}

/// A way into an object: `spec.images[*].image`, `spec.parts[0]`, `data["app.image"]`. `.*` and `[*]` are every member or element.
/// The leading `.`, `$` and the braces of a JSONPath may be written or not.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ObjectPath {
    written: String,
    steps: Vec<ObjectStep>,
}

/// One step of an [`ObjectPath`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ObjectStep {
    /// The member of that name.
    Key(String),
    /// The element at that place, counted from 0.
    Index(usize),
    /// Every member or element.
    Each,
}

/// Why a text is no [`ObjectPath`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected the way to a text of an object such as spec.images[*].image, found `{0}`")]
pub struct ObjectPathError(String);

impl ObjectPath {
    /// The steps, outermost first; at least one.
    pub fn steps(&self) -> &[ObjectStep] {
        &self.steps
    }
}

impl FromStr for ObjectPath {
    type Err = ObjectPathError;
    fn from_str(text: &str) -> Result<Self, ObjectPathError> {
        let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        let bare = bare.strip_prefix('$').unwrap_or(bare);
        let steps = steps(bare).filter(|steps| !steps.is_empty()).ok_or_else(|| ObjectPathError(text.to_owned()))?;
        Ok(Self { written: text.to_owned(), steps })
    }
}

/// `None` when it is no path.
fn steps(text: &str) -> Option<Vec<ObjectStep>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(inside) => bracketed(inside)?,
            None if steps.is_empty() => key(rest.strip_prefix('.').unwrap_or(rest))?,
            None => key(rest.strip_prefix('.')?)?,
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

fn key(text: &str) -> Option<(ObjectStep, &str)> {
    let (key, after) = text.split_at(text.find(['.', '[']).unwrap_or(text.len()));
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '$');
    match key {
        "*" => Some((ObjectStep::Each, after)),
        _ if !key.is_empty() && key.chars().all(is_plain) => Some((ObjectStep::Key(key.to_owned()), after)),
        _ => None,
    }
}

/// What stands after `[`.
fn bracketed(text: &str) -> Option<(ObjectStep, &str)> {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            let (key, after) = quoted.split_once(quote)?;
            return Some((ObjectStep::Key(key.to_owned()), after.strip_prefix(']')?));
        }
    }
    let (inside, after) = text.split_once(']')?;
    let step = if inside == "*" { ObjectStep::Each } else { ObjectStep::Index(inside.parse().ok()?) };
    Some((step, after))
}

impl TryFrom<String> for ObjectPath {
    type Error = ObjectPathError;
    fn try_from(text: String) -> Result<Self, ObjectPathError> {
        text.parse()
    }
}

impl From<ObjectPath> for String {
    fn from(path: ObjectPath) -> Self {
        path.written
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::{ObjectPath, ObjectStep};

    #[test]
    fn paths_are_read_as_kubectl_writes_them() {
        let key = |name: &str| ObjectStep::Key(name.to_owned());
        for text in
            ["spec.images[*].image", ".spec.images.*.image", "{.spec.images[*].image}", "$.spec['images'][*].image"]
        {
            let path: ObjectPath = text.parse().unwrap();
            assert_eq!(path.steps(), [key("spec"), key("images"), ObjectStep::Each, key("image")], "{text}");
            assert_eq!(path.to_string(), text);
        }
        let path: ObjectPath = "data[\"a.b/c\"][3]".parse().unwrap();
        assert_eq!(path.steps(), [key("data"), key("a.b/c"), ObjectStep::Index(3)]);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", ".", "$", "{}", "a..b", "a.", "a[", "a[]", "a[-1]", "a[\"b]", "a[0]b", "a b", "a[?(@.x)]"] {
            assert!(text.parse::<ObjectPath>().is_err(), "{text}");
        }
    }
}
