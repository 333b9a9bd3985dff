//! A stock operating system without kubelet, runtime, plug-ins and agent: they come as a system extension, which the node
//! fetches and merges before anything of them is started.
//!
//! Ignition could fetch it at a machine's first boot alone, and cloud-init not before the network is up. So a unit does, whoever brought
//! the payload, and a payload with another extension is enough for another one. What it does is a script, because the agent
//! is a part of what it fetches; it asks curl, sha256sum and systemd-sysext(8) of the system.

use super::units::Ini;
use super::{Content, ContentError, Context};
use crate::tree::{Entry, File, Owner};

const UNIT: &str = "kfimg-sysext.service";
const SCRIPT: &str = "/etc/kfimg/sysext.sh";
/// Where it is kept; `/usr` and `/opt` are merged from there (`systemd-sysext(8)`).
const FOLDER: &str = "/var/lib/extensions";
/// What runs a program of it, and the mount that shows its plug-ins.
const LATER: [&str; 12] = [
    "containerd.service",
    "kfimg-addons.service",
    "kfimg-clock.service",
    "kfimg-etcd.service",
    "kfimg-fetch.service",
    "kfimg-images.service",
    "kfimg-preflight.service",
    "kfimg-report.service",
    "kfimg-snapshot.service",
    "kfimg-unseal.service",
    "kubelet.service",
    "opt-cni-bin.mount",
];

/// Writes the unit and its script, where the node has an extension.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let Some(extension) = &context.node.system_extension else { return Ok(()) };
    let script = File { mode: 0o700, owner: Owner::ROOT, content: include_bytes!("sysext.sh").to_vec(), secret: false };
    content.tree.insert(SCRIPT, Entry::File(script))?;
    let words = ["/bin/sh", SCRIPT, extension.url.as_str(), extension.sha256.as_str()].map(str::to_owned);
    let unit = Ini::new()
        .section("Unit")
        .key("Description", "kfimg: kubelet, runtime and agent as a system extension")
        .key("Wants", "network-online.target")
        .key("After", "network-online.target systemd-sysext.service")
        .keys("Before", LATER)
        .key("RequiresMountsFor", FOLDER)
        .section("Service")
        .key("Type", "oneshot")
        .key("RemainAfterExit", "yes")
        .command("ExecStart", &words)
        // Whoever brings the boot server back is a person.
        .key("TimeoutStartSec", "infinity")
        .key("StandardOutput", "journal+console");
    Ok(content.tree.unit(UNIT, &unit.finish(UNIT)?, Some("multi-user.target"))?)
}
