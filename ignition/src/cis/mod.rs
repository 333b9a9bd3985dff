//! The CIS Kubernetes Benchmark 1.12, held against what a render puts on each node: every check by its id, with what was
//! found, what is required and which setting changes it.
//!
//! It reads finished trees and writes nothing. Ids, kinds and conditions are those of kube-bench (`cfg/cis-1.12` of
//! `github.com/aquasecurity/kube-bench` v0.15.6, conditions as its package `check` reads them), which judges running nodes;
//! titles are our own. Where a file or folder comes to be on the node only, what makes it is judged: the rule of
//! tmpfiles.d, the line of a unit. Checks that the benchmark leaves to people are judged as far as a tree tells, and
//! otherwise say why not.

mod applied;
mod audit_policy;
mod check;
mod facts;
mod files;
mod judgements;
mod kubelet;
mod lint;
mod node;
mod outcome;
mod pods;
mod policies;
mod program;
mod require;
mod rights;
mod rule;
mod table;
mod unit;
mod waivers;

pub use applied::Applied;
pub use check::{Check, Kind};
pub use lint::{Finding, Lint, RoleTotals, Row, State, Totals};
pub use node::ReadError;
pub use outcome::{Fault, Outcome};
pub use table::{checks, find};
pub use waivers::{Waiver, WaiverFile, Waivers};

use crate::tree::NodeTree;
use kfimg_profiles::description::Role;
use node::Node;

/// The benchmark, as kube-bench names it.
pub const BENCHMARK: &str = "cis-1.12";

/// All checks of one node.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The node.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The outcome of each check, in the order of [`checks`].
    pub outcomes: Vec<Outcome>,
}

/// Judges a node's tree. `applied` is what the control planes of its cluster apply: kube-proxy is part of it.
///
/// # Errors
/// [`ReadError`] for a tree that no render makes.
pub fn judge(tree: &NodeTree, applied: &Applied) -> Result<Judged, ReadError> {
    let node = Node::read(tree, applied)?;
    let outcomes = checks().map(|check| check.judge(&node)).collect();
    Ok(Judged { name: node.plan.node.name.clone(), role: node.role(), outcomes })
}
