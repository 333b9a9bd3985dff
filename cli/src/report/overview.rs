//! The head of the page, the facts for a first look, and what ends when.

use super::ends::day;
use super::model::{Fact, Report};
use super::page::counted;
use kfimg_builder::html::{Attributes, Html};
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
        for Fact { name, text, end } in &report.facts {
            let (when, soon) = end.map_or((0, 0), |(when, soon)| (when.as_second(), soon));
            let near: Attributes<'_> = &[("data-ends", &when), ("data-soon", &soon)];
            html.nest("div", if end.is_some() { near } else { &[] }, |html| {
                html.element("dt", &[], name);
                html.element("dd", &[], text);
            });
        }
    });
}

/// What ends, the first one first; the page's script marks what is near.
pub(super) fn write_ends(report: &Report, html: &mut Html) {
    html.nest("ul", &[("class", &"ends")], |html| {
        for end in &report.ends {
            let day = day(end.when);
            html.nest("li", &[("data-ends", &end.when.as_second()), ("data-soon", &end.soon)], |html| {
                html.element("time", &[("datetime", &day)], &day);
                html.element("strong", &[], &end.what);
                html.element("span", &[], end.remedy);
            });
        }
    });
}
