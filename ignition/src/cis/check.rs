//! What a check is: its id, what it asks, who has it.
//!
//! The checks themselves are the tables in [`super::table`].

use super::node::Node;
use super::outcome::Outcome;
use super::rule::Rule;
use super::table;
use kfimg_profiles::description::Role;
use serde::Serialize;

/// One check of the benchmark.
#[derive(Debug)]
pub struct Check {
    /// Its number, such as `1.2.16`.
    pub id: &'static str,
    /// What must hold, in a few words.
    pub title: &'static str,
    /// Whether the benchmark leaves it to people.
    pub kind: Kind,
    /// The setting of the description that changes the answer; `None`: kfimg writes it so, whatever the description says.
    pub setting: Option<&'static str>,
    /// What to know about kfimg's own answer.
    pub note: Option<&'static str>,
    pub(super) on: On,
    pub(super) rule: Rule,
}

/// Who judges a check, for the benchmark.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A program can.
    Automated,
    /// People have to look. A program may still tell what it sees.
    Manual,
}

impl Kind {
    /// `automated` or `manual`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Automated => "automated",
            Self::Manual => "manual",
        }
    }
}

/// Which nodes have what a check is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum On {
    EveryNode,
    /// Whoever runs an API server; what the cluster applies is theirs, too.
    ControlPlanes,
    EtcdMembers,
    /// Control planes and etcd members.
    Servers,
    /// Whose kubelet opens its port.
    OpenKubelets,
    /// Whose kubelet has a kubeconfig.
    JoiningKubelets,
}

impl On {
    /// Why a node has nothing that the check is about.
    fn excuse(self, node: &Node<'_>) -> Option<&'static str> {
        let is_server = node.role() == Role::ControlPlane;
        let is_member = node.plan.etcd.is_some();
        let (has, excuse) = match self {
            Self::EveryNode => (true, ""),
            Self::ControlPlanes => (is_server, "the node is no control plane"),
            Self::EtcdMembers => (is_member, "the node runs no etcd"),
            Self::Servers => (is_server || is_member, "the node runs neither an API server nor etcd"),
            Self::OpenKubelets => (node.kubelet.is_open(), "the kubelet's server is off"),
            Self::JoiningKubelets => (node.kubelet.joins(), "the kubelet has no kubeconfig"),
        };
        (!has).then_some(excuse)
    }

    /// For people.
    fn words(self) -> &'static str {
        match self {
            Self::EveryNode => "every node",
            Self::ControlPlanes => "control planes",
            Self::EtcdMembers => "etcd members",
            Self::Servers => "control planes and etcd members",
            Self::OpenKubelets | Self::JoiningKubelets => "nodes of the cluster",
        }
    }
}

impl Check {
    pub(super) fn judge(&self, node: &Node<'_>) -> Outcome {
        match self.on.excuse(node) {
            Some(reason) => Outcome::NotApplicable(reason),
            None => self.rule.judge(node),
        }
    }

    /// What it and its neighbours are about.
    pub fn heading(&self) -> &'static str {
        table::heading(self.id)
    }

    /// Which nodes have it.
    pub fn nodes(&self) -> &'static str {
        self.on.words()
    }

    /// Why it is left to people; `None`: it is judged.
    pub fn left_to_people(&self) -> Option<&'static str> {
        match self.rule {
            Rule::People(reason) => Some(reason),
            _ => None,
        }
    }
}

/// A check that a program can judge.
pub(super) const fn automated(id: &'static str, title: &'static str, on: On, rule: Rule) -> Check {
    Check { id, title, kind: Kind::Automated, setting: None, note: None, on, rule }
}

/// A check that the benchmark leaves to people.
pub(super) const fn manual(id: &'static str, title: &'static str, on: On, rule: Rule) -> Check {
    Check { id, title, kind: Kind::Manual, setting: None, note: None, on, rule }
}

impl Check {
    /// Names the setting that changes the answer.
    pub(super) const fn setting(self, setting: &'static str) -> Self {
        Self { setting: Some(setting), ..self }
    }

    /// Says what to know about kfimg's own answer.
    pub(super) const fn note(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }
}
