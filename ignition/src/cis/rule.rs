//! The condition of a check, as data wherever it can be, and how each kind is judged.

use super::facts::{self, Fact};
use super::files::{Files, Found};
use super::kubelet::Field;
use super::node::Node;
use super::outcome::{Fault, Outcome};
use super::pods::Look;
use super::program::Program;
use super::require::Require;
use super::rights::Right;
use crate::tree::Owner;

/// What must hold.
#[derive(Debug)]
pub(super) enum Rule {
    /// No permission bits beside these.
    Mode(Files, u32),
    /// The user and the group of this name own them.
    Owner(Files, &'static str),
    /// Flags of a program, all of them.
    Flags(Program, &'static [(&'static str, Require)]),
    /// Settings of the kubelet, all of them.
    Kubelet(&'static [Field]),
    /// Something that no pod of the cluster does.
    Pods(Look),
    /// Rights that no role among the applied objects gives.
    Rights(&'static [Right]),
    /// A small function.
    Judge(fn(&Node<'_>) -> Outcome),
    /// Nothing in a tree tells; why.
    People(&'static str),
}

impl Rule {
    pub(super) fn judge(&self, node: &Node<'_>) -> Outcome {
        match self {
            Self::Mode(files, allowed) => with_facts(node, *files, |fact| {
                (fact.mode & !allowed != 0).then(|| {
                    let found = format!("mode {:04o}", fact.mode);
                    Fault::new(&fact.path, found, format!("mode {allowed:04o} or stricter"))
                })
            }),
            Self::Owner(files, name) => owner(node, *files, name),
            Self::Flags(program, flags) => match node.program(*program) {
                None => Outcome::Fail(vec![missing(&format!("the manifest of {}", program.pod()))]),
                Some(pod) => flags.iter().filter_map(|(name, require)| pod.fault(name, require)).collect(),
            },
            Self::Kubelet(fields) => fields.iter().filter_map(|field| node.kubelet.fault(field)).collect(),
            Self::Pods(look) => look.judge(node),
            Self::Rights(rights) => super::rights::judge(node.applied, rights),
            Self::Judge(function) => function(node),
            Self::People(reason) => Outcome::NotJudged(reason),
        }
    }
}

fn owner(node: &Node<'_>, files: Files, name: &str) -> Outcome {
    let required = facts::account(node.tree, name).map(|number| Owner { uid: number, gid: number });
    with_facts(node, files, |fact| {
        (Some(fact.owner) != required).then(|| {
            let name_of = |number| facts::account_name(node.tree, number);
            let found = format!("owner {}:{}", name_of(fact.owner.uid), name_of(fact.owner.gid));
            Fault::new(&fact.path, found, format!("owner {name}:{name}"))
        })
    })
}

/// Judges what was found, file by file.
fn with_facts(node: &Node<'_>, files: Files, fault: impl Fn(&Fact) -> Option<Fault>) -> Outcome {
    match files.find(node) {
        Found::Facts(facts) => facts.iter().filter_map(fault).collect(),
        Found::Missing(what) => Outcome::Fail(vec![missing(&what)]),
        Found::Nothing(reason) => Outcome::NotApplicable(reason),
    }
}

fn missing(what: &str) -> Fault {
    Fault::new(what, "it is not there", "it is there")
}
