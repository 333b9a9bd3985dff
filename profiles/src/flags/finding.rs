//! Findings about arguments and feature gates, and the words in which they are told.
//!
//! What is found is decided elsewhere; where it stands in a file is known only to the caller.

use super::reviewed::{Class, Condition, Row};
use super::{Component, known, removed};

/// Whether a finding stops the render.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// The description is refused.
    Error,
    /// The description is accepted; people should know.
    Warning,
}

/// What is wrong with an argument or a feature gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The name is written with leading dashes.
    Dashes,
    /// The component has no such flag or gate.
    Unknown,
    /// The component has it in another Kubernetes minor version only.
    OtherVersion,
    /// It works, but upstream will remove it.
    Deprecated,
    /// Given twice, and the component would take only one.
    Repeated,
    /// The value is not of the flag's type, or the component refuses it.
    WrongValue,
    /// kfimg itself sets it, or the description has a setting for it. Refused always.
    Owned,
    /// It can lose the data of the cluster. Refused always.
    DataLoss,
    /// It weakens the cluster. Refused unless `allowUnsafeArgs` is set.
    Unsafe,
}

/// One thing that is wrong with an argument or a feature gate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Index of the argument or gate among those that were checked.
    pub index: usize,
    /// Whether it stops the render.
    pub severity: Severity,
    /// What is wrong.
    pub kind: Kind,
    /// Name of the flag or gate, without dashes.
    pub flag: String,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do.
    pub help: String,
    /// The check of the CIS Kubernetes Benchmark 1.12 that it would fail, such as `1.2.15`.
    pub cis: Option<&'static str>,
}

pub(super) fn error(index: usize, kind: Kind, flag: &str, message: String, help: String) -> Finding {
    Finding { index, severity: Severity::Error, kind, flag: flag.to_owned(), message, help, cis: None }
}

pub(super) fn dashes(index: usize, written: &str, name: &str) -> Finding {
    let message = format!("`{written}` begins with dashes");
    error(index, Kind::Dashes, name, message, format!("write the name without them: `{name}`"))
}

pub(super) fn repeated(index: usize, name: &str, first: usize) -> Finding {
    let message = format!("`{name}` is given twice, and only one of them counts");
    error(index, Kind::Repeated, name, message, format!("remove one: entry {} has it already", first + 1))
}

pub(super) fn wrong_value(index: usize, name: &str, value: &str, expected: &str) -> Finding {
    let message = format!("`{value}` is no value for `{name}`");
    error(index, Kind::WrongValue, name, message, format!("expected {expected}"))
}

pub(super) fn deprecated(component: Component, index: usize, name: &str, note: &str) -> Finding {
    let message = format!("`{name}` of {component} is deprecated");
    let help = match note {
        "" => "it works in this version; plan to do without it".to_owned(),
        note => note.to_owned(),
    };
    Finding { severity: Severity::Warning, ..error(index, Kind::Deprecated, name, message, help) }
}

pub(super) fn other_version(
    component: Component,
    index: usize,
    name: &str,
    minor: u32,
    (since, until): (u32, u32),
) -> Finding {
    let (message, help) = if minor > until {
        (format!("{component} has no flag `{name}` any more: 1.{until} was the last version with it"), "remove it")
    } else {
        (format!("{component} has no flag `{name}` before 1.{since}"), "remove it, or take a newer Kubernetes version")
    };
    error(index, Kind::OtherVersion, name, message, help.to_owned())
}

pub(super) fn unknown(component: Component, minor: (u32, u32), index: usize, name: &str) -> Finding {
    if let Some(instead) = removed::instead(component, name) {
        let message = format!("{component} has no flag `{name}` any more");
        return error(index, Kind::OtherVersion, name, message, instead.to_owned());
    }
    let message = format!("{component} has no flag `{name}`");
    let help = match name.split_once('=') {
        Some((flag, value)) => format!("write `name: {flag}` and `value: {value}`"),
        None => known::suggest(component, minor, name),
    };
    error(index, Kind::Unknown, name, message, help)
}

pub(super) fn reviewed(row: &Row, index: usize, name: &str, value: &str, allow_unsafe: bool) -> Finding {
    let shown = match row.condition {
        Condition::Any => format!("`{name}`"),
        _ => format!("`{name}={value}`"),
    };
    let (kind, lead, way_out) = match row.class {
        Class::Owned => (Kind::Owned, "belongs to kfimg", ""),
        Class::DataLoss => (Kind::DataLoss, "can lose data", "; `allowUnsafeArgs` does not lift this"),
        Class::Refused => (Kind::WrongValue, "is refused by the component", ""),
        Class::Unsafe => (Kind::Unsafe, "is unsafe", "; or set `allowUnsafeArgs: true` if you mean it"),
    };
    let accepted = kind == Kind::Unsafe && allow_unsafe;
    let way_out = if accepted { "" } else { way_out };
    let severity = if accepted { Severity::Warning } else { Severity::Error };
    let message = format!("{shown} {lead}: {}", row.reason);
    let help = format!("{}{way_out}", row.instead);
    Finding { severity, cis: row.cis, ..error(index, kind, name, message, help) }
}
