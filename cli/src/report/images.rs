//! Every image, and why.

use super::model::Report;
use kfimg_builder::html::Html;

/// The table.
pub(super) fn write(report: &Report, html: &mut Html) {
    html.nest("p", &[("class", &"note")], |html| match &report.registry {
        Some(registry) => {
            html.text(format_args!("{} images. Nodes ask ", report.images.len()));
            html.element("code", &[], format_args!("{registry}/<name>"));
            html.raw(" for each of them.");
        }
        None => html.text(format_args!(
            "{} images, which nodes ask their upstream registries for, or have from a medium.",
            report.images.len()
        )),
    });
    html.nest("div", &[("class", &"wide")], |html| {
        html.nest("table", &[("class", &"images")], |html| {
            html.raw("<thead><tr><th scope=\"col\">Image</th><th scope=\"col\">Why</th><th scope=\"col\">Needed by</th></tr></thead>");
            html.nest("tbody", &[], |html| {
                for image in &report.images {
                    html.nest("tr", &[], |html| {
                        html.nest("td", &[], |html| name(&image.reference, html));
                        html.element("td", &[], image.reasons.join(", "));
                        html.element("td", &[], &image.nodes);
                    });
                }
            });
        });
    });
}

/// A reference with what changes from version to version set off.
fn name(reference: &str, html: &mut Html) {
    let (name, digest) = match reference.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (reference, None),
    };
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = name.split_at(name[slash..].find(':').map_or(name.len(), |at| slash + at));
    html.nest("code", &[], |html| {
        html.text(repository);
        html.element("b", &[], tag);
    });
    if let Some(digest) = digest {
        html.element("code", &[("class", &"digest")], digest);
    }
}
