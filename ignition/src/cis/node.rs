//! One node's tree with what checks ask of it again and again.

use super::applied::Applied;
use super::facts;
use super::kubelet::Kubelet;
use super::program::{Program, StaticPod};
use crate::tree::NodeTree;
use kfimg_agent::plan::{self, PLAN_PATH, Plan};
use kfimg_profiles::description::Role;
use thiserror::Error;

/// Where the kubelet looks for static pods.
const MANIFEST_FOLDER: &str = "/etc/kubernetes/manifests/";

/// A tree that no render makes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{PLAN_PATH}: {0}; this is a bug of kfimg")]
pub struct ReadError(String);

/// A node to be judged.
pub(super) struct Node<'a> {
    pub(super) tree: &'a NodeTree,
    pub(super) plan: Plan,
    pub(super) applied: &'a Applied,
    pub(super) kubelet: Kubelet,
    /// Of control planes and etcd members; no check asks for those of others.
    pub(super) static_pods: Vec<StaticPod>,
}

impl<'a> Node<'a> {
    pub(super) fn read(tree: &'a NodeTree, applied: &'a Applied) -> Result<Self, ReadError> {
        let plan = read_plan(tree)?;
        let static_pods = if plan.node.role == plan::Role::Worker { Vec::new() } else { static_pods(tree, &plan) };
        Ok(Self { tree, applied, kubelet: Kubelet::read(tree), static_pods, plan })
    }

    /// The node's role.
    pub(super) fn role(&self) -> Role {
        match self.plan.node.role {
            plan::Role::ControlPlane => Role::ControlPlane,
            plan::Role::Etcd => Role::Etcd,
            plan::Role::Worker => Role::Worker,
        }
    }

    /// The static pod of a program.
    pub(super) fn program(&self, program: Program) -> Option<&StaticPod> {
        self.static_pods.iter().find(|pod| pod.name() == program.pod())
    }
}

/// The node's plan.
pub(super) fn read_plan(tree: &NodeTree) -> Result<Plan, ReadError> {
    let text = facts::text(tree, PLAN_PATH).ok_or_else(|| ReadError("there is no plan".to_owned()))?;
    serde_json::from_str(text).map_err(|error| ReadError(error.to_string()))
}

fn static_pods(tree: &NodeTree, plan: &Plan) -> Vec<StaticPod> {
    let there = tree.entries().map(|(path, _)| path.as_str()).filter(|path| path.starts_with(MANIFEST_FOLDER));
    let waiting = plan.manifests().map(|install| install.source.as_str());
    there.chain(waiting).filter_map(|path| StaticPod::read(tree, path)).collect()
}
