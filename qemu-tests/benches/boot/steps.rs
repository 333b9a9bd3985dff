//! How long each of kfimg's own steps worked in a boot, by systemd's clock and by the lines of the journal.
//!
//! What a step waits for that is not kfimg's is not counted: the kubelet that starts etcd, etcd's own start, the start of the API server. Steps
//! that run beside others count in full, so the sum is the most that they can have added.

use super::BOUND;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Error, Machine, Result};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// Steps that begin, work and end.
const ONCE: [&str; 6] = ["data", "unseal", "clock", "preflight", "images", "fetch"];
/// What the guard says when etcd's manifest is there, when its member votes and the API server's manifest is there, and what addons say when
/// they are applied.
const STARTED: [&str; 2] = ["waiting for the kubelet to start etcd", "waiting for etcd to start"];
const VOTES: [&str; 1] = ["etcd runs and votes"];
const APPLIED: [&str; 2] = ["objects applied", "objects were applied before"];
/// What etcd says when it serves.
const SERVES: &str = "date --date \"$(grep --no-filename 'ready to serve client requests' \
                      /var/log/pods/kube-system_etcd-*/etcd/*.log | head -n 1 | cut -d ' ' -f 1)\" +%s.%N";

/// A line of the journal.
struct Line {
    /// Seconds since 1970.
    time: f64,
    unit: String,
    text: String,
}

/// Seconds of each step that any control plane has, by name, of the slowest one; `answered` is when the first one's API server was ready.
pub(crate) fn of(cluster: &Cluster, answered: SystemTime) -> Result<Vec<(&'static str, f64)>> {
    let ready = answered.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let mut all: Vec<(&'static str, f64)> = Vec::new();
    for name in &cluster.topology().masters {
        for (step, time) in on(&cluster.machine(name)?, ready)? {
            match all.iter_mut().find(|(known, _)| *known == step) {
                Some((_, longest)) => *longest = longest.max(time),
                None => all.push((step, time)),
            }
        }
    }
    Ok(all)
}

fn on(machine: &Machine, ready: f64) -> Result<Vec<(&'static str, f64)>> {
    // Its last line may come a moment after the node is Ready.
    let (lines, _) = wait_for("the end of the addons", BOUND, || {
        let lines = journal(machine)?;
        let applied = moment(&lines, "addons", &APPLIED).is_ok();
        Ok(Look::when(applied, lines, || "not applied".to_owned()))
    })?;
    let offset = offset(machine)?;
    let mut steps = Vec::new();
    for step in ONCE {
        let unit = format!("kfimg-{step}");
        let (begun, ended) = (
            property(machine, &unit, "ExecMainStartTimestampMonotonic")?,
            property(machine, &unit, "ExecMainExitTimestampMonotonic")?,
        );
        if begun > 0.0 {
            steps.push((step, ended - begun));
        }
    }
    let begun = |step| property(machine, step, "ExecMainStartTimestampMonotonic").map(|time| time + offset);
    let serves = machine.exec(&["sh", "-c", SERVES])?;
    let serves: f64 = serves.trim().parse().map_err(|error| Error::unusable("etcd's log", error))?;
    steps.push(("etcd: the decision", moment(&lines, "etcd", &STARTED)? - begun("kfimg-etcd")?));
    steps.push(("etcd: the API server's start", moment(&lines, "etcd", &VOTES)? - serves));
    steps.push(("addons", moment(&lines, "addons", &APPLIED)? - ready.max(begun("kfimg-addons")?)));
    Ok(steps)
}

/// When a step first said one of these.
fn moment(lines: &[Line], step: &str, texts: &[&str]) -> Result<f64> {
    let unit = format!("kfimg-{step}.service");
    let said = lines.iter().find(|line| line.unit == unit && texts.iter().any(|text| line.text.contains(text)));
    said.map(|line| line.time).ok_or_else(|| Error::unusable(unit, format!("did not say {texts:?}")))
}

/// All that kfimg's units have said in this boot.
fn journal(machine: &Machine) -> Result<Vec<Line>> {
    let text = machine.exec(&["journalctl", "--boot", "--unit=kfimg-*", "--output=json", "--no-pager"])?;
    Ok(text.lines().filter_map(line).collect())
}

fn line(text: &str) -> Option<Line> {
    let entry: Value = serde_json::from_str(text).ok()?;
    let word = |name: &str| entry[name].as_str().map(str::to_owned);
    let time: f64 = word("__REALTIME_TIMESTAMP")?.parse().ok()?;
    Some(Line { time: time / 1e6, unit: word("_SYSTEMD_UNIT")?, text: word("MESSAGE")? })
}

/// Seconds from systemd's clock to the time of day.
fn offset(machine: &Machine) -> Result<f64> {
    let text = machine.exec(&["journalctl", "--boot", "--lines=1", "--output=json", "--no-pager"])?;
    let wrong = |reason: &dyn std::fmt::Display| Error::unusable("journalctl", reason);
    let entry: Value = serde_json::from_str(text.trim()).map_err(|error| wrong(&error))?;
    let time = |name: &str| entry[name].as_str().and_then(|text| text.parse::<f64>().ok());
    let both = time("__REALTIME_TIMESTAMP").zip(time("__MONOTONIC_TIMESTAMP"));
    both.map(|(day, since)| (day - since) / 1e6).ok_or_else(|| wrong(&"an entry without a time"))
}

/// A moment of a unit in seconds of systemd's clock; 0 where it was never.
fn property(machine: &Machine, unit: &str, property: &str) -> Result<f64> {
    let text = machine.exec(&["systemctl", "show", "--value", "--property", property, unit])?;
    Ok(text.trim().parse::<f64>().unwrap_or(0.0) / 1e6)
}
