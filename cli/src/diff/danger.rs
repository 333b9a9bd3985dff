//! What of a difference may cost data or the cluster, told before everything else.

use super::change::{Change, Topic};
use super::node::{Node, NodeDifference, State};
use super::plan::host;
use super::{Sides, etcd, keys, majority_stays};
use crate::names::ranges;
use serde::Serialize;

/// Something to think about before anything boots.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Danger {
    /// A fixed word for programs.
    pub(crate) code: &'static str,
    /// What it is and what to do.
    pub(crate) message: String,
}

/// Settings that a running cluster does not survive, or only with care, wherever they change: topic, subject, name, code, words.
const SETTINGS: &[(Topic, &str, &str, &str, &str)] = &[
    (
        Topic::Flags,
        "kube-controller-manager",
        "--cluster-cidr",
        "pod-subnet",
        "the pod subnet changes: nodes keep the ranges that they were given, and pods of old and new ranges do not reach each \
         other. Found a new cluster instead",
    ),
    (
        Topic::Flags,
        "kube-apiserver",
        "--service-cluster-ip-range",
        "service-subnet",
        "the service subnet changes: Services keep their addresses, while those of the API and of cluster DNS move away from \
         under every pod. Found a new cluster instead",
    ),
    (
        Topic::Kubelet,
        "",
        "clusterDomain",
        "dns-domain",
        "the DNS domain changes: names that programs know and tokens that pods hold are no longer good",
    ),
    (
        Topic::Machine,
        "",
        "data disk",
        "data-disk",
        "the data disk changes: what lies on the former one stays there; a member of etcd joins anew with its copy of the data",
    ),
];

/// Authorities by their files: which certificates they sign.
const AUTHORITIES: [(&str, &str); 4] =
    [("ca", "the cluster"), ("ca-issuing", "the cluster"), ("etcd/ca", "etcd"), ("front-proxy-ca", "the front proxy")];

/// Every danger, the gravest first.
pub(super) fn find(sides: &Sides<'_>, nodes: &[NodeDifference]) -> Vec<Danger> {
    let mut dangers = Vec::new();
    identity(sides, &mut dangers);
    if !dangers.is_empty() {
        return dangers;
    }
    numbers(nodes, &mut dangers);
    version(sides, &mut dangers);
    incarnation(nodes, &mut dangers);
    membership(nodes, &mut dangers);
    settings(nodes, &mut dangers);
    roles(nodes, &mut dangers);
    dangers
}

/// One more.
pub(super) fn push(dangers: &mut Vec<Danger>, code: &'static str, message: impl Into<String>) {
    dangers.push(Danger { code, message: message.into() });
}

/// Two clusters have nothing in common that could be compared.
fn identity(sides: &Sides<'_>, dangers: &mut Vec<Danger>) {
    let (old, new) = (sides.old, sides.new);
    if old.cluster_uid == new.cluster_uid {
        return;
    }
    push(
        dangers,
        "other-cluster",
        format!(
            "these are two clusters: {} ({}) and {} ({}). No order of boots makes one of the other: machines keep the data of the \
             cluster that they belong to. Was another state folder used than before?",
            old.cluster, old.cluster_uid, new.cluster, new.cluster_uid
        ),
    );
}

/// Nodes of both outputs.
pub(super) fn pairs(nodes: &[NodeDifference]) -> impl Iterator<Item = (&NodeDifference, &Node, &Node)> {
    nodes.iter().filter_map(|node| Some((node, node.old.as_ref()?, node.new.as_ref()?)))
}

fn numbers(nodes: &[NodeDifference], dangers: &mut Vec<Danger>) {
    let named = |wrong: &dyn Fn(&Node, &Node) -> bool| -> Vec<&str> {
        pairs(nodes).filter(|(_, old, new)| wrong(old, new)).map(|(node, ..)| node.name.as_str()).collect()
    };
    let lower = named(&|old, new| new.generation < old.generation);
    if !lower.is_empty() {
        let message = format!(
            "the new payloads of {} have lower numbers than the old ones, and machines that ran these refuse them \
             (GENERATION_LOWER). Are the folders swapped? To go back on purpose, render the old description again",
            ranges(&lower)
        );
        push(dangers, "generation-lower", message);
    }
    let same = named(&|old, new| new.generation == old.generation && new.content != old.content);
    if !same.is_empty() {
        let message = format!(
            "two payloads of {} have the same number and other content: they come from two copies of one state folder. Find the \
             right one and render with it",
            ranges(&same)
        );
        push(dangers, "generation-same", message);
    }
}

fn version(sides: &Sides<'_>, dangers: &mut Vec<Danger>) {
    let (old, new) = (&sides.old.kubernetes_version, &sides.new.kubernetes_version);
    let (Some(from), Some(to)) = (minor(old), minor(new)) else { return };
    if to < from {
        let message =
            format!("Kubernetes goes back from {old} to {new}: an older API server may not read what etcd holds");
        push(dangers, "version-back", message);
    } else if to > from + 1 {
        let message =
            format!("Kubernetes skips a minor version from {old} to {new}: render and boot the one between first");
        push(dangers, "version-skips", message);
    }
}

