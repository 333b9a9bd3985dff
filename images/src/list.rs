//! The list of images that one render needs: each once, with every reason.
//!
//! It is filled by whoever renders content; it does not look for images itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use crate::discovery::Discovery;
use crate::reason::{Cause, Reason, Scope, joined};
use crate::reference::Reference;

/// Images with reasons, sorted by their text; equal references (after normalisation) are one entry.
#[derive(Clone, Debug, Default)]
pub struct ImageList {
    /// Keyed by the text, so that the order is that of `LC_ALL=C sort`.
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    reference: Reference,
    reasons: BTreeMap<Cause, BTreeSet<Scope>>,
}

/// One line of a table: an image and one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageRow {
    /// The whole reference.
    pub image: String,
    /// What asks for it: `static pod etcd`.
    pub reason: String,
    /// Who asks for it: nodes, roles or `every node`, at most three by name.
    pub needed_by: String,
}

/// The JSON form of one image.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageJson<'a> {
    image: &'a Reference,
    reasons: Vec<ReasonJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReasonJson<'a> {
    reason: String,
    needed_by: &'a BTreeSet<Scope>,
}

impl ImageList {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that an image is needed. The same image and reason twice are one.
    pub fn add(&mut self, reference: Reference, reason: Reason) {
        let entry =
            self.entries.entry(reference.to_string()).or_insert_with(|| Entry { reference, reasons: BTreeMap::new() });
        entry.reasons.entry(reason.cause).or_default().insert(reason.scope);
    }

    /// Notes every image that was found in a user's manifest `file`; `line` is where the object starts.
    pub fn add_manifest(&mut self, discovery: &Discovery, file: &str, line: Option<usize>) {
        for found in &discovery.images {
            self.add(found.reference.clone(), Reason::manifest(file, line, found));
        }
    }

    /// Takes over everything from another list.
    pub fn merge(&mut self, other: Self) {
        for entry in other.entries.into_values() {
            for (cause, scopes) in entry.reasons {
                for scope in scopes {
                    self.add(entry.reference.clone(), Reason { cause: cause.clone(), scope });
                }
            }
        }
    }

    /// How many different images there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The images, sorted.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.entries.values().map(|entry| &entry.reference)
    }

    /// The reasons for an image, sorted; empty when it isn't in the list.
    #[must_use]
    pub fn reasons(&self, reference: &Reference) -> Vec<Reason> {
        let reasons = self.entries.get(&reference.to_string()).map(|entry| &entry.reasons);
        reasons
            .into_iter()
            .flatten()
            .flat_map(|(cause, scopes)| {
                scopes.iter().map(|scope| Reason { cause: cause.clone(), scope: scope.clone() })
            })
            .collect()
    }

    /// One row for each image and cause, sorted: for a table.
    #[must_use]
    pub fn rows(&self) -> Vec<ImageRow> {
        let row = |image: &String, cause: &Cause, scopes: &BTreeSet<Scope>| ImageRow {
            image: image.clone(),
            reason: cause.to_string(),
            needed_by: joined(scopes),
        };
        self.entries
            .iter()
            .flat_map(|(image, entry)| entry.reasons.iter().map(move |(cause, scopes)| row(image, cause, scopes)))
            .collect()
    }

    /// One reference a line, sorted as `LC_ALL=C sort` does: the form of `images.txt`.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.entries.keys().map(|image| format!("{image}\n")).collect()
    }

    /// As [`ImageList::to_text`], each image followed by its reasons, indented by two spaces.
    #[must_use]
    pub fn to_text_with_reasons(&self) -> String {
        let mut text = String::new();
        for (image, entry) in &self.entries {
            text.push_str(&format!("{image}\n"));
            for (cause, scopes) in &entry.reasons {
                text.push_str(&format!("  {cause} on {}\n", joined(scopes)));
            }
        }
        text
    }
}

/// A list of `{"image", "reasons": [{"reason", "neededBy": […]}]}`, sorted, with every node by name.
impl Serialize for ImageList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries.values().map(|entry| {
            ImageJson {
                image: &entry.reference,
                reasons: entry
                    .reasons
                    .iter()
                    .map(|(cause, needed_by)| ReasonJson { reason: cause.to_string(), needed_by })
                    .collect(),
            }
        }))
    }
}

#[cfg(test)]
mod tests;
