//! `build.html`: what was built, for people: sizes by part as a picture, what went in, what came out, what lints found, licences. One file,
//! no script, nothing fetched; it says what `build.json` says, and is the same for the same build.

mod layout;
mod tables;
mod treemap;

use crate::html::{Html, Page, Section};
use crate::record::BuildRecord;

/// The name of the file beside the outputs.
pub const PICTURE_FILE: &str = "build.html";

const PAGE: Page = Page { style: include_str!("style.css"), script: None };

const SECTIONS: [Section<BuildRecord>; 5] = [
    ("sizes", "What takes how much", write_sizes),
    ("inputs", "What went in", tables::inputs),
    ("files", "What came out", tables::files),
    ("lints", "What lints found", tables::findings),
    ("licences", "Licences", tables::licences),
];

/// The page.
#[must_use]
pub(crate) fn page(record: &BuildRecord) -> String {
    let title = format_args!("{} {}", record.image_id, record.image_version);
    PAGE.write(title, |html| body(record, html))
}

fn body(record: &BuildRecord, html: &mut Html) {
    html.nest("header", &[], |html| {
        html.element("h1", &[], format_args!("{} {}", record.image_id, record.image_version));
        html.nest("p", &[("class", &"lead")], |html| {
            html.element("strong", &[], &record.system);
            html.element("span", &[], format_args!("Linux {}", record.kernel_version));
            html.element("span", &[], &record.architecture);
        });
    });
    html.navigation(&SECTIONS);
    html.nest("main", &[], |html| {
        facts(record, html);
        html.sections(&SECTIONS, record);
    });
    html.nest("footer", &[], |html| {
        html.text(format_args!(
            "Written by kfimg {}; build.json beside it says the same to programs. ",
            record.kfimg_version
        ));
        html.raw("The same inputs give the same bytes.");
    });
}

/// What is told first.
fn facts(record: &BuildRecord, html: &mut Html) {
    let root = &record.root;
    let content = format!("{} in {} files and folders", human(root.content_bytes), root.entries);
    let image = format!("{} as {}", human(root.size), root.format.name());
    let signed = record.secure_boot.as_ref().map_or("nobody", |certificate| &certificate.subject);
    let facts: [(&str, &str); 6] = [
        ("Root", &content),
        ("Root image", &image),
        ("Root hash", &root.root_hash),
        ("Command line", &record.command_line),
        ("Signed by", signed),
        ("Written by", &record.programs.join(", ")),
    ];
    html.nest("dl", &[("class", &"facts")], |html| {
        for (name, text) in facts {
            html.nest("div", &[], |html| {
                html.element("dt", &[], name);
                html.element("dd", &[], text);
            });
        }
    });
}

fn write_sizes(record: &BuildRecord, html: &mut Html) {
    let parts = treemap::parts(&record.sizes);
    html.nest("figure", &[("class", &"wide")], |html| {
        treemap::write(&parts, html);
        html.nest("figcaption", &[("class", &"legend")], |html| {
            html.element("span", &[], "the base");
            html.element("span", &[("class", &"own")], "added by kfimg");
        });
    });
    tables::sizes(&parts, html);
}

#[expect(clippy::cast_precision_loss, reason = "a picture is not exact to the byte")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

fn share(bytes: u64, all: u64) -> String {
    format!("{:.1} %", float(bytes) / float(all.max(1)) * 100.0)
}

fn human(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.iter().find(|(_, size)| bytes >= *size);
    unit.map_or_else(|| format!("{bytes} B"), |(name, size)| format!("{:.1} {name}", float(bytes) / float(*size)))
}
