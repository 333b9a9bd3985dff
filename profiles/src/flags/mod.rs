//! The reviewed table of command line arguments: which flags exist, which of them a description may set, and why not.
//!
//! A component that meets an unknown flag, a wrong value or a removed feature gate does not start, and on a node that
//! shows only after power-on. So every `extraArgs` entry is held here against the flags that the real binaries of its
//! Kubernetes minor version print, and against a table of flags that belong to kfimg or weaken the cluster.
//!
//! Nothing here reads files or knows YAML: names and values go in, findings come out, in the order of the arguments.

mod component;
mod finding;
mod gates;
mod known;
mod removed;
mod reviewed;
#[cfg(test)]
mod tests;
mod value;

pub use component::Component;
pub use finding::{Finding, Kind, Severity};
pub use gates::check_feature_gates;
pub use known::{NEWEST_MINOR, OLDEST_MINOR};
pub use reviewed::{Class, Condition, Row, rows};

use known::Presence;

/// Holds the `extraArgs` of one component against the known flags and the reviewed table.
///
/// `args` are names without leading dashes, and values. `minor` is the Kubernetes version, such as `(1, 36)`; one
/// outside of [`OLDEST_MINOR`] to [`NEWEST_MINOR`] is treated as the nearest. With `allow_unsafe`, findings of kind
/// [`Kind::Unsafe`] become warnings; everything else stays.
///
/// An argument replaces the value that kfimg itself gives to the same flag, as in kubeadm: the table relies on that.
pub fn check(component: Component, minor: (u32, u32), args: &[(&str, &str)], allow_unsafe: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, &(written, value)) in args.iter().enumerate() {
        let name = written.trim_start_matches('-');
        if name.len() != written.len() {
            findings.push(finding::dashes(index, written, name));
        }
        let before = args[..index].iter().position(|(other, _)| other.trim_start_matches('-') == name);
        let argument = Argument { component, index, name, value, before };
        findings.extend(check_one(argument, minor, args, allow_unsafe));
    }
    findings
}

/// Holds the value of a setting that kfimg renders as a flag against the conditional rows of the reviewed table, so
/// that a setting can't say what the same flag in `extraArgs` may not: `apiServer.admission.disable` as
/// `disable-admission-plugins`, `apiServer.audit.maxAge` as `audit-log-maxage`.
///
/// Rows that refuse the flag whatever its value (because the setting should be used) are left out. The findings have
/// index 0.
pub fn check_setting(component: Component, flag: &str, value: &str, allow_unsafe: bool) -> Vec<Finding> {
    reviewed::matching(component, flag, value, &[])
        .filter(|row| row.condition != Condition::Any)
        .map(|row| finding::reviewed(row, 0, flag, value, allow_unsafe))
        .collect()
}

/// One entry of `extraArgs`, its name without dashes.
#[derive(Clone, Copy)]
struct Argument<'a> {
    component: Component,
    index: usize,
    name: &'a str,
    value: &'a str,
    /// Index of an earlier entry of the same name.
    before: Option<usize>,
}

fn check_one(argument: Argument<'_>, minor: (u32, u32), args: &[(&str, &str)], allow_unsafe: bool) -> Vec<Finding> {
    let Argument { component, index, name, value, before } = argument;
    let reviewed: Vec<Finding> = reviewed::matching(component, name, value, args)
        .map(|row| finding::reviewed(row, index, name, value, allow_unsafe))
        .collect();
    let flag = match known::find(component, minor, name) {
        Presence::Here(flag) => flag,
        Presence::Elsewhere { since, until } => {
            return vec![finding::other_version(component, index, name, minor.1, (since, until))];
        }
        Presence::Never => return vec![finding::unknown(component, minor, index, name)],
    };
    let mut findings = Vec::new();
    if let Some(first) = before.filter(|_| !flag.form.is_repeatable()) {
        findings.push(finding::repeated(index, name, first));
    }
    if reviewed.iter().any(|finding| finding.kind == Kind::Owned) {
        findings.extend(reviewed);
        return findings;
    }
    if let Some(note) = flag.deprecated {
        findings.push(finding::deprecated(component, index, name, note));
    }
    if let Err(expected) = flag.form.check(value) {
        findings.push(finding::wrong_value(index, name, value, expected));
    }
    findings.extend(reviewed);
    if component == Component::Etcd && name == "feature-gates" {
        findings.extend(gates::check_etcd_argument(minor, index, value, allow_unsafe));
    }
    findings
}
