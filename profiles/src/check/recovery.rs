//! How an incarnation of etcd begins: with whose data, without whom, and whose foreign data may go.
//!
//! What a former render said of the same incarnation is judged where the state is: in crate `pki`.

use super::{Machine, Subject, at, syntax};
use crate::document::{Path, did_you_mean};
use crate::problem::Report;

/// The members of etcd, and what is said of them.
struct Members<'a> {
    subject: &'a Subject<'a>,
    machines: Vec<&'a Machine<'a>>,
}

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let members = Members { subject, machines: subject.etcd_members().collect() };
    incarnation(subject, report);
    one_beginning(subject, report);
    restore(subject, report);
    for (setting, name) in said(subject) {
        members.must_have(setting, name, report);
    }
    members.without(report);
    members.discard(report);
}

/// Every setting that names a member.
fn said<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (Path, &'a str)> {
    let etcd = &subject.description.etcd;
    let listed = |setting: &'static str, names: &'a [String]| {
        names.iter().enumerate().map(move |(index, name)| (at(setting).index(index), name.as_str()))
    };
    let recover = etcd.recover_from.iter().map(|name| (at("etcd.recoverFrom"), name.as_str()));
    let restore = etcd.restore.iter().map(|restore| (at("etcd.restore.node"), restore.node.as_str()));
    let lists = listed("etcd.without", &etcd.without).chain(listed("etcd.discard", &etcd.discard));
    recover.chain(restore).chain(lists)
}

/// The member that begins the incarnation, and the setting that names it.
fn first<'a>(subject: &Subject<'a>) -> Option<(&'static str, &'a str)> {
    let etcd = &subject.description.etcd;
    let recover = etcd.recover_from.as_deref().map(|name| ("etcd.recoverFrom", name));
    recover.or_else(|| etcd.restore.as_ref().map(|restore| ("etcd.restore.node", restore.node.as_str())))
}

fn incarnation(subject: &Subject<'_>, report: &mut Report) {
    let etcd = &subject.description.etcd;
    if etcd.incarnation == Some(0) {
        report
            .error("invalid-incarnation", at("etcd.incarnation"), "the first life of an etcd cluster is number 1")
            .help("write 1, or leave it out");
    }
    if etcd.incarnation.unwrap_or(1) > 1 {
        return;
    }
    let settings = [
        ("recoverFrom", etcd.recover_from.is_some()),
        ("restore", etcd.restore.is_some()),
        ("without", !etcd.without.is_empty()),
    ];
    for (key, _) in settings.into_iter().filter(|(_, is_set)| *is_set) {
        report
            .error(
                "incarnation-needed",
                at("etcd").key(key),
                format!("`{key}` says how a later incarnation of etcd begins, and this one is the first"),
            )
            .note(at("etcd.incarnation"), "the incarnation")
            .help("write the number after the one that was rendered last, `etcd.incarnation: 2` the first time");
    }
}

fn one_beginning(subject: &Subject<'_>, report: &mut Report) {
    let etcd = &subject.description.etcd;
    if etcd.recover_from.is_some() && etcd.restore.is_some() {
        report
            .error(
                "two-beginnings",
                at("etcd.recoverFrom"),
                "an incarnation begins with a member's data or with a snapshot, not with both",
            )
            .note(at("etcd.restore"), "the snapshot")
            .help("keep `recoverFrom` if that member's disk is whole: a snapshot lacks what was written after it");
    }
}

/// Where the members keep their data: a log that lies there is moved away before the snapshot is read.
const DATA: &str = "/var/lib/etcd/";

fn restore(subject: &Subject<'_>, report: &mut Report) {
    let Some(restore) = &subject.description.etcd.restore else { return };
    let file = &restore.file;
    if !syntax::is_clean_path(file) || file == "/" {
        report
            .error("invalid-path", at("etcd.restore.file"), format!("`{file}` is no absolute path of a file"))
            .help("write where it lies on that member, such as /var/lib/kfimg/snapshots/NAME.db");
    } else if file.starts_with(DATA) {
        report
            .error("owned-path", at("etcd.restore.file"), "etcd's own folder is moved away before a snapshot is read")
            .help("put the file elsewhere on the data partition, such as into /var/lib/kfimg/snapshots");
    }
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if restore.sha256.as_deref().is_some_and(|text| !is_hash(text)) {
        report
            .error("invalid-sha256", at("etcd.restore.sha256"), "a SHA-256 is 64 hexadecimal digits")
            .help("write what `sha256sum` prints for the file, or leave it out");
    }
}

impl Members<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.machines.iter().filter_map(|machine| machine.node.name.as_deref())
    }

    fn must_have(&self, setting: Path, name: &str, report: &mut Report) {
        if self.names().any(|member| member == name) {
            return;
        }
        let known = self.subject.machines.iter().find(|machine| machine.node.name.as_deref() == Some(name));
        let list = self.names().collect::<Vec<_>>().join(", ");
        match known {
            Some(machine) => {
                report
                    .error("no-etcd-member", setting, format!("`{name}` is a node, but no member of etcd"))
                    .note(machine.at("role"), "its role")
                    .help(format!("write one of {list}"));
            }
            None => {
                let meant = did_you_mean(name, self.names());
                let help = meant.map_or(format!("write one of {list}"), |meant| format!("did you mean `{meant}`?"));
                report.error("no-etcd-member", setting, format!("there is no node `{name}`")).help(help);
            }
        }
    }

    fn without(&self, report: &mut Report) {
        let without = &self.subject.description.etcd.without;
        twice("etcd.without", without, report);
        if let Some((setting, name)) = first(self.subject)
            && let Some(index) = without.iter().position(|gone| gone == name)
        {
            report
                .error(
                    "first-left-out",
                    at("etcd.without").index(index),
                    format!("`{name}` is to begin this incarnation, and nobody would wait for it"),
                )
                .note(at(setting), "it begins here")
                .help("take it out of `without`, or begin with another member");
        } else if !self.machines.is_empty() && self.names().all(|member| without.iter().any(|gone| gone == member)) {
            report
                .error("all-left-out", at("etcd.without"), "no member would be left to begin this incarnation")
                .help("leave out only members whose disks are gone or that stay off");
        }
    }

    fn discard(&self, report: &mut Report) {
        let etcd = &self.subject.description.etcd;
        twice("etcd.discard", &etcd.discard, report);
        let Some(source) = &etcd.recover_from else { return };
        if let Some(index) = etcd.discard.iter().position(|name| name == source) {
            report
                .error(
                    "first-discarded",
                    at("etcd.discard").index(index),
                    format!("`{source}` is to begin this incarnation with the data that it would set aside"),
                )
                .note(at("etcd.recoverFrom"), "it begins here")
                .help("take it out of `discard`");
        }
    }
}

fn twice(setting: &str, names: &[String], report: &mut Report) {
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = names[..index].iter().position(|other| other == name) {
            report
                .error("duplicate-member", at(setting).index(index), format!("`{name}` is named twice"))
                .note(at(setting).index(first), "first named here")
                .help("keep one of them");
        }
    }
}
