//! Charts: where they lie, and the objects that `helm template` made of one.
//!
//! `helm` is not started here: whoever starts programs hands over what it wrote.

use std::path::Path as FsPath;

use super::files::Files;
use super::manifests::{Reading, take_apart};
use crate::cluster::{Chart, Manifest};
use crate::description::{self, Description};
use crate::document::{Path, Sources, manifest};
use crate::problem::Report;

/// The release's namespace where none is given.
const DEFAULT_NAMESPACE: &str = "default";

/// All charts in the order of the description; `None` when a file is missing.
pub(super) fn charts(description: &Description, files: &mut Files<'_, '_>) -> Option<Vec<Chart>> {
    let setting = Path::root().key("charts");
    let found: Vec<Option<Chart>> = (description.charts.iter().enumerate())
        .map(|(index, written)| chart(written, &setting.index(index), files))
        .collect();
    found.into_iter().collect()
}

fn chart(written: &description::Chart, at: &Path, files: &mut Files<'_, '_>) -> Option<Chart> {
    let path = written.path.as_ref().and_then(|path| files.place(&at.key("path"), path));
    let list = at.key("values");
    let values: Vec<_> =
        (written.values.iter().enumerate()).map(|(index, file)| files.place(&list.index(index), file)).collect();
    let (file, line) = files.written_at(at);
    Some(Chart {
        name: written.name.clone()?,
        namespace: written.namespace.clone().unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
        path: path?,
        values: values.into_iter().collect::<Option<Vec<_>>>()?,
        file,
        line,
    })
}

/// The objects of a chart from the text that `helm template` wrote. `name` stands for the text in messages and in the list of
/// images: `chart web`.
///
/// # Errors
/// Every problem of the text, with the text that they point into.
pub fn rendered(name: &str, text: &str) -> Result<Manifest, Box<(Report, Sources)>> {
    let (mut sources, mut report, mut objects) = (Sources::new(), Report::new(), Vec::new());
    let source = sources.add(name, "what helm wrote", FsPath::new(""), text);
    let documents = manifest(&sources, source, &mut report).unwrap_or_default();
    let mut reading = Reading::new(&sources, &mut report);
    for (_, node) in &documents {
        take_apart(node, &mut reading, &mut objects);
    }
    if report.has_errors() {
        return Err(Box::new((report, sources)));
    }
    Ok(Manifest { path: name.to_owned(), objects })
}
