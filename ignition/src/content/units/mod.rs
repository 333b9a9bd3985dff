//! systemd units that run the agent: one small step each, in the order of the design's "The boot of a node".
//!
//! What the steps do is the agent's. containerd, the kubelet and the mounts have their units in their own files.

mod ini;

pub(super) use ini::Ini;

use super::{Content, ContentError, Context, On};

/// A unit of the agent.
struct Unit {
    on: On,
    name: &'static str,
    text: &'static str,
    wanted_by: Option<&'static str>,
}

const MULTI_USER: Option<&str> = Some("multi-user.target");

const UNITS: &[Unit] = &[
    Unit {
        on: On::EveryNode,
        name: "kfimg-clock.service",
        text: include_str!("kfimg-clock.service"),
        wanted_by: MULTI_USER,
    },
    Unit {
        on: On::EveryNode,
        name: "kfimg-preflight.service",
        text: include_str!("kfimg-preflight.service"),
        wanted_by: MULTI_USER,
    },
    Unit {
        on: On::EveryNode,
        name: "kfimg-images.service",
        text: include_str!("kfimg-images.service"),
        wanted_by: MULTI_USER,
    },
    Unit {
        on: On::EveryNode,
        name: "kfimg-report.service",
        text: include_str!("kfimg-report.service"),
        wanted_by: MULTI_USER,
    },
    // A control plane without a member of its own has its API server installed by the same step.
    Unit {
        on: On::ControlPlanes,
        name: "kfimg-addons.service",
        text: include_str!("kfimg-addons.service"),
        wanted_by: MULTI_USER,
    },
    Unit {
        on: On::EtcdMembers,
        name: "kfimg-snapshot.service",
        text: include_str!("kfimg-snapshot.service"),
        wanted_by: None,
    },
];

const GUARD: &str = "kfimg-etcd.service";
const SNAPSHOT_TIMER: &str = "kfimg-snapshot.timer";
/// Rules for manifests that an earlier boot installed.
const MANIFESTS: &str = "/etc/tmpfiles.d/kfimg-manifests.conf";

/// Writes the units of the node's role.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    for unit in UNITS.iter().filter(|unit| unit.on.includes(context)) {
        content.tree.unit(unit.name, unit.text, unit.wanted_by)?;
    }
    if On::EtcdMembers.includes(context) {
        let timer = snapshot_timer(context).finish(SNAPSHOT_TIMER)?;
        content.tree.unit(SNAPSHOT_TIMER, &timer, Some("timers.target"))?;
    }
    if On::EtcdMembers.includes(context) || On::ControlPlanes.includes(context) {
        content.tree.unit(GUARD, include_str!("kfimg-etcd.service"), MULTI_USER)?;
        content.tree.file(MANIFESTS, 0o644, stale_manifests())?;
    }
    Ok(())
}

/// Enables a unit that the operating system brings, by the link that `systemctl enable` would make. Where the system
/// has no such unit, the link does nothing.
pub(super) fn enable_system_unit(content: &mut Content, name: &str, wanted_by: &str) -> Result<(), ContentError> {
    let link = format!("/etc/systemd/system/{wanted_by}.wants/{name}");
    Ok(content.tree.link(&link, &format!("/usr/lib/systemd/system/{name}"))?)
}

/// The manifests that the agent installs are removed at each boot, and at boot alone (`!`), long before the kubelet
/// starts: with them it would start what the guard has not let go, on a system whose `/etc` lasts.
fn stale_manifests() -> String {
    let installed = [super::etcd::install(), super::api_server::install(), super::keepalived::install()];
    installed.iter().map(|manifest| format!("r! {}\n", manifest.destination)).collect()
}

/// The first one comes soon after a boot, when the cluster has settled; members take theirs at different times.
fn snapshot_timer(context: &Context<'_>) -> Ini {
    let interval = context.cluster.etcd.snapshot_interval.as_secs().max(60);
    Ini::new()
        .section("Unit")
        .key("Description", "kfimg: regular snapshots of etcd")
        .section("Timer")
        .key("OnBootSec", "15min")
        .key("OnUnitActiveSec", format!("{interval}s"))
        .key("RandomizedDelaySec", format!("{}s", interval / 10))
        .key("FixedRandomDelay", "yes")
}
