//! Layers to one cluster: reads what the command line names, merges it, decodes it, checks it, resolves it.
//!
//! It finds every problem that can be found in one run. What a description may say is in [`crate::description`].

mod csv;
mod document;
mod explain;
mod inventory;
mod layer;
mod merge;
mod read;
mod set;

pub use document::{Document, document};
pub use explain::Setting;

use crate::check;
use crate::cluster::Cluster;
use crate::description::{self, Description};
use crate::document::{Node, Sources, decode_with_list};
use crate::problem::{Problem, Report, Severity};
use crate::resolve::{self, Input, SystemResolver};
use layer::Layers;
use read::Disk;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What the command line names. Later layers win: profile, sites, inventory, sets, registry.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// A built-in profile's name, the name of `profiles/<name>.yaml`, or a path.
    pub profile: Option<String>,
    /// Site files; `-` is standard input.
    pub sites: Vec<PathBuf>,
    /// The machines, CSV or YAML by the file's extension.
    pub inventory: Option<PathBuf>,
    /// `path=value`.
    pub sets: Vec<String>,
    /// `host` or `host:port`.
    pub registry: Option<String>,
    /// Whether to look up names.
    pub resolve: bool,
    /// The folder from which relative paths start.
    pub folder: PathBuf,
}

/// A description without errors.
#[derive(Debug)]
pub struct Loaded {
    /// What it describes.
    pub cluster: Cluster,
    /// Its warnings.
    pub report: Report,
    /// What some of its settings will do, in words.
    pub notes: Report,
    /// The texts that the warnings point into.
    pub sources: Sources,
    /// Addresses that were looked up, by name, with commas between.
    pub resolved: BTreeMap<String, String>,
    description: Description,
    tree: Arc<Node>,
}

/// A description that cannot be used.
#[derive(Debug)]
pub struct Failed {
    /// Every problem.
    pub report: Report,
    /// The texts that the problems point into.
    pub sources: Sources,
    /// Whether every error is an input that is missing or cannot be read.
    pub missing_input: bool,
}

/// Codes of problems that say that an input is missing.
const MISSING: [&str; 4] = ["missing-input", "unreadable-input", "missing-file", "unreadable-file"];

/// Loads a description.
///
/// # Errors
/// [`Failed`] with every problem when there is an error among them.
pub fn load(inputs: &Inputs) -> Result<Loaded, Box<Failed>> {
    let mut sources = Sources::new();
    let mut report = Report::new();
    let tree = Layers::read(inputs, &mut sources, &mut report).and_then(|layers| layers.merge(&sources, &mut report));
    let Some(tree) = tree.map(Arc::new) else {
        if !report.has_errors() {
            let problem = Problem::new(Severity::Error, "no-description", "the files that were named say nothing");
            report.push(problem).help("name a profile, such as `--profile ha3`");
        }
        return Err(failed(report, sources));
    };
    report.set_tree(Arc::clone(&tree));
    let mut description: Description = decode_with_list::<_, description::Node>(&tree, "nodes", &sources, &mut report);
    let resolved = if inputs.resolve { look_up(&mut description, &mut report) } else { BTreeMap::new() };
    check::check(&description, &mut report);
    let input = Input { description: &description, tree: &tree, reader: &Disk };
    let resolved_cluster = resolve::resolve(input, &mut sources, &mut report);
    // What settings will do is no news beside what is wrong.
    let notes = report.split_notes();
    match resolved_cluster {
        Some(cluster) if !report.has_errors() => {
            Ok(Loaded { cluster, report, notes, sources, resolved, description, tree })
        }
        _ => Err(failed(report, sources)),
    }
}

impl Loaded {
    /// An empty report that knows where the settings stand, for what only others can judge.
    #[must_use]
    pub fn new_report(&self) -> Report {
        let mut report = Report::new();
        report.set_tree(Arc::clone(&self.tree));
        report
    }

    /// Every setting with its value and where it came from, in the order of the description's types.
    pub fn explain(&self) -> Vec<Setting> {
        explain::explain(&self.description, &self.tree, &self.sources)
    }
}

fn look_up(description: &mut Description, report: &mut Report) -> BTreeMap<String, String> {
    let found = resolve::look_up(description, &SystemResolver, report);
    let text = |addresses: &[std::net::IpAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    found.into_iter().map(|found| (found.name, text(&found.addresses))).collect()
}

fn failed(report: Report, sources: Sources) -> Box<Failed> {
    let missing_input = report
        .problems()
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .all(|problem| MISSING.contains(&problem.code));
    Box::new(Failed { report, sources, missing_input })
}

#[cfg(test)]
mod edge_tests;
#[cfg(test)]
mod inventory_tests;
#[cfg(test)]
mod tests;
