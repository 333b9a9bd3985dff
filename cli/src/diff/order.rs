//! In which order machines boot with their new payloads, so that nothing is lost and the cluster goes on.
//!
//! The rules: never two members of etcd at once; members before other control planes, control planes before workers, because
//! neither a kubelet nor kube-proxy may be newer than an API server that it meets (Kubernetes' version skew policy); workers a
//! tenth at a time. A new life of etcd is the exception: its members have no majority before all of them have booted.

use super::change::{Change, Topic};
use super::node::{NodeDifference, State};
use super::plan::Member;
use super::{Sides, members};
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
    old: Vec<Member>,
    new: Vec<Member>,
}

impl<'a> Order<'a> {
    fn new(nodes: &'a [NodeDifference]) -> Self {
        let (old, new) = (members(nodes, |node| node.old.as_ref()), members(nodes, |node| node.new.as_ref()));
        Self { nodes, old, new }
    }

    /// Names of nodes in a state, of whom something holds.
    fn named(&self, state: State, holds: impl Fn(&NodeDifference) -> bool) -> Vec<String> {
        let found = self.nodes.iter().filter(|node| node.state == state && holds(node));
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

    /// Whether a machine beside etcd's members has to boot: it does nothing with the number of etcd's life.
    fn needs_boot(node: &NodeDifference) -> bool {
        node.changes.iter().any(|change| change.topic != Topic::Etcd)
    }

    /// All nodes, those that decide about the cluster first.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        match self.new_life() {
            Some((source, without)) => self.found(source.as_deref(), &without, &mut steps),
            None => self.roll(&mut steps),
        }
        self.control_planes(&mut steps);
        self.workers(&mut steps);
        let later = self.named(State::Changed, |node| self.is_beside(node) && !Self::needs_boot(node));
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

    /// When etcd begins another life: whose data it begins with, and whom nobody waits for.
    fn new_life(&self) -> Option<(Option<String>, Vec<String>)> {
        let both = self.nodes.iter().filter_map(|node| Some((&node.old.as_ref()?.plan, &node.new.as_ref()?.plan)));
        let mut begun =
            both.filter(|(old, new)| new.etcd.is_some() && old.cluster.incarnation != new.cluster.incarnation);
        let etcd = begun.next()?.1.etcd.as_ref()?;
        Some((etcd.recover_from.clone(), etcd.without.clone()))
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

    /// One member after the other. Those who stay come first; then each one that goes makes room for one that comes.
    fn roll(&self, steps: &mut Vec<Step>) {
        let stay = self.named(State::Changed, |node| self.was_member(node) || self.is_member(node));
        let is_alone = self.old.len() == 1 && self.new.len() == 1;
        each(steps, Action::Boot, stay, if is_alone { "the API is away meanwhile" } else { "" });
        let gone = self.named(State::Removed, |node| self.was_member(node));
        let come = self.named(State::New, |node| self.is_member(node));
        for index in 0..gone.len().max(come.len()) {
            each(steps, Action::SwitchOff, gone.get(index).cloned(), OFF);
            each(steps, Action::BootNew, come.get(index).cloned(), "");
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
mod tests {
    use super::{Action, Order, Step};
    use crate::diff::change::{Change, Topic, What};
    use crate::diff::node::{Node, NodeDifference};
    use crate::diff::plan::{Cluster, Etcd, Member, Plan};
    use kfimg_ignition::tree::NodeTree;

    /// One side of a cluster: members of etcd by name, other nodes as `name=role`, number of etcd's life.
    struct Side<'a> {
        members: &'a [&'a str],
        others: &'a [&'a str],
        incarnation: u64,
    }

    impl Side<'_> {
        fn node(&self, name: &str) -> Option<Node> {
            let other = self.others.iter().filter_map(|other| other.split_once('=')).find(|(other, _)| *other == name);
            let is_member = self.members.contains(&name);
            let role = other.map_or_else(|| is_member.then_some("control-plane"), |(_, role)| Some(role))?;
            let member = |name: &&str| Member { name: (*name).to_owned(), ..Member::default() };
            let recover_from = (self.incarnation > 1).then(|| "m2".to_owned());
            let etcd = Etcd { members: self.members.iter().map(member).collect(), recover_from, ..Etcd::default() };
            let plan = Plan { cluster: Cluster { incarnation: self.incarnation }, etcd: is_member.then_some(etcd) };
            let (tree, content) = (NodeTree::new(), self.incarnation.to_string());
            Some(Node { role: role.to_owned(), generation: self.incarnation, content, tree, plan })
        }
    }

