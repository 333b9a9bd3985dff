//! What changes from one output of `kfimg render` to another, in words: for each node, and for who boots them.
//!
//! [`compare`] reads both outputs and makes a [`Difference`]; [`text`] prints it for people, serde for programs. It reads payloads
//! only: it knows no description and no state, so that whoever has two outputs can compare them. No secret is told.

mod boot;
pub(crate) mod builds;
mod change;
mod danger;
mod files;
mod keys;
mod lines;
mod node;
mod order;
mod payload;
mod plan;
mod settings;
pub(crate) mod text;

use crate::console::Console;
use crate::names;
use crate::output::{Error, Manifest, NodeRecord, Output};
use crate::steps::Steps;
use change::Change;
use danger::Danger;
use kfimg_ignition::payload::ReadError;
use node::{Node, NodeDifference, State, Text};
use order::Step;
use payload::{Carrier, carriers};
use plan::{Etcd, Member};
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// The administrator's own file.
const KUBECONFIG: &str = "admin.kubeconfig";

/// Why two outputs could not be compared.
#[derive(Debug, Error)]
pub(crate) enum Trouble {
    /// An output is missing, or damaged.
    #[error(transparent)]
    Output(#[from] Error),
    /// A payload is what the manifest says, and can't be read.
    #[error("{path}: {error}")]
    Payload {
        /// The file below its output.
        path: String,
        /// What is wrong with it.
        error: ReadError,
    },
}

/// Everything that differs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Difference {
    /// Whether anything differs that somebody would notice: content, numbers, the administrator's file.
    pub(crate) differs: bool,
    /// The old output.
    pub(crate) old: Side,
    /// The new output.
    pub(crate) new: Side,
    /// What to think about first.
    pub(crate) dangers: Vec<Danger>,
    /// What differs in the administrator's kubeconfig.
    pub(crate) administrator: Vec<Change>,
    /// Nodes with the same change together; nodes that did not change too.
    pub(crate) groups: Vec<Group>,
    /// What to do, step by step.
    pub(crate) steps: Vec<Step>,
}

/// One output as a whole.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Side {
    /// The cluster's name.
    pub(crate) cluster: String,
    /// Its identity.
    pub(crate) cluster_uid: String,
    /// Kubernetes version.
    pub(crate) kubernetes_version: String,
    /// Number of the newest payload.
    pub(crate) generation: u64,
}

/// Nodes with the same change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    /// What became of them.
    pub(crate) state: State,
    /// Their role.
    pub(crate) role: String,
    /// Their names, as people count.
    pub(crate) nodes: Vec<Numbers>,
    /// What changed.
    pub(crate) changes: Vec<Change>,
    /// Lines that differ, when they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) texts: Vec<Text>,
}

/// A node and the numbers of its payloads.
#[derive(Debug, Serialize)]
pub(crate) struct Numbers {
    /// Its name.
    pub(crate) name: String,
    /// Number of the old payload.
    pub(crate) old: Option<u64>,
    /// Number of the new payload.
    pub(crate) new: Option<u64>,
}

/// Both manifests.
#[derive(Clone, Copy)]
struct Sides<'a> {
    old: &'a Manifest,
    new: &'a Manifest,
}

/// Compares two outputs; `with_texts` asks for the lines that differ in files without secrets.
///
/// # Errors
/// Everything that is wrong with either of them.
pub(crate) fn compare(
    old: &Output,
    new: &Output,
    with_texts: bool,
    console: &Console,
) -> Result<Difference, Vec<Trouble>> {
    let sides = Sides { old: &old.manifest, new: &new.manifest };
    let names: BTreeSet<&String> = sides.old.nodes.keys().chain(sides.new.nodes.keys()).collect();
    let names: Vec<&String> = names.into_iter().collect();
    let steps = Steps::new(console, "comparing nodes", names.len());
    let compare = |name: &String| {
        let compared = compare_node(old, new, name, with_texts);
        steps.count();
        compared
    };
    let compared: Vec<_> = names.into_par_iter().map(compare).collect();
    drop(steps);
    let (mut nodes, mut troubles) = (Vec::new(), Vec::new());
    for result in compared {
        match result {
            Ok(node) => nodes.push(node),
            Err(found) => troubles.extend(found),
        }
    }
    troubles.extend([old, new].into_iter().flat_map(shared_troubles));
    let administrator = compare_kubeconfig(old, new).unwrap_or_else(|found| {
        troubles.extend(found);
        Vec::new()
    });
    if !troubles.is_empty() {
        return Err(troubles);
    }
    let dangers = danger::find(&sides, &nodes);
    let steps = order::steps(&sides, &nodes);
    let differs =
        !administrator.is_empty() || nodes.iter().any(|node| !matches!(node.state, State::Same | State::Rewritten));
    let (old, new) = (Side::of(sides.old), Side::of(sides.new));
    Ok(Difference { differs, old, new, dangers, administrator, groups: groups(nodes), steps })
}

