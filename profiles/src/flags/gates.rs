//! Feature gates: which exist in each Kubernetes minor version, and which of them can't be changed any more.
//!
//! A component that is given an unknown gate, or the other value of a locked one, does not start.

use super::finding::{self, Finding, Kind, Severity};
use super::known::{OLDEST_MINOR, content_lines, nearest};
use super::{Component, value};
use crate::document::did_you_mean;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// How far a feature has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Alpha,
    Beta,
    Stable,
    Deprecated,
}

/// A gate in one Kubernetes minor version.
#[derive(Clone, Copy, Debug)]
struct Gate {
    stage: Stage,
    default: bool,
    locked: bool,
}

/// A gate in all known minor versions, oldest first.
struct History {
    gates: Vec<Option<Gate>>,
    /// Binaries that do not have it.
    absent_in: Vec<&'static str>,
}

type Histories = BTreeMap<&'static str, History>;

const KUBERNETES: &str = include_str!("../../data/flags/gates/kubernetes.txt");
const ETCD: &str = include_str!("../../data/flags/gates/etcd.txt");

/// A value of a gate that weakens the cluster.
struct ReviewedGate {
    component: Component,
    gate: &'static str,
    value: bool,
    reason: &'static str,
    cis: Option<&'static str>,
}

const REVIEWED: [ReviewedGate; 8] = [
    ReviewedGate {
        component: Component::ControllerManager,
        gate: "RotateKubeletServerCertificate",
        value: false,
        reason: "kubelet serving certificates could no longer be renewed on the nodes",
        cis: Some("1.3.6"),
    },
    ReviewedGate {
        component: Component::Kubelet,
        gate: "RotateKubeletServerCertificate",
        value: false,
        reason: "kubelet serving certificates could no longer be renewed on the nodes",
        cis: Some("4.2.11"),
    },
    experimental(Component::ApiServer),
    experimental(Component::ControllerManager),
    experimental(Component::Scheduler),
    experimental(Component::Kubelet),
    ReviewedGate {
        component: Component::Etcd,
        gate: "InitialCorruptCheck",
        value: false,
        reason: "a member with damaged data would serve it instead of stopping",
        cis: None,
    },
    ReviewedGate {
        component: Component::Etcd,
        gate: "CompactHashCheck",
        value: false,
        reason: "members whose data differs would no longer be found",
        cis: None,
    },
];

const fn experimental(component: Component) -> ReviewedGate {
    let reason = "it turns on every experimental feature at once, and such features may lose data or vanish";
    ReviewedGate { component, gate: "AllAlpha", value: true, reason, cis: None }
}

/// Holds the `featureGates` of one component against the gates of its version.
///
/// `gates` are names and values; `minor` is as for [`super::check`]. A gate that upstream never had, or has no more, and
/// the other value of a locked gate are refused, because the component would refuse them. Deprecated gates, and gates
/// that are set to what they are anyway and locked to it, are warnings. With `allow_unsafe`, gates that weaken the
/// cluster become warnings.
pub fn check_feature_gates(
    component: Component,
    minor: (u32, u32),
    gates: &[(&str, bool)],
    allow_unsafe: bool,
) -> Vec<Finding> {
    let one = |(index, (name, value)): (usize, &(&str, bool))| {
        check_gate(component, minor, index, (name, *value), allow_unsafe)
    };
    gates.iter().enumerate().filter_map(one).collect()
}

/// Checks the value of etcd's flag `feature-gates`, which has no setting of its own in a description.
pub(super) fn check_etcd_argument(minor: (u32, u32), index: usize, value: &str, allow_unsafe: bool) -> Vec<Finding> {
    let one = |entry: &str| match entry.split_once('=').map(|(gate, value)| (gate.trim(), value::boolean(value.trim())))
    {
        Some((gate, Some(value))) => check_gate(Component::Etcd, minor, index, (gate, value), allow_unsafe),
        _ => Some(finding::wrong_value(index, "feature-gates", entry, "entries such as `CompactHashCheck=true`")),
    };
    value::entries(value).filter_map(one).collect()
}

fn check_gate(
    component: Component,
    minor: (u32, u32),
    index: usize,
    (name, value): (&str, bool),
    allow_unsafe: bool,
) -> Option<Finding> {
    let Some(history) =
        histories(component).get(name).filter(|history| !history.absent_in.contains(&component.binary()))
    else {
        return Some(unknown(component, minor, index, name));
    };
    let Some(gate) = history.at(minor) else { return Some(other_version(component, minor, index, name, history)) };
    let warning = |kind, message: String, help: &str| {
        let finding = finding::error(index, kind, name, message, help.to_owned());
        Some(Finding { severity: Severity::Warning, ..finding })
    };
    if gate.locked && gate.default != value {
        let message =
            format!("{component} refuses `{name}: {value}`: the feature is locked to {} by now", gate.default);
        return Some(finding::error(index, Kind::WrongValue, name, message, "remove the gate".to_owned()));
    }
    if let Some(row) = REVIEWED.iter().find(|row| row.component == component && row.gate == name && row.value == value)
    {
        return Some(reviewed(row, index, allow_unsafe));
    }
    if gate.locked {
        let message = format!("feature gate `{name}` is {value} anyway, and will be removed");
        return warning(Kind::Deprecated, message, "remove the gate");
    }
    if gate.stage == Stage::Deprecated {
        let message = format!("feature gate `{name}` is deprecated");
        return warning(Kind::Deprecated, message, "it works in this version; plan to do without it");
    }
    None
}

