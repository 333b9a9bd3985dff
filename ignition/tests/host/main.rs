//! What a node gets below Kubernetes: identity, network, time, kernel, users, disk, containerd, kubelet, units.

#[cfg(test)]
#[allow(dead_code, unreachable_pub, reason = "shared with other tests")]
#[path = "../site/mod.rs"]
mod site;

#[cfg(test)]
mod containerd;
#[cfg(test)]
mod data_disk;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod kernel;
#[cfg(test)]
mod kubelet;
#[cfg(test)]
mod network;
#[cfg(test)]
mod sysext;
#[cfg(test)]
mod time;
#[cfg(test)]
mod units;
#[cfg(test)]
mod users;

use kfimg_ignition::tree::{Entry, NodeTree};

/// What a link points to.
fn link<'a>(tree: &'a NodeTree, path: &str) -> &'a str {
    match tree.get(path) {
        Some(Entry::Link(link)) => &link.target,
        other => panic!("{path}: no link but {other:?}"),
    }
}

/// Whether a unit is enabled for a target.
fn is_wanted(tree: &NodeTree, unit: &str, target: &str) -> bool {
    tree.get(&format!("/etc/systemd/system/{target}.wants/{unit}")).is_some()
}
