//! Units that failed, or that systemd starts again and again: what a step could not tell itself.

use crate::command;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::process::Command;
use std::time::Duration;

/// Bound of one question to systemd.
const TIME: Duration = Duration::from_secs(5);
/// Most bytes of its answer.
const LIMIT: u64 = 256 << 10;
/// Most units that are told of.
const MOST: usize = 20;
/// A unit that was started again this often by systemd does not run, whatever its state is at the moment.
const RESTARTS: u64 = 3;

/// A unit in trouble.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unit {
    /// Its name.
    pub(super) name: String,
    /// `failed`, or `auto-restart`.
    pub(super) state: String,
    /// Why, in systemd's word: `exit-code`, `signal`, `timeout`, `oom-kill`, …
    pub(super) result: String,
    /// Exit code or signal of its main process.
    pub(super) status: String,
}

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, state, result, status } = self;
        let what = if state == "failed" { "failed" } else { "ends again and again" };
        write!(formatter, "{name} {what} ({result}, status {status})")
    }
}

impl Unit {
    /// Whether the node needs it: another failed unit is told of, and does not make the boot a failed one.
    pub(super) fn matters(&self) -> bool {
        let own = self.name.starts_with("kfimg-") && self.name.ends_with(".service");
        own || ["kubelet.service", "containerd.service", "var.mount"].contains(&self.name.as_str())
    }

    /// The step that it is the unit of; a unit without one is its own.
    pub(super) fn step(&self) -> &str {
        let stem = self.name.strip_suffix(".service").unwrap_or(&self.name);
        stem.strip_prefix("kfimg-").unwrap_or(stem)
    }
}

/// Units in trouble at this moment; none where systemd does not answer.
pub(super) fn troubled() -> Vec<Unit> {
    let listed = ["list-units", "--all", "--plain", "--no-legend", "--no-pager", "--state=failed,auto-restart"];
    let text = systemctl(&listed);
    let names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).take(MOST).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let show = ["show", "--property=Id,ActiveState,SubState,Result,NRestarts,ExecMainStatus", "--"];
    parse(&systemctl(&[&show, names.as_slice()].concat()))
}

fn systemctl(arguments: &[&str]) -> String {
    let text = command::output(Command::new("systemctl").args(arguments), TIME, LIMIT).unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads `systemctl show`: `Key=value` lines, an empty line between two units.
fn parse(text: &str) -> Vec<Unit> {
    text.split("\n\n").filter_map(unit).collect()
}

fn unit(text: &str) -> Option<Unit> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    };
    let restarts: u64 = value("NRestarts").parse().unwrap_or_default();
    let state = match (value("ActiveState").as_str(), value("SubState").as_str()) {
        ("failed", _) => "failed",
        (_, "auto-restart") if restarts >= RESTARTS => "auto-restart",
        _ => return None,
    };
    let (name, state) = (value("Id"), state.to_owned());
    Some(Unit { name, state, result: value("Result"), status: value("ExecMainStatus") })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn failed_units_and_those_that_never_stay_up_are_told_of() {
        let text = "\
ActiveState=failed\nSubState=failed\nId=kfimg-preflight.service\nResult=timeout\nNRestarts=0\nExecMainStatus=15\n
ActiveState=activating\nSubState=auto-restart\nId=kubelet.service\nResult=exit-code\nNRestarts=7\nExecMainStatus=1\n
ActiveState=activating\nSubState=auto-restart\nId=containerd.service\nResult=exit-code\nNRestarts=1\nExecMainStatus=1\n
ActiveState=active\nSubState=running\nId=kfimg-etcd.service\nResult=success\nNRestarts=9\nExecMainStatus=0\n";
        let told: Vec<String> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "kfimg-preflight.service failed (timeout, status 15)",
                "kubelet.service ends again and again (exit-code, status 1)"
            ]
        );
    }

    #[test]
    fn only_what_the_node_needs_makes_a_boot_a_failed_one() {
        let unit = |name: &str| {
            parse(&format!("Id={name}\nActiveState=failed\nSubState=failed\n")).pop().map(|unit| unit.matters())
        };
        for (name, expected) in [
            ("kubelet.service", true),
            ("kfimg-etcd.service", true),
            ("var.mount", true),
            ("apt-daily.service", false),
            ("kfimg-snapshot.timer", false),
        ] {
            assert_eq!(unit(name), Some(expected), "{name}");
        }
    }
}