/// The minor version of `v1.36.3`.
fn minor(version: &str) -> Option<u64> {
    version.split('.').nth(1)?.parse().ok()
}

/// With what etcd goes on, by the plans of any members.
fn incarnation(nodes: &[NodeDifference], dangers: &mut Vec<Danger>) {
    let (Some((before, was)), Some((after, is))) =
        (etcd(nodes, |node| node.old.as_ref()), etcd(nodes, |node| node.new.as_ref()))
    else {
        return;
    };
    if before != after {
        let loss = match (&is.recover_from, &is.restore) {
            (Some(member), _) => format!("with the data of {member}: what {member} lacks is lost"),
            (None, Some(restore)) => {
                format!("with the snapshot {} on {}: what was written after it is lost", restore.file, restore.node)
            }
            (None, None) => "with nobody's data: members that hold data keep them and wait".to_owned(),
        };
        push(dangers, "incarnation", format!("etcd begins a new incarnation ({before} -> {after}) {loss}"));
    }
    let newly = |now: &[String], then: &[String]| -> Vec<String> {
        now.iter().filter(|name| !then.contains(name) || before != after).cloned().collect()
    };
    let without = newly(&is.without, &was.without);
    if !without.is_empty() {
        let message = format!(
            "nobody waits for {} (`without`): if it runs with its old payload, there may be two clusters. Switch it off or wipe it \
             before anything boots",
            without.join(", ")
        );
        push(dangers, "without", message);
    }
    let discard = newly(&is.discard, &was.discard);
    if !discard.is_empty() {
        let message =
            format!("{} sets aside the data of another cluster if it finds such (`discard`)", discard.join(", "));
        push(dangers, "discard", message);
    }
}

fn membership(nodes: &[NodeDifference], dangers: &mut Vec<Danger>) {
    let (Some((before, old)), Some((after, new))) =
        (etcd(nodes, |node| node.old.as_ref()), etcd(nodes, |node| node.new.as_ref()))
    else {
        return;
    };
    let (old, new) = (&old.members, &new.members);
    let gone: Vec<&str> = old
        .iter()
        .filter(|member| !new.iter().any(|same| same.name == member.name))
        .map(|member| member.name.as_str())
        .collect();
    if !gone.is_empty() {
        let message = format!(
            "etcd loses {}: switch it off when its turn comes below, wipe its data partition, and never boot its old payload again",
            ranges(&gone)
        );
        push(dangers, "member-removed", message);
    }
    if before == after && !majority_stays(old, new) {
        push(dangers, "majority-replaced", replaced(old.len(), old.len() - gone.len()));
    }
    for member in new.iter() {
        let moved = old.iter().find(|same| same.name == member.name && same.peer_url != member.peer_url);
        if let Some(before) = moved {
            let (from, to) = (host(&before.peer_url), host(&member.peer_url));
            let message = format!(
                "the member {} of etcd moves from {from} to {to}, and the others know it by the old address: wipe its data partition \
                 before its turn comes, so that it joins anew",
                member.name
            );
            push(dangers, "member-moved", message);
        }
    }
}

/// What to do instead, so that a majority of the former members knows every list.
fn replaced(old: usize, stay: usize) -> String {
    if old == 1 {
        return "the only member of etcd is replaced, and the new one would found an empty cluster. Begin a new incarnation with a \
                snapshot of its data (`etcd.restore`), or keep it"
            .to_owned();
    }
    format!(
        "only {stay} of {old} members of etcd stay, which is no majority. Replace them by renders one after the other, each with a \
         majority of the one before"
    )
}

fn settings(nodes: &[NodeDifference], dangers: &mut Vec<Danger>) {
    let with = |wanted: &dyn Fn(&Change) -> bool| -> Vec<&str> {
        nodes.iter().filter(|node| node.changes.iter().any(wanted)).map(|node| node.name.as_str()).collect()
    };
    let mut told = Vec::new();
    for (file, whose) in AUTHORITIES {
        let is_new =
            |change: &Change| change.topic == Topic::Certificates && change.subject == file && change.name == "key";
        if !with(&is_new).is_empty() && !told.contains(&whose) {
            told.push(whose);
            let message = format!(
                "the authority of {whose} is another one: booted machines and those that are not yet do not trust each other, so \
                 the cluster stands still until all have booted"
            );
            push(dangers, "authority", message);
        }
    }
    for (topic, subject, name, code, words) in SETTINGS {
        let is_it = |change: &Change| change.topic == *topic && change.subject == *subject && change.name == *name;
        let found = with(&is_it);
        if !found.is_empty() {
            push(dangers, code, format!("{words} ({})", ranges(&found)));
        }
    }
    keys::find(nodes, dangers);
}

fn roles(nodes: &[NodeDifference], dangers: &mut Vec<Danger>) {
    for (node, old, new) in pairs(nodes).filter(|(node, old, new)| node.state == State::Changed && old.role != new.role)
    {
        let message = format!(
            "{} turns from {} into {}: wipe its data partition, `kubectl delete node {}`, then boot it",
            node.name, old.role, new.role, node.name
        );
        push(dangers, "role", message);
    }
}
