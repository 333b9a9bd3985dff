//! Where custom objects hold images, and charts; what is in a chart is judged when it is rendered.

use std::collections::BTreeMap;

use super::{Subject, at, syntax};
use crate::problem::Report;

/// Longest name of a release that helm takes.
const RELEASE_NAME: usize = 53;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    image_paths(subject, report);
    charts(subject, report);
}

fn image_paths(subject: &Subject<'_>, report: &mut Report) {
    for (index, rule) in subject.description.image_paths.iter().enumerate() {
        let place = at("imagePaths").index(index);
        if rule.kind.as_ref().is_none_or(|kind| kind.trim().is_empty()) {
            report
                .error("missing-value", &place, "this rule has no `kind`")
                .help("write the kind of the objects that it is about: `{kind: Gate, path: spec.image}`");
        }
        if rule.path.is_none() && !report.is_unreadable(&place.key("path")) {
            report
                .error("missing-value", &place, "this rule has no `path`")
                .help("write where the objects hold images: `{kind: Gate, path: spec.image}`");
        }
    }
}

fn charts(subject: &Subject<'_>, report: &mut Report) {
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (index, chart) in subject.description.charts.iter().enumerate() {
        let place = at("charts").index(index);
        if chart.path.is_none() {
            report
                .error("missing-value", &place, "this chart has no `path`")
                .help("name its folder or its .tgz: `{name: web, path: charts/web-1.2.3.tgz}`");
        }
        let Some(name) = &chart.name else {
            report
                .error("missing-value", &place, "this chart has no `name`")
                .help("name the release: `{name: web, path: charts/web-1.2.3.tgz}`");
            continue;
        };
        if name.len() > RELEASE_NAME || syntax::subdomain(name).is_some() {
            report
                .error("invalid-name", place.key("name"), format!("`{name}` is no name of a release"))
                .help("write at most 53 lower-case letters, digits, `-` and `.`, with a letter or digit at both ends");
        }
        let namespace = chart.namespace.as_deref().unwrap_or("default");
        if syntax::label(namespace).is_some() {
            report
                .error("invalid-name", place.key("namespace"), format!("`{namespace}` is no name of a namespace"))
                .help("write at most 63 lower-case letters, digits and `-`, with a letter or digit at both ends");
        }
        if let Some(first) = seen.insert((namespace, name), index) {
            report
                .error("duplicate-chart", place.key("name"), format!("the release `{namespace}/{name}` is given twice"))
                .note(at("charts").index(first), "first given here")
                .help("give one of them another name or namespace");
        }
    }
}
