//! In which order machines boot with their new payloads, so that nothing is lost and the cluster goes on.
//!
//! The rules: never two members of etcd at once; members before other control planes, control planes before workers, because
//! neither a kubelet nor kube-proxy may be newer than an API server that it meets (Kubernetes' version skew policy); workers a
//! tenth at a time. A new incarnation of etcd is the exception: its members have no
//! majority before all of them have booted. Where most members are replaced at once there is no order.

use super::change::{Change, Topic};
use super::node::{NodeDifference, State};
use super::plan::{Etcd, Member};
use super::{Sides, etcd, majority_stays};
use crate::names::{natural, ranges};
use crate::output::Manifest;
use serde::Serialize;
use std::collections::BTreeSet;

/// Into so many parts workers are divided, as kfimg's DaemonSets are (`maxUnavailable: 10%`).
const PARTS: usize = 10;

/// One thing to do before the next one.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    /// What to do.
    pub(crate) action: Action,
    /// With whom; all at once.
    pub(crate) nodes: Vec<String>,
    /// How, where there is more to say than to wait until they are up.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
}

/// What is done with nodes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Something before the first boot; no node.
    Prepare,
    /// Boot again with the new payload.
    Boot,
    /// Boot for the first time.
    BootNew,
    /// Switch off for good.
    SwitchOff,
    /// Nothing now: the next boot brings what changed, and nothing waits for it.
    Later,
}

const OFF: &str =
    "wipe its data partition, and wait until the others have taken it out of etcd's list (a minute or two)";

/// The steps, none when no machine needs a boot. Two clusters have no order between them.
pub(super) fn steps(sides: &Sides<'_>, nodes: &[NodeDifference]) -> Vec<Step> {
    if sides.old.cluster_uid != sides.new.cluster_uid {
        return Vec::new();
    }
    let mut steps = Order::new(nodes).steps();
    if steps.iter().any(|step| matches!(step.action, Action::Boot | Action::BootNew)) {
        steps.splice(0..0, preparation(sides, nodes));
    }
    steps
}

/// Images are there before somebody asks for them.
fn preparation(sides: &Sides<'_>, nodes: &[NodeDifference]) -> Option<Step> {
    let images = |manifest: &Manifest| -> BTreeSet<String> {
        manifest.nodes.values().flat_map(|node| node.images.iter().cloned()).collect()
    };
    let (old, new) = (images(sides.old), images(sides.new));
    let is_moved = |change: &Change| change.topic == Topic::Registry && change.name == "server";
    let note = match new.difference(&old).count() {
        _ if nodes.iter().flat_map(|node| &node.changes).any(is_moved) => {
            format!("all {} images of the new images.txt must be in the new registry", new.len())
        }
        0 => return None,
        1 => "the one new image of images.txt must be in the registry, or on the medium".to_owned(),
        count => format!("the {count} new images of images.txt must be in the registry, or on the medium"),
    };
    Some(Step { action: Action::Prepare, nodes: Vec::new(), note })
}

/// Who does what, each list in the order in which people count.
struct Order<'a> {
    nodes: &'a [NodeDifference],
    old: &'a [Member],
    new: &'a [Member],
    /// etcd, when it begins a new incarnation.
    begun: Option<&'a Etcd>,
}

