//! What every machine must say, and which roles there must be.

use super::{Machine, Subject, and_others, at};
use crate::description::Role;
use crate::problem::Report;

/// So many machines that lack the same setting are named one by one; of more the first, for a column is missing then.
const NAMED: usize = 3;

/// What every machine must say: the setting, and what to write.
const NEEDED: [(&str, &str); 3] = [
    (
        "name",
        "write `name: NAME`, the machine's host name: a list with a nameless item replaces the whole list of the layers below",
    ),
    ("role", "write `role: control-plane`, `role: worker` or `role: etcd`"),
    ("address", "write `address: ADDRESS/PREFIX`, such as 192.168.49.151/24"),
];

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    for (setting, help) in NEEDED {
        missing(subject, setting, help, report);
    }
    for machine in &subject.machines {
        roles(machine, report);
    }
    if subject.machines.is_empty() {
        report
            .error("no-nodes", at("nodes"), "the cluster has no machines")
            .help("write at least one node with `name`, `role` and `address`");
    } else if subject.control_planes().next().is_none() {
        report
            .error("no-control-plane", at("nodes"), "no node has the role `control-plane`")
            .help("give one, three or five nodes `role: control-plane`");
    }
}

fn missing(subject: &Subject<'_>, setting: &str, help: &str, report: &mut Report) {
    let lacks = |machine: &&Machine<'_>| match setting {
        "name" => machine.node.name.is_none(),
        "role" => machine.node.role.is_none(),
        _ => machine.node.address.is_none(),
    };
    // What could not be read was named, and is not missing.
    let is_known = |machine: &&Machine<'_>| !report.is_unreadable(&machine.at(setting));
    let machines: Vec<&Machine<'_>> = subject.machines.iter().filter(lacks).filter(is_known).collect();
    if machines.len() > NAMED {
        let message = format!("{} have no `{setting}`", and_others(&machines));
        report.error("missing-setting", machines[0].at(setting), message).help(help);
        return;
    }
    for machine in machines {
        let message = match &machine.node.name {
            Some(name) => format!("node `{name}` has no `{setting}`"),
            None => format!("node {} has no `{setting}`", machine.index + 1),
        };
        report.error("missing-setting", machine.at(setting), message).help(help);
    }
}

fn roles(machine: &Machine<'_>, report: &mut Report) {
    let node = &machine.node;
    if node.role == Some(Role::Etcd) {
        without_a_node(machine, report);
    }
    if machine.own.schedulable.is_some() && node.role == Some(Role::Worker) {
        report
            .warning(
                "unused-setting",
                machine.at("schedulable"),
                "`schedulable` says something about control planes only",
            )
            .at_key()
            .help("remove it: pods run on every worker");
    }
}

/// etcd's machines are no Nodes of the cluster, so nothing of theirs can carry such settings. Those of `nodeDefaults` are
/// meant for others.
fn without_a_node(machine: &Machine<'_>, report: &mut Report) {
    let own = machine.own;
    let settings = [
        ("schedulable", own.schedulable.is_some()),
        ("labels", !own.labels.is_empty()),
        ("taints", !own.taints.is_empty()),
    ];
    for (key, _) in settings.into_iter().filter(|(_, is_written)| *is_written) {
        report
            .warning(
                "unused-setting",
                machine.at(key),
                format!("a machine for etcd alone is no Node, so `{key}` has no effect"),
            )
            .at_key()
            .help("remove it");
    }
}
