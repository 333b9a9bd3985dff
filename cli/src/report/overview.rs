//! The head of the page, the facts for a first look, and what ends when.

use super::html::Html;
use super::model::Report;
use super::page::counted;
use kfimg_profiles::description::Role;

/// The cluster's name and what it is.
pub(super) fn write_head(report: &Report, html: &mut Html) {
    let cluster = &report.cluster;
    let count = |role| {
        let groups = report.groups.iter().filter(|group| group.role == role);
        groups.map(|group| group.nodes.len()).sum::<usize>()
    };
    html.element("h1", &[], &cluster.name);
    html.nest("p", &[("class", &"lead")], |html| {
        html.element("strong", &[], format_args!("Kubernetes {}", cluster.kubernetes));
        for role in [Role::ControlPlane, Role::Etcd, Role::Worker] {
            if count(role) > 0 {
                html.element("span", &[], counted(role, count(role)));
            }
        }
        html.element("span", &[], format_args!("generation {}", cluster.generation));
        html.element("span", &[], format_args!("rendered {}", cluster.rendered.strftime("%Y-%m-%d")));
    });
}

/// Facts side by side.
pub(super) fn write_facts(report: &Report, html: &mut Html) {
    html.nest("dl", &[("class", &"facts")], |html| {
        for (name, value) in &report.facts {
            html.nest("div", &[], |html| {
                html.element("dt", &[], name);
                html.element("dd", &[], value);
            });
        }
    });
}

/// What ends, the first one first; the page's script marks what is near.
pub(super) fn write_ends(report: &Report, html: &mut Html) {
    html.nest("ul", &[("class", &"ends")], |html| {
        for end in &report.ends {
            let day = end.when.strftime("%Y-%m-%d");
            html.nest("li", &[("data-ends", &end.when.as_second())], |html| {
                html.element("time", &[("datetime", &day)], &day);
                html.element("strong", &[], &end.what);
                html.element("span", &[], end.remedy);
            });
        }
    });
}
