//! A file beside the description that is read with the same care: YAML in which every value has its place.

use super::{Failed, failed, read};
use crate::document::{Node, Sources, decode, parse_one};
use crate::problem::Report;
use serde::de::DeserializeOwned;
use std::path::Path;

/// A file as a type, and what to point with at what is wrong in it.
#[derive(Debug)]
pub struct Document<T> {
    /// What it says; what could not be read has its default.
    pub value: T,
    /// The tree that `value` was decoded from.
    pub tree: Node,
    /// Its problems so far.
    pub report: Report,
    /// Its text.
    pub sources: Sources,
}

/// Reads a YAML file; `-` is standard input.
///
/// # Errors
/// [`Failed`] when there is no file, or no YAML in it. What is wrong with single values is in the document's report.
pub fn document<T: DeserializeOwned + Default>(path: &Path, label: &str) -> Result<Document<T>, Box<Failed>> {
    let (mut sources, mut report) = (Sources::new(), Report::new());
    let tree = read::text(path, &mut report).and_then(|text| {
        let folder = path.parent().unwrap_or(Path::new(""));
        let source = sources.add(&path.display().to_string(), label, folder, &text);
        parse_one(&sources, source, &mut report)
    });
    match tree {
        Some(tree) => {
            let value = decode(&tree, &sources, &mut report);
            Ok(Document { value, tree, report, sources })
        }
        None => Err(failed(report, sources)),
    }
}