    fn steps(old: &Side<'_>, new: &Side<'_>) -> Vec<Step> {
        let name = |other: &&&str| other.split_once('=').map_or(**other, |(name, _)| name).to_owned();
        let all = [old.members, old.others, new.members, new.others];
        let names: std::collections::BTreeSet<String> =
            all.iter().flat_map(|list| list.iter()).map(|other| name(&other)).collect();
        let nodes: Vec<NodeDifference> = names
            .into_iter()
            .map(|name| {
                let (before, after) = (old.node(&name), new.node(&name));
                let mut node = NodeDifference::new(name, before, after, true, false);
                if node.old.is_some() && node.new.is_some() {
                    node.state = super::State::Changed;
                    node.changes = vec![Change::new(Topic::Kubelet, "", "maxPods", What::Replaced)];
                }
                node
            })
            .collect();
        Order::new(&nodes).steps()
    }

    fn words(steps: &[Step]) -> String {
        let word = |step: &Step| {
            let mark = match step.action {
                Action::Boot => "",
                Action::BootNew => "+",
                Action::SwitchOff => "-",
                Action::Prepare | Action::Later => "?",
            };
            format!("{mark}{}", step.nodes.join(","))
        };
        steps.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn members_go_one_by_one_and_before_workers() {
        let side = |members: &'static [&'static str], others: &'static [&'static str]| Side {
            members,
            others,
            incarnation: 1,
        };
        let cases = [
            (side(&["m1"], &[]), side(&["m1"], &[]), "m1"),
            (
                side(&["m1", "m2", "m3"], &["a=worker", "b=worker"]),
                side(&["m1", "m2", "m3"], &["a=worker", "b=worker"]),
                "m1 m2 m3 a b",
            ),
            (
                side(&["m1", "m2", "m3"], &["a=worker"]),
                side(&["m1", "m2", "m3", "m4", "m5"], &["a=worker", "b=worker"]),
                "m1 m2 m3 +m4 +m5 a +b",
            ),
            (
                side(&["m1", "m2", "m3", "m4", "m5"], &["a=worker"]),
                side(&["m1", "m2", "m3"], &[]),
                "m1 m2 m3 -m4 -m5 -a",
            ),
            (side(&["m1", "m2", "m3"], &[]), side(&["m1", "m2", "m9"], &[]), "m1 m2 -m3 +m9"),
            (side(&["m1", "m2", "m3"], &[]), side(&["m1", "m8", "m9"], &[]), "m1 -m2 +m8 -m3 +m9"),
            (
                side(
                    &["e1", "e2", "e3"],
                    &["e1=etcd", "e2=etcd", "e3=etcd", "c1=control-plane", "c2=control-plane", "w=worker"],
                ),
                side(
                    &["e1", "e2", "e3"],
                    &["e1=etcd", "e2=etcd", "e3=etcd", "c1=control-plane", "c3=control-plane", "w=worker"],
                ),
                "e1 e2 e3 c1 +c3 -c2 w",
            ),
        ];
        for (old, new, expected) in cases {
            assert_eq!(words(&steps(&old, &new)), expected);
        }
    }

    #[test]
    fn a_new_life_waits_for_nobody_and_its_source_goes_last() {
        let side = |incarnation| Side { members: &["m1", "m2", "m3"], others: &["w=worker"], incarnation };
        let steps = steps(&side(1), &side(2));
        assert_eq!(words(&steps), "m1,m3 m2 w");
        assert!(steps[0].note.contains("without waiting"), "{steps:?}");
    }

    #[test]
    fn workers_go_in_ten_parts_at_most() {
        let names: Vec<String> = (0..95).map(|number| format!("w{number:02}=worker")).collect();
        let others: Vec<&str> = names.iter().map(String::as_str).collect();
        let side = || Side { members: &["m1"], others: &others, incarnation: 1 };
        let parts: Vec<usize> = steps(&side(), &side()).iter().map(|step| step.nodes.len()).collect();
        assert_eq!(parts, [1, 10, 10, 10, 10, 10, 10, 10, 10, 10, 5]);
    }
}
