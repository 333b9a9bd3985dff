//! Orders of small clusters, in one word a step: `m1` boots, `+m1` boots for the first time, `-m1` is switched off.

use super::{Action, Order, Step};
use crate::diff::change::{Change, Topic, What};
use crate::diff::node::{Node, NodeDifference};
use crate::diff::plan::{Cluster, Etcd, Member, Plan};
use kfimg_ignition::tree::NodeTree;

/// One side of a cluster: members of etcd by name, other nodes as `name=role`, number of etcd's incarnation.
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
        let plan = Plan {
            cluster: Cluster { incarnation: self.incarnation },
            etcd: is_member.then_some(etcd),
            ..Plan::default()
        };
        let (tree, content) = (NodeTree::new(), self.incarnation.to_string());
        Some(Node {
            role: role.to_owned(),
            generation: self.incarnation,
            content,
            tree,
            plan,
            encryption_keys: Vec::new(),
        })
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
    let side =
        |members: &'static [&'static str], others: &'static [&'static str]| Side { members, others, incarnation: 1 };
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
        (side(&["m1", "m2", "m3", "m4", "m5"], &["a=worker"]), side(&["m1", "m2", "m3"], &[]), "m1 m2 m3 -m4 -m5 -a"),
        (side(&["m1", "m2", "m3"], &[]), side(&["m1", "m2", "m9"], &[]), "m1 m2 -m3 +m9"),
        // A majority of the new list has to know it before anybody is taken out.
        (side(&["m1", "m2", "m3"], &[]), side(&["m1", "m2", "m7", "m8", "m9"], &[]), "m1 m2 +m7 -m3 +m8 +m9"),
        (side(&["m1"], &[]), side(&["m1", "m8", "m9"], &[]), "m1 +m8 +m9"),
        (
            side(&["m1", "m2", "m3", "m4", "m5"], &[]),
            side(&["m1", "m2", "m3", "m8", "m9"], &[]),
            "m1 m2 m3 -m4 +m8 -m5 +m9",
        ),
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
fn a_new_incarnation_waits_for_nobody_and_its_source_goes_last() {
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

#[test]
fn where_most_members_are_replaced_at_once_nothing_boots() {
    let side = |members: &'static [&'static str], incarnation| Side { members, others: &["w=worker"], incarnation };
    let old: [&[&str]; 4] = [&["m1", "m2", "m3"], &["m1", "m2", "m3"], &["m1"], &["m1", "m2", "m3", "m4", "m5"]];
    let new: [&[&str]; 4] = [&["m1", "m8", "m9"], &["m7", "m8", "m9"], &["m2"], &["m1", "m2", "m7", "m8", "m9"]];
    for (old, new) in old.into_iter().zip(new) {
        assert!(steps(&side(old, 1), &side(new, 1)).is_empty(), "{old:?} {new:?}");
    }
    assert_eq!(words(&steps(&side(&["m1"], 1), &side(&["m2"], 2))), "-m1 m2 w");
}