impl<'a> Order<'a> {
    fn new(nodes: &'a [NodeDifference]) -> Self {
        let (old, new) = (etcd(nodes, |node| node.old.as_ref()), etcd(nodes, |node| node.new.as_ref()));
        let begun = old.zip(new).filter(|((before, _), (after, _))| before != after).map(|(_, (_, etcd))| etcd);
        let members = |etcd: Option<(u64, &'a Etcd)>| etcd.map(|(_, etcd)| etcd.members.as_slice()).unwrap_or_default();
        Self { nodes, old: members(old), new: members(new), begun }
    }

    /// Names of nodes in a state, of whom something holds.
    fn named(&self, state: State, holds: impl Fn(&NodeDifference) -> bool) -> Vec<String> {
        let found = self.nodes.iter().filter(|node| node.state == state && !is_for_the_next_boot(node) && holds(node));
        let mut names: Vec<String> = found.map(|node| node.name.clone()).collect();
        names.sort_by(|one, other| natural(one, other));
        names
    }

    fn was_member(&self, node: &NodeDifference) -> bool {
        self.old.iter().any(|member| member.name == node.name)
    }

    fn is_member(&self, node: &NodeDifference) -> bool {
        self.new.iter().any(|member| member.name == node.name)
    }

    fn is_beside(&self, node: &NodeDifference) -> bool {
        !self.is_member(node) && !self.was_member(node)
    }

    /// Whether a machine beside etcd's members has to boot: it does nothing with the number of etcd's incarnation.
    fn needs_boot(node: &NodeDifference) -> bool {
        node.changes.iter().any(|change| change.topic != Topic::Etcd)
    }

    /// All nodes, those that decide about the cluster first.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        match self.begun {
            Some(etcd) => self.found(etcd.recover_from.as_deref(), &etcd.without, &mut steps),
            None if majority_stays(self.old, self.new) || self.old.is_empty() => self.roll(&mut steps),
            None => return steps,
        }
        self.control_planes(&mut steps);
        self.workers(&mut steps);
        let mut later = self.named(State::Changed, |node| self.is_beside(node) && !Self::needs_boot(node));
        later.extend(self.nodes.iter().filter(|node| is_for_the_next_boot(node)).map(|node| node.name.clone()));
        later.sort_by(|one, other| natural(one, other));
        group(&mut steps, Action::Later, later, "no boot for this");
        steps
    }

    /// Control planes beside etcd.
    fn control_planes(&self, steps: &mut Vec<Step>) {
        let beside = |node: &NodeDifference| node.role() == "control-plane" && self.is_beside(node);
        let changed = self.named(State::Changed, |node| beside(node) && Self::needs_boot(node));
        each(steps, Action::Boot, changed, "");
        each(steps, Action::BootNew, self.named(State::New, beside), "");
        let gone = self.named(State::Removed, beside);
        let note = delete(&gone);
        group(steps, Action::SwitchOff, gone, &note);
    }

    /// All members, without waiting between them. Whose data count comes last: while others still run with their old payloads,
    /// nothing is then acknowledged that it lacks.
    fn found(&self, source: Option<&str>, without: &[String], steps: &mut Vec<Step>) {
        let mut first: Vec<String> = [State::Changed, State::New]
            .into_iter()
            .flat_map(|state| self.named(state, |node| self.is_member(node) && !without.contains(&node.name)))
            .collect();
        let last: Vec<String> = first.iter().filter(|name| Some(name.as_str()) == source).cloned().collect();
        first.retain(|name| Some(name.as_str()) != source);
        let gone = self.named(State::Removed, |node| self.was_member(node));
        group(steps, Action::SwitchOff, gone, "before anything boots; wipe the data partition");
        let note = "one after the other, without waiting: none of them is up before all have booted";
        group(steps, Action::Boot, first, note);
        group(steps, Action::Boot, last, "last, because its data count; then wait until all members are up");
        let away = self.named(State::Changed, |node| self.is_member(node) && without.contains(&node.name));
        group(
            steps,
            Action::Boot,
            away,
            "whenever it comes back, with this payload only: it sets its data aside and joins",
        );
    }

    /// One member after the other. Those who stay come first; then each one that goes makes room for one that comes, as soon as
    /// most of the new list's members have it: only then do they take somebody out.
    fn roll(&self, steps: &mut Vec<Step>) {
        let stay = self.named(State::Changed, |node| self.was_member(node) || self.is_member(node));
        let is_alone = self.old.len() == 1 && self.new.len() == 1;
        each(steps, Action::Boot, stay, if is_alone { "the API is away meanwhile" } else { "" });
        let mut gone = self.named(State::Removed, |node| self.was_member(node)).into_iter();
        let mut come = self.named(State::New, |node| self.is_member(node)).into_iter();
        while gone.len() + come.len() > 0 {
            let knowing = self.new.len() - come.len();
            if knowing * 2 > self.new.len() || come.len() == 0 {
                each(steps, Action::SwitchOff, gone.next(), OFF);
            }
            each(steps, Action::BootNew, come.next(), "");
        }
    }

    fn workers(&self, steps: &mut Vec<Step>) {
        let is_worker = |node: &NodeDifference| node.role() == "worker" && self.is_beside(node);
        let changed = self.named(State::Changed, |node| is_worker(node) && Self::needs_boot(node));
        let size = changed.len().div_ceil(PARTS).max(1);
        changed.chunks(size).for_each(|part| group(steps, Action::Boot, part.to_vec(), ""));
        group(steps, Action::BootNew, self.named(State::New, is_worker), "in any order");
        let gone = self.named(State::Removed, is_worker);
        let note = delete(&gone);
        group(steps, Action::SwitchOff, gone, &note);
    }
}

/// How Nodes that are gone leave the API.
fn delete(names: &[String]) -> String {
    const MOST: usize = 4;
    let named = if names.len() > MOST { "NAME …".to_owned() } else { names.join(" ") };
    format!("then `kubectl delete node {named}`")
}

/// One step for each node.
fn each(steps: &mut Vec<Step>, action: Action, names: impl IntoIterator<Item = String>, note: &str) {
    steps.extend(names.into_iter().map(|name| Step { action, nodes: vec![name], note: note.to_owned() }));
}

/// One step for all nodes, if there are any.
fn group(steps: &mut Vec<Step>, action: Action, nodes: Vec<String>, note: &str) {
    if !nodes.is_empty() {
        steps.push(Step { action, nodes, note: note.to_owned() });
    }
}

/// Whether nothing changed but where the machine asks when it boots.
fn is_for_the_next_boot(node: &NodeDifference) -> bool {
    let is_server = |change: &Change| change.topic == Topic::Boot && change.name == super::boot::SERVER;
    node.state == State::Changed && node.changes.iter().all(is_server)
}

impl Step {
    /// The step for people.
    pub(super) fn words(&self) -> String {
        let names: Vec<&str> = self.nodes.iter().map(String::as_str).collect();
        let (names, note) = (ranges(&names), &self.note);
        match self.action {
            Action::Prepare => note.clone(),
            Action::Boot | Action::Later if note.is_empty() => names,
            Action::BootNew if note.is_empty() => format!("{names}, new"),
            Action::Boot | Action::Later => format!("{names}: {note}"),
            Action::BootNew => format!("{names}, new: {note}"),
            Action::SwitchOff => format!("{names}: switch off, {note}"),
        }
    }
}

#[cfg(test)]
mod tests;
