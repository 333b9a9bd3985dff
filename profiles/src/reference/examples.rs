//! Which profile sets a key, and to what.

use crate::builtin::PROFILES;
use crate::document::{Sources, manifest};
use crate::problem::Report;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// More different values than these are not told.
const VALUES: usize = 3;
/// The section about a machine, and the path at which profiles say what all machines have.
const NODE: (&str, &str) = ("Node", "nodeDefaults");
/// What each profile says of its machines one by one.
const MACHINES: &str = "nodes";

/// Path, to value, to the names of the profiles that set it.
pub(super) struct Examples(BTreeMap<String, BTreeMap<String, Vec<&'static str>>>);

impl Examples {
    /// What the built-in profiles set.
    pub(super) fn read() -> Self {
        let mut examples = Self(BTreeMap::new());
        for profile in PROFILES {
            let mut sources = Sources::new();
            let source = sources.add(profile.name, profile.name, Path::new(""), profile.text);
            let documents = manifest(&sources, source, &mut Report::default()).expect("built-in profiles are YAML");
            documents.iter().for_each(|(document, _)| examples.take(profile.name, "", document));
        }
        examples
    }

    fn take(&mut self, profile: &'static str, path: &str, value: &Value) {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    self.take(profile, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value);
                }
            }
            _ => {
                let shown = match value {
                    Value::Array(_) => String::new(),
                    Value::String(text) => format!("`{text}`"),
                    other => format!("`{other}`"),
                };
                self.0.entry(path.to_owned()).or_default().entry(shown).or_default().push(profile);
            }
        }
    }

    /// ` Set by ha3: …`, or nothing.
    pub(super) fn sentence(&self, section: &str, path: &str) -> String {
        let path = if section == NODE.0 { format!("{}.{path}", NODE.1) } else { path.to_owned() };
        let Some(values) = self.0.get(&path) else { return String::new() };
        let of = |profiles: &[&str]| {
            if profiles.len() == PROFILES.len() { "every profile".to_owned() } else { profiles.join(", ") }
        };
        if path == MACHINES || values.len() > VALUES {
            return " *Set by every profile, each in its own way.*".to_owned();
        }
        let each: Vec<String> = values.iter().map(|(value, profiles)| format!("{} to {value}", of(profiles))).collect();
        format!(" *Set by {}.*", each.join("; by "))
    }
}