fn compare_node(old: &Output, new: &Output, name: &str, with_texts: bool) -> Result<NodeDifference, Vec<Trouble>> {
    let carriers = carriers(old, new, name);
    let digest = |output: &Output, carrier: &Carrier| {
        output.manifest.files.get(&carrier.file).map(|record| record.sha256.clone())
    };
    let is_same_file = digest(old, &carriers.0).is_some() && digest(old, &carriers.0) == digest(new, &carriers.1);
    let booted = boot::changes(old, new, name);
    let nodes = both(read_node(old, name, &carriers.0, is_same_file), read_node(new, name, &carriers.1, is_same_file));
    match (nodes, booted) {
        (Ok((old, new)), Ok(booted)) => {
            Ok(NodeDifference::new(name.to_owned(), old, new, is_same_file, with_texts).booted_by(booted))
        }
        (nodes, booted) => Err(nodes.err().into_iter().chain(booted.err()).flatten().collect()),
    }
}

/// A node of an output, if it has it. Of a worker that did not change the payload is proven and not taken apart.
fn read_node(output: &Output, name: &str, carrier: &Carrier, is_same_file: bool) -> Result<Option<Node>, Trouble> {
    let Some(NodeRecord { role, generation, content, .. }) = output.manifest.nodes.get(name) else { return Ok(None) };
    let (tree, plan) = if is_same_file && role == "worker" {
        carrier.prove(output)?;
        Default::default()
    } else {
        carrier.read(output)?
    };
    let (role, generation, content) = (role.clone(), *generation, content.clone());
    Ok(Some(Node { role, generation, content, tree, plan, encryption_keys: output.manifest.encryption_keys.clone() }))
}

/// What is wrong with files that all machines share, or people look at. Those of nodes are read where they are compared.
fn shared_troubles(output: &Output) -> Vec<Trouble> {
    let is_shared = |path: &&String| {
        let mut parts = path.split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("nodes"), ..) | (Some("vmware"), _, Some(_)) => false,
            (Some("pxe"), Some(script), None) => !script.contains('-'),
            (Some(file), None, _) => file != KUBECONFIG,
            _ => true,
        }
    };
    let shared = output.manifest.files.keys().filter(is_shared);
    shared.filter_map(|path| output.read(path).err()).map(Trouble::from).collect()
}

fn compare_kubeconfig(old: &Output, new: &Output) -> Result<Vec<Change>, Vec<Trouble>> {
    let read = |output: &Output| output.read(KUBECONFIG).map_err(Trouble::from);
    let (old, new) = both(read(old), read(new))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(if old == new { Vec::new() } else { files::kubeconfig("", &text(&old), &text(&new)) })
}

/// Both results, or everything that is wrong.
fn both<T>(old: Result<T, Trouble>, new: Result<T, Trouble>) -> Result<(T, T), Vec<Trouble>> {
    match (old, new) {
        (Ok(old), Ok(new)) => Ok((old, new)),
        (old, new) => Err([old.err(), new.err()].into_iter().flatten().collect()),
    }
}

/// etcd by the plan of the first node that has it, with the number of its incarnation.
fn etcd<'n>(
    nodes: &'n [NodeDifference],
    side: impl Fn(&'n NodeDifference) -> Option<&'n Node>,
) -> Option<(u64, &'n Etcd)> {
    nodes.iter().filter_map(side).find_map(|node| Some((node.plan.cluster.incarnation, node.plan.etcd.as_ref()?)))
}

/// Whether a majority of the former members of etcd stay. Without one the new members can't come to agree with them, unless a new
/// incarnation says whose data count.
fn majority_stays(old: &[Member], new: &[Member]) -> bool {
    let stay = old.iter().filter(|member| new.iter().any(|same| same.name == member.name)).count();
    stay * 2 > old.len()
}

/// Nodes with the same change together: control planes first, then what became of them, then by name.
fn groups(nodes: Vec<NodeDifference>) -> Vec<Group> {
    type Key = (State, String, Vec<Change>, Vec<Text>);
    let mut found: BTreeMap<Key, Vec<Numbers>> = BTreeMap::new();
    for node in nodes {
        let role = node.role().to_owned();
        let NodeDifference { name, state, old, new, changes, texts } = node;
        let number = |node: Option<Node>| node.map(|node| node.generation);
        let numbers = Numbers { name, old: number(old), new: number(new) };
        found.entry((state, role, changes, texts)).or_default().push(numbers);
    }
    let mut groups: Vec<Group> = found
        .into_iter()
        .map(|((state, role, changes, texts), mut nodes)| {
            nodes.sort_by(|one, other| names::natural(&one.name, &other.name));
            Group { state, role, nodes, changes, texts }
        })
        .collect();
    let order = |group: &Group| (group.state == State::Same, rank(&group.role), group.state);
    groups.sort_by(|one, other| {
        order(one).cmp(&order(other)).then_with(|| names::natural(&one.nodes[0].name, &other.nodes[0].name))
    });
    groups
}

/// The order of roles for people.
fn rank(role: &str) -> usize {
    ["control-plane", "etcd", "worker"].iter().position(|known| *known == role).unwrap_or(3)
}

impl Side {
    fn of(manifest: &Manifest) -> Self {
        Self {
            cluster: manifest.cluster.clone(),
            cluster_uid: manifest.cluster_uid.clone(),
            kubernetes_version: manifest.kubernetes_version.clone(),
            generation: manifest.generation,
        }
    }
}