fn reviewed(row: &ReviewedGate, index: usize, allow_unsafe: bool) -> Finding {
    let message = format!("feature gate `{}: {}` is unsafe: {}", row.gate, row.value, row.reason);
    let (severity, help) = if allow_unsafe {
        (Severity::Warning, "remove the gate")
    } else {
        (Severity::Error, "remove the gate; or set `allowUnsafeArgs: true` if you mean it")
    };
    Finding { severity, cis: row.cis, ..finding::error(index, Kind::Unsafe, row.gate, message, help.to_owned()) }
}

fn unknown(component: Component, minor: (u32, u32), index: usize, name: &str) -> Finding {
    let message = format!("{component} has no feature gate `{name}`");
    let present = histories(component).iter().filter(|(_, history)| history.at(minor).is_some()).map(|(gate, _)| *gate);
    let help = match did_you_mean(name, present) {
        Some(meant) if meant != name => format!("did you mean `{meant}`?"),
        _ => "remove the gate: the component would not start with it".to_owned(),
    };
    finding::error(index, Kind::Unknown, name, message, help)
}

fn other_version(component: Component, minor: (u32, u32), index: usize, name: &str, history: &History) -> Finding {
    let wanted = nearest(minor);
    let present = |(offset, gate): (u32, &Option<Gate>)| gate.map(|_| OLDEST_MINOR.1 + offset);
    let message = match (0u32..).zip(&history.gates).filter_map(present).find(|minor| *minor > wanted) {
        Some(since) => format!("{component} has no feature gate `{name}` before 1.{since}"),
        None => format!("{component} has no feature gate `{name}` any more in 1.{wanted}"),
    };
    let help = "remove the gate: the component would not start with it".to_owned();
    finding::error(index, Kind::OtherVersion, name, message, help)
}

impl History {
    fn at(&self, minor: (u32, u32)) -> Option<Gate> {
        let offset = usize::try_from(nearest(minor) - OLDEST_MINOR.1).ok()?;
        self.gates.get(offset).copied().flatten()
    }
}

fn histories(component: Component) -> &'static Histories {
    static LISTS: OnceLock<[Histories; 2]> = OnceLock::new();
    let read = |text| content_lines(text).filter_map(read_line).collect();
    let [kubernetes, etcd] = LISTS.get_or_init(|| [read(KUBERNETES), read(ETCD)]);
    if component == Component::Etcd { etcd } else { kubernetes }
}

/// `name`, one word for each minor version, then `without` and the binaries that lack the gate.
fn read_line(line: &'static str) -> Option<(&'static str, History)> {
    let (words, absent) = line.split_once(" without ").unwrap_or((line, ""));
    let mut words = words.split(' ');
    let name = words.next()?;
    let gates = words.map(read_word).collect::<Option<Vec<_>>>()?;
    Some((name, History { gates, absent_in: absent.split_whitespace().collect() }))
}

/// `none`, or a stage, `+` or `-` for its default, and `!` when it is locked to that.
fn read_word(word: &str) -> Option<Option<Gate>> {
    if word == "none" {
        return Some(None);
    }
    let (word, locked) = word.strip_suffix('!').map_or((word, false), |word| (word, true));
    let default = word.ends_with('+');
    let stage = match word.strip_suffix(['+', '-'])? {
        "alpha" => Stage::Alpha,
        "beta" => Stage::Beta,
        "stable" => Stage::Stable,
        "deprecated" => Stage::Deprecated,
        _ => return None,
    };
    Some(Some(Gate { stage, default, locked }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::NEWEST_MINOR;

    #[test]
    fn every_line_of_the_lists_is_read_for_every_minor_version() {
        let versions = usize::try_from(NEWEST_MINOR.1 - OLDEST_MINOR.1 + 1).unwrap();
        for (text, component) in [(KUBERNETES, Component::Kubelet), (ETCD, Component::Etcd)] {
            assert_eq!(content_lines(text).count(), histories(component).len());
            for (name, history) in histories(component) {
                assert_eq!(history.gates.len(), versions, "{name}");
                assert!(history.gates.iter().any(Option::is_some), "{name} is in no version");
            }
        }
    }

    #[test]
    fn every_reviewed_gate_exists_in_every_minor_version() {
        for row in &REVIEWED {
            for minor in OLDEST_MINOR.1..=NEWEST_MINOR.1 {
                assert!(histories(row.component)[row.gate].at((1, minor)).is_some(), "{}", row.gate);
            }
        }
    }
}
