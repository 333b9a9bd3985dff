//! etcd: how many members, on which disks, with which limits.

use std::time::Duration;

use super::{Machine, Subject, and_others, at};
use crate::problem::Report;

/// More members than this make every write slower and nothing safer.
const MOST_MEMBERS: u32 = 9;
/// The largest database that etcd's authors recommend, in bytes.
const LARGEST_QUOTA: u64 = 8 << 30;
/// A smaller database is full before the cluster stands, in bytes.
const SMALLEST_QUOTA: u64 = 64 << 20;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let etcd = &subject.description.etcd;
    if are_apart(subject, report) {
        members(subject, report);
    }
    disks(subject, report);
    if let Some(quota) = etcd.quota_backend_bytes {
        if quota.get() < SMALLEST_QUOTA {
            report
                .error(
                    "etcd-quota",
                    at("etcd.quotaBackendBytes"),
                    format!("a database of {quota} would be full at once"),
                )
                .help("write at least 64Mi; the default is 8Gi");
        } else if quota.get() > LARGEST_QUOTA {
            report
                .warning("etcd-quota", at("etcd.quotaBackendBytes"), format!("{quota} is more than etcd is made for"))
                .help("write at most 8Gi");
        }
    }
    if etcd.bootstrap_window.is_some_and(|window| window.get().is_zero()) {
        report
            .error(
                "etcd-bootstrap-window",
                at("etcd.bootstrapWindow"),
                "with no time to found it there will never be an etcd cluster",
            )
            .help("write the time within which all machines are first switched on, such as 8760h");
    }
    if etcd.snapshot.interval.is_some_and(|interval| interval.get() < Duration::from_secs(60)) {
        report
            .error(
                "etcd-snapshots",
                at("etcd.snapshot.interval"),
                "snapshots less than a minute apart keep etcd busy with nothing else",
            )
            .help("write at least 1m; the default is 6h");
    }
    if etcd.snapshot.retain == Some(0) {
        report
            .error("etcd-snapshots", at("etcd.snapshot.retain"), "no snapshot would be kept")
            .help("write at least 1; the default is 12");
    }
}

/// Whoever wants members apart from control planes does not get them together because a role was forgotten.
fn are_apart(subject: &Subject<'_>, report: &mut Report) -> bool {
    let forgotten = subject.description.etcd.dedicated && !subject.has_etcd_nodes() && !subject.machines.is_empty();
    if forgotten {
        report
            .error(
                "no-etcd-node",
                at("etcd.dedicated"),
                "etcd is to have machines of its own, and no node has the role `etcd`",
            )
            .note(at("nodes"), "the nodes")
            .help("give three or five nodes `role: etcd`, or write `dedicated: false`: control planes then hold etcd");
    }
    !forgotten
}

fn members(subject: &Subject<'_>, report: &mut Report) {
    let setting = at("etcd.members");
    let policy = subject.description.etcd.members;
    if let Some(number) = policy.filter(|number| number.is_multiple_of(2) || *number > MOST_MEMBERS) {
        report
            .error("etcd-member-count", setting, format!("etcd cannot well have {number} members"))
            .help("write 1, 3 or 5: an even number bears no more losses than the odd one below it");
        return;
    }
    let count = subject.etcd_members().count() as u32;
    let machines = if subject.has_etcd_nodes() { "etcd nodes" } else { "control planes" };
    let verb = if count == 1 { "there is" } else { "there are" };
    let noun = if count == 1 { machines.trim_end_matches('s') } else { machines };
    if count == 0 {
        return;
    }
    let nodes = at("nodes");
    let is_even = count.is_multiple_of(2);
    match policy {
        Some(number) if number != count => {
            let few = if count < number { "add" } else { "remove" };
            report
                .error(
                    "etcd-member-count",
                    setting,
                    format!("this topology has {number} members of etcd, but {verb} {count} {noun}"),
                )
                .note(nodes, "the nodes")
                .help(format!(
                    "{few} {machines}, or write `etcd.members: {}`",
                    if is_even { count + 1 } else { count }
                ));
        }
        None if is_even => {
            report
                .error(
                    "etcd-member-count",
                    nodes,
                    format!("{count} {machines} make {count} members of etcd, an even number"),
                )
                .help(format!(
                    "have {} or {}: an even number bears no more losses than the odd one below it",
                    count - 1,
                    count + 1
                ));
        }
        None if count > MOST_MEMBERS => {
            report
                .error("etcd-member-count", nodes, format!("{count} {machines} make {count} members of etcd"))
                .help(format!("have 3 or 5 {machines}: more make every write slower and nothing safer"));
        }
        _ => {}
    }
}

fn disks(subject: &Subject<'_>, report: &mut Report) {
    if subject.description.etcd.allow_volatile_data {
        return;
    }
    let machines: Vec<&Machine<'_>> =
        subject.etcd_members().filter(|machine| machine.node.data_disk.is_none()).collect();
    if let Some(first) = machines.first() {
        let message =
            format!("etcd's data on {} would be lost at every boot: there is no `dataDisk`", and_others(&machines));
        report
            .error("etcd-volatile-data", first.at("dataDisk"), message)
            .help("write `nodeDefaults: {dataDisk: {minSize: 20Gi}}`, or `etcd.allowVolatileData: true` for a cluster that may be lost");
    }
}
