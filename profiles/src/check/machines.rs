//! What every machine must say, and which roles there must be.

use super::{Machine, Subject, at};
use crate::description::Role;
use crate::problem::Report;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    for machine in &subject.machines {
        missing(machine, report);
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

fn missing(machine: &Machine<'_>, report: &mut Report) {
    let wanted = [
        (
            "name",
            machine.node.name.is_none(),
            "write `name: NAME`, the machine's host name: a list with a nameless item replaces the whole list of the layers below",
        ),
        ("role", machine.node.role.is_none(), "write `role: control-plane` or `role: worker`"),
        ("address", machine.node.address.is_none(), "write `address: ADDRESS/PREFIX`, such as 192.168.49.151/24"),
    ];
    for (key, _, help) in wanted.into_iter().filter(|(_, is_missing, _)| *is_missing) {
        let message = match &machine.node.name {
            Some(name) => format!("node `{name}` has no `{key}`"),
            None => format!("node {} has no `{key}`", machine.index + 1),
        };
        report.error("missing-setting", machine.at(key), message).help(help);
    }
}

fn roles(machine: &Machine<'_>, report: &mut Report) {
    let node = &machine.node;
    if node.role == Some(Role::Etcd) {
        report
            .error("not-yet", machine.at("role"), "machines for etcd alone cannot be made yet")
            .help("write `role: control-plane`: control planes hold etcd");
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
