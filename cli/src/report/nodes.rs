//! Machines: each control plane and member of etcd, workers by their settings, every file without its contents.

use super::model::{File, FileKind, Group, Node, Report, Size};
use super::page::{called, counted, kibibytes};
use kfimg_builder::html::{Attributes, Html};
use kfimg_profiles::description::Role;

/// Up to so many workers of a kind are listed without a click.
const LISTED: usize = 6;

/// All groups.
pub(super) fn write(report: &Report, html: &mut Html) {
    let total: usize = report.groups.iter().map(|group| group.nodes.len()).sum();
    if total > 2 * LISTED {
        html.raw("<p class=\"filter\" hidden><label>Find a machine <input type=\"search\" id=\"find\" placeholder=\"name, address or MAC\"></label> <output id=\"found\" for=\"find\"></output></p>\n");
    }
    html.nest("div", &[("class", &"nodes")], |html| report.groups.iter().for_each(|group| write_group(group, html)));
}

fn write_group(group: &Group, html: &mut Html) {
    let (class, role) = match group.role {
        Role::ControlPlane => ("node control-plane", "control plane"),
        Role::Etcd => ("node etcd", "etcd"),
        Role::Worker => ("node worker", "worker"),
    };
    html.nest("article", &[("class", &class)], |html| {
        let names: Vec<&str> = group.nodes.iter().map(|node| node.name.as_str()).collect();
        html.nest("h3", &[], |html| {
            html.text(called(&names));
            let label = if names.len() == 1 { role.to_owned() } else { counted(group.role, names.len()) };
            html.element("span", &[("class", &"role")], label);
        });
        if let [node] = group.nodes.as_slice() {
            write_identity(node, html);
        }
        html.nest("div", &[("class", &"pair")], |html| {
            match group.nodes.as_slice() {
                [node] => write_sizes(&node.sizes, "", html),
                nodes => write_sizes(&largest(nodes), "at most ", html),
            }
            write_settings(group, html);
        });
        if group.nodes.len() > 1 {
            write_list(&group.nodes, html);
        }
        write_files(group, html);
    });
}

fn write_settings(group: &Group, html: &mut Html) {
    html.nest("dl", &[("class", &"settings")], |html| {
        for (name, value) in &group.settings {
            html.element("dt", &[], name);
            html.element("dd", &[], value);
        }
    });
}

fn write_identity(node: &Node, html: &mut Html) {
    html.nest("p", &[("class", &"address")], |html| {
        node.addresses.iter().chain(&node.hardware).for_each(|text| html.element("span", &[], text));
        html.element("span", &[], format_args!("generation {}", node.generation));
    });
}

/// The largest of each part.
fn largest(nodes: &[Node]) -> Vec<Size> {
    let largest = nodes[0].sizes.iter().filter_map(|first| {
        let is_same = |size: &&Size| (size.channel, &size.part) == (first.channel, &first.part);
        let sizes = nodes.iter().filter_map(|node| node.sizes.iter().find(is_same));
        sizes.max_by_key(|size| size.bytes).cloned()
    });
    largest.collect()
}

/// All machines of a kind.
fn write_list(nodes: &[Node], html: &mut Html) {
    if nodes.len() <= LISTED {
        return write_table(nodes, html);
    }
    html.nest("details", &[("class", &"list")], |html| {
        html.element("summary", &[], format_args!("All {} machines", nodes.len()));
        write_table(nodes, html);
    });
}

fn write_table(nodes: &[Node], html: &mut Html) {
    let is_known = nodes.iter().any(|node| !node.hardware.is_empty());
    let is_own = nodes.iter().any(|node| !node.own.is_empty());
    html.nest("div", &[("class", &"wide")], |html| {
        html.nest("table", &[("class", &"machines")], |html| {
            html.raw("<thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Address</th>");
            if is_known {
                html.raw("<th scope=\"col\">Hardware</th>");
            }
            if is_own {
                html.raw("<th scope=\"col\">Its own settings</th>");
            }
            html.raw("<th scope=\"col\">Generation</th><th scope=\"col\">Largest part</th></tr></thead>");
            html.nest("tbody", &[], |html| nodes.iter().for_each(|node| write_row(node, is_known, is_own, html)));
        });
    });
}

