//! What the words for recovery will do, told to whoever wrote them: to which node, at which boot, and when a word may go.
//!
//! Whether they make sense is judged in [`super::recovery`]. `docs/recovery.md` says when to write them.

use super::{Subject, at};
use crate::problem::Report;

/// When a word that nobody needs any more goes.
const TAKE_OUT: &str = "take it out with the next change that you render";
/// Why a word that has done its work may stay.
const MAY_STAY: &str = "it may stay: it keeps members from founding an empty cluster in this incarnation";

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let etcd = &subject.description.etcd;
    let words = Words {
        members: subject.etcd_members().filter_map(|machine| machine.node.name.as_deref()).collect(),
        without: &etcd.without,
        number: etcd.incarnation.unwrap_or(1),
    };
    if words.number > 1 {
        words.incarnation(report);
    }
    if let Some(source) = &etcd.recover_from {
        words.recover_from(source, report);
    }
    if let Some(restore) = &etcd.restore {
        words.restore(&restore.node, &restore.file, report);
    }
    if !etcd.without.is_empty() {
        words.without(&etcd.without, report);
    }
    if !etcd.discard.is_empty() {
        words.discard(&etcd.discard, report);
    }
}

/// What the sentences are made of.
struct Words<'a> {
    members: Vec<&'a str>,
    without: &'a [String],
    number: u32,
}

impl Words<'_> {
    fn incarnation(&self, report: &mut Report) {
        let message = format!(
            "a member that boots with this payload takes part in incarnation {number} of etcd, and counts nobody who has \
             not booted with it: {members} to boot, and nobody else",
            number = self.number,
            members = have(&self.needed()),
        );
        report
            .remark("etcd-incarnation", at("etcd.incarnation"), message)
            .help("leave the number: it never goes back, and the next recovery takes the one after it");
    }

    fn recover_from(&self, source: &str, report: &mut Report) {
        let message = format!(
            "at its next boot `{source}` begins incarnation {number} with its own data{when}; the others set theirs aside \
             and copy. What had not reached `{source}` is lost",
            number = self.number,
            when = self.when(source),
        );
        report.remark("etcd-recover-from", at("etcd.recoverFrom"), message).help(MAY_STAY);
    }

    fn restore(&self, node: &str, file: &str, report: &mut Report) {
        let message = format!(
            "at its next boot `{node}` begins incarnation {number} with the snapshot {file} of its own disk{when}; the \
             others set their data aside and copy. What was written after the snapshot is lost",
            number = self.number,
            when = self.when(node),
        );
        report.remark("etcd-restore", at("etcd.restore"), message).at_key().help(MAY_STAY);
    }

    fn without(&self, names: &[String], report: &mut Report) {
        let gone: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = format!(
            "incarnation {number} begins without waiting for {gone}; whenever that member boots with this payload, it sets \
             its data aside and joins",
            number = self.number,
            gone = list(&gone),
        );
        let help = format!("{TAKE_OUT}; never name a member that runs, not even behind a broken link");
        report.remark("etcd-without", at("etcd.without"), message).help(help);
    }

    fn discard(&self, names: &[String], report: &mut Report) {
        let members: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = format!(
            "at its next boot {members} sets data of another cluster aside, below /var/lib/etcd, and joins; nobody else has \
             to boot for it",
            members = either(&members),
        );
        let help = format!("{TAKE_OUT}: it holds for whatever is found on that machine");
        report.remark("etcd-discard", at("etcd.discard"), message).help(help);
    }

    /// What the first member waits for.
    fn when(&self, first: &str) -> String {
        let others: Vec<&str> = self.needed().into_iter().filter(|member| *member != first).collect();
        if others.is_empty() { String::new() } else { format!(", as soon as {} booted with it too", have(&others)) }
    }

    /// Members without which the incarnation does not begin.
    fn needed(&self) -> Vec<&str> {
        let needed = |member: &&str| !self.without.iter().any(|gone| gone == member);
        self.members.iter().copied().filter(needed).collect()
    }
}

/// `` `a` has ``, `` `a` and `b` have ``.
fn have(names: &[&str]) -> String {
    format!("{} {}", list(names), if names.len() == 1 { "has" } else { "have" })
}

/// `` `a`, `b` and `c` ``.
fn list(names: &[&str]) -> String {
    joined(names, "and").unwrap_or_default()
}

/// `` `a`, `b` or `c` ``.
fn either(names: &[&str]) -> String {
    joined(names, "or").unwrap_or_default()
}

fn joined(names: &[&str], word: &str) -> Option<String> {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let (last, first) = quoted.split_last()?;
    Some(if first.is_empty() { last.clone() } else { format!("{} {word} {last}", first.join(", ")) })
}
