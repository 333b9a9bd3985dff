//! Everything that a run judged, as a table in Markdown: printed, and with `KFIMG_UPDATE_PERFORMANCE=1` written into
//! `docs/performance.md`, where each bench has its place.

use super::{ALL, line, load_average};
use std::fs;
use std::path::Path;
use std::sync::PoisonError;

/// Where the tables stand, seen from any crate.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");
/// Says that they are to be written there.
const UPDATE: &str = "KFIMG_UPDATE_PERFORMANCE";

/// Prints what this bench judged, and writes it into the document where that is wished; a part of it would take the place of all.
pub(crate) fn publish(bench: &str, is_whole: bool) {
    let text = markdown();
    println!("\n{text}");
    let is_wished = std::env::var_os(UPDATE).is_some();
    if is_wished && !is_whole {
        println!("This is a part of what is measured: the document stays as it is.");
    } else if is_wished {
        between(Path::new(DOCUMENT), bench, &text);
    }
}

fn markdown() -> String {
    let mut text = String::new();
    line(&mut text, format_args!("| | what | kfimg | ratio | goal | met |\n|---|---|---|---|---|---|"));
    for row in &*ALL.lock().unwrap_or_else(PoisonError::into_inner) {
        let (id, bound) = (row.goal.id(), row.goal.bound);
        let met = if bound.is_met(row.value) { "yes" } else { "**no**" };
        line(&mut text, format_args!("| {id} | {} | {} | {:.3} | {bound} | {met} |", row.what, row.took, row.value));
    }
    let build = if cfg!(debug_assertions) { "a debug build" } else { "a release build" };
    line(&mut text, format_args!("\nMeasured with {build}; the load before it ended was {}.", load_average()));
    text
}

/// Writes a text into a document, between `<!-- name -->` and `<!-- /name -->`.
pub(crate) fn between(document: &Path, name: &str, text: &str) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let whole = fs::read_to_string(document).expect("the document is there");
    let (before, rest) = whole.split_once(&begin).expect("the document has a place for the table");
    let (_, after) = rest.split_once(&end).expect("the place has an end");
    fs::write(document, format!("{before}{begin}{text}{end}{after}")).expect("the document can be written");
}