fn write_row(node: &Node, is_known: bool, is_own: bool, html: &mut Html) {
    // The first one is nearest to its limit.
    let size = node.sizes.first().map_or_else(String::new, |size| match size.limit {
        Some(_) => format!("{}, {} %", kibibytes(size.bytes), size.percent()),
        None => kibibytes(size.bytes),
    });
    html.nest("tr", &[], |html| {
        html.element("td", &[], &node.name);
        html.element("td", &[], node.addresses.join(" "));
        if is_known {
            html.element("td", &[], node.hardware.join(" "));
        }
        if is_own {
            html.element("td", &[("class", &"own")], &node.own);
        }
        html.element("td", &[], node.generation);
        html.element("td", &[], size);
    });
}

/// The parts of a payload, each by its channel: those with a limit have a bar that is full at it.
fn write_sizes(sizes: &[Size], words: &str, html: &mut Html) {
    html.nest("dl", &[("class", &"sizes")], |html| {
        for size in sizes {
            html.nest("div", &[], |html| {
                html.nest("dt", &[], |html| {
                    html.text(size.channel);
                    html.element("small", &[], &size.part);
                });
                html.nest("dd", &[], |html| write_size(size, words, html));
            });
        }
    });
}

fn write_size(size: &Size, words: &str, html: &mut Html) {
    let bytes = kibibytes(size.bytes);
    match size.limit {
        Some(limit) => {
            html.text(format_args!("{words}{bytes} of {}", kibibytes(limit)));
            write_bar(size.percent(), html);
        }
        None => {
            html.text(format_args!("{words}{bytes}"));
            html.element("small", &[], "no limit");
        }
    }
}

fn write_bar(percent: u64, html: &mut Html) {
    let class = match percent {
        0..=80 => "bar",
        81..=100 => "bar near",
        _ => "bar over",
    };
    let attributes: Attributes<'_> =
        &[("class", &class), ("viewBox", &"0 0 100 6"), ("preserveAspectRatio", &"none"), ("aria-hidden", &"true")];
    html.nest("svg", attributes, |html| {
        html.raw("<rect class=\"room\" width=\"100\" height=\"6\"/>");
        html.element("rect", &[("class", &"used"), ("width", &percent.min(100)), ("height", &6)], "");
    });
}

fn write_files(group: &Group, html: &mut Html) {
    let bytes: u64 = group.files.iter().map(|file| if let FileKind::File(bytes) = file.kind { bytes } else { 0 }).sum();
    let secrets = group.files.iter().filter(|file| file.is_secret).count();
    let whose = if group.nodes.len() == 1 { String::new() } else { format!(" as {} gets them", group.nodes[0].name) };
    html.nest("details", &[("class", &"files")], |html| {
        html.element(
            "summary",
            &[],
            format_args!("{} files and links{whose}, {}, {secrets} of them secret", group.files.len(), kibibytes(bytes)),
        );
        html.nest("div", &[("class", &"wide")], |html| {
            html.nest("table", &[], |html| {
                html.raw("<thead><tr><th scope=\"col\">Path</th><th scope=\"col\">Mode</th><th scope=\"col\">Owner</th><th scope=\"col\">Size</th></tr></thead>");
                html.nest("tbody", &[], |html| group.files.iter().for_each(|file| write_file(file, html)));
            });
        });
    });
}

fn write_file(file: &File, html: &mut Html) {
    html.nest("tr", &[], |html| {
        html.nest("td", &[], |html| {
            html.element("code", &[], &file.path);
            if file.is_secret {
                html.element("span", &[("class", &"secret")], "secret");
            }
        });
        match &file.kind {
            FileKind::Link(target) => html.element("td", &[("colspan", &3)], format_args!("link to {target}")),
            FileKind::File(bytes) => {
                html.element("td", &[], format_args!("{:04o}", file.mode));
                html.element("td", &[], &file.owner);
                html.element("td", &[], format_args!("{bytes} B"));
            }
            FileKind::Folder => {
                html.element("td", &[], format_args!("{:04o}", file.mode));
                html.element("td", &[], &file.owner);
                html.element("td", &[], "folder");
            }
        }
    });
}
