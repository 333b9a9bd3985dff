//! The page as a whole: head, what can be jumped to, sections, script.

use super::model::Report;
use super::{certificates, cis, images, nodes, overview, topology};
use crate::names::ranges;
use kfimg_builder::html::{Html, Page, Section};
use kfimg_profiles::description::Role;

const PAGE: Page = Page { style: include_str!("style.css"), script: Some(include_str!("script.js")) };

const SECTIONS: [Section<Report>; 6] = [
    ("topology", "Topology", topology::write),
    ("nodes", "Nodes", nodes::write),
    ("ends", "What ends when", overview::write_ends),
    ("certificates", "Certificates", certificates::write),
    ("cis", "CIS benchmark", cis::write),
    ("images", "Images", images::write),
];

impl Report {
    /// The page.
    pub(crate) fn html(&self) -> String {
        let title = format_args!("{}: Kubernetes {}", self.cluster.name, self.cluster.kubernetes);
        PAGE.write(title, |html| self.body(html))
    }

    fn body(&self, html: &mut Html) {
        let is_shown = |(id, ..): &Section<Self>| *id != "cis" || self.cis.is_some();
        let sections: Vec<Section<Self>> = SECTIONS.into_iter().filter(is_shown).collect();
        html.nest("header", &[], |html| overview::write_head(self, html));
        html.navigation(&sections);
        html.nest("main", &[], |html| {
            overview::write_facts(self, html);
            html.sections(&sections, self);
        });
        html.nest("footer", &[], |html| {
            html.text(format_args!("Written by kfimg {} for the cluster {}. ", self.cluster.kfimg, self.cluster.uid));
            html.raw("This page holds no key and no password; it does tell names and addresses.");
        });
    }
}

/// `3 control planes`, `1 worker`.
pub(super) fn counted(role: Role, count: usize) -> String {
    let (one, many) = match role {
        Role::ControlPlane => ("control plane", "control planes"),
        Role::Etcd => ("etcd node", "etcd nodes"),
        Role::Worker => ("worker", "workers"),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Names as ranges; many that are in no row as the first two and the last.
pub(super) fn called(names: &[&str]) -> String {
    const LONGEST: usize = 70;
    let text = ranges(names);
    match names {
        [first, second, .., last] if text.chars().count() > LONGEST => format!("{first}, {second} … {last}"),
        _ => text,
    }
}

/// `33 KiB`: whole ones, rounded up; bytes below one, mebibytes where it is whole ones.
pub(super) fn kibibytes(bytes: u64) -> String {
    const KIBI: u64 = 1 << 10;
    const MEBI: u64 = 1 << 20;
    match bytes {
        0..KIBI => format!("{bytes} B"),
        _ if bytes.is_multiple_of(MEBI) => format!("{} MiB", bytes / MEBI),
        _ => format!("{} KiB", bytes.div_ceil(KIBI)),
    }
}
