//! The tables of `build.html`.

use super::treemap::{Part, origin};
use super::{human, share};
use crate::html::Html;
use crate::record::BuildRecord;
use std::collections::BTreeMap;

/// A column: its title, and whether it has numbers.
type Column = (&'static str, bool);

/// A cell: its class, and its text.
enum Cell {
    Text(&'static str, String),
    Code(String),
}

/// A cell without a class of its own.
fn plain(text: impl Into<String>) -> Cell {
    Cell::Text("", text.into())
}

fn number(text: String) -> Cell {
    Cell::Text("number", text)
}

fn table<const N: usize>(columns: [Column; N], rows: impl IntoIterator<Item = [Cell; N]>, html: &mut Html) {
    html.open("div", &[("class", &"wide")]);
    html.nest("table", &[], |html| {
        html.nest("thead", &[], |html| html.nest("tr", &[], |html| head(columns, html)));
        html.nest("tbody", &[], |html| rows.into_iter().for_each(|row| html.nest("tr", &[], |html| cells(row, html))));
    });
    html.close("div");
}

fn head<const N: usize>(columns: [Column; N], html: &mut Html) {
    for (title, is_number) in columns {
        let class = if is_number { "number" } else { "text" };
        html.element("th", &[("scope", &"col"), ("class", &class)], title);
    }
}

fn cells<const N: usize>(row: [Cell; N], html: &mut Html) {
    for cell in row {
        match cell {
            Cell::Text("", text) => html.element("td", &[], text),
            Cell::Text(class, text) => html.element("td", &[("class", &class)], text),
            Cell::Code(text) => html.nest("td", &[], |html| html.element("code", &[], text)),
        }
    }
}

/// Each part with its share.
pub(super) fn sizes(parts: &[Part<'_>], html: &mut Html) {
    let all: u64 = parts.iter().map(|part| part.1).sum();
    let rows = parts.iter().map(|(name, bytes)| {
        [Cell::Text(origin(name), (*name).to_owned()), number(human(*bytes)), number(share(*bytes, all))]
    });
    table([("Part", false), ("Before compression", true), ("Share", true)], rows, html);
}

/// Base, host programs, preloaded images, the certificate of who signed.
pub(super) fn inputs(record: &BuildRecord, html: &mut Html) {
    let base = &record.base;
    let base_row = [
        plain("base"),
        plain(base.reference.clone().unwrap_or_else(|| base.kind.to_owned())),
        Cell::Code(base.digest.to_string()),
    ];
    let parts = record.parts.iter().map(|part| {
        [
            plain(part.name.clone()),
            plain(part.version.clone().unwrap_or_else(|| "a file".to_owned())),
            Cell::Code(part.digest.to_string()),
        ]
    });
    let images = record
        .preloaded
        .iter()
        .map(|image| [plain("preloaded image"), plain(image.reference.clone()), Cell::Code(image.digest.to_string())]);
    let certificate = record.secure_boot.iter().map(|certificate| {
        [plain("certificate"), plain(certificate.subject.clone()), Cell::Code(certificate.digest.to_string())]
    });
    let rows = std::iter::once(base_row).chain(parts).chain(images).chain(certificate);
    table([("Input", false), ("Which", false), ("Digest", false)], rows, html);
}

/// Every file beside this one.
pub(super) fn files(record: &BuildRecord, html: &mut Html) {
    let rows = record
        .outputs
        .iter()
        .map(|(name, output)| [plain(name.clone()), number(human(output.size)), Cell::Code(output.digest.to_string())]);
    table([("File", false), ("Size", true), ("Digest", false)], rows, html);
}

/// What lints found, the worst first.
pub(super) fn findings(record: &BuildRecord, html: &mut Html) {
    if record.findings.is_empty() {
        html.element("p", &[], "Nothing.");
        return;
    }
    let mut findings: Vec<_> = record.findings.iter().collect();
    findings.sort_by_key(|finding| finding.severity);
    let rows = findings.into_iter().map(|finding| {
        [plain(finding.lint), plain(finding.severity.as_str()), Cell::Text("names", finding.text.clone())]
    });
    table([("Lint", false), ("Severity", false), ("Finding", false)], rows, html);
}

/// Each licence, and what is under it.
pub(super) fn licences(record: &BuildRecord, html: &mut Html) {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &record.licences {
        row.licences.iter().for_each(|licence| all.entry(licence).or_default().push(&row.name));
        if row.licences.is_empty() {
            all.entry("not named").or_default().push(&row.name);
        }
    }
    let rows = all.into_iter().map(|(licence, names)| {
        [plain(licence), number(names.len().to_string()), Cell::Text("names", names.join(", "))]
    });
    table([("Licence", false), ("Of", true), ("Packages and programs", false)], rows, html);
}
