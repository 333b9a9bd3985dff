//! The lab: real machines that boot what `kfimg render` wrote, on one Linux box without virtualisation.
//!
//! A machine is a systemd of its own (systemd-nspawn) in its own network namespace; all hang on one bridge in a namespace
//! without a way out. Everything in it is real: Ignition, the agent, containerd, the kubelet, etcd, Kubernetes. It links no
//! crate of kfimg and runs only the finished programs. What it needs of the machine that it runs on is in `docs/lab.md`.

pub mod balancer;
pub mod boot_server;
pub mod bundle;
#[cfg(test)]
mod claims;
mod cluster;
mod collect;
mod command;
mod error;
pub mod faults;
pub mod generation;
pub mod images;
mod keyed;
mod lab;
pub mod lan;
pub mod leftovers;
pub mod machine;
pub mod observe;
mod parts;
mod payload;
pub mod programs;
pub mod qemu;
pub mod registry;
pub mod rootfs;
pub mod scenario;
pub mod seal;
pub mod secrets;
mod server;
pub mod site;
pub mod status;
pub mod wait;
pub mod watch;
pub mod workload;

pub use cluster::Cluster;
pub use error::{Error, Result};
pub use lab::Lab;
pub use machine::Machine;
pub use parts::Parts;
pub use site::{Entrance, Topology};

use std::path::PathBuf;

/// Folder for everything that outlives a run: `$KFIMG_CACHE`, else `kfimg` in the user's own cache.
pub fn cache() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || variable("HOME").unwrap_or_else(|| PathBuf::from("/root")).join(".cache");
    variable("KFIMG_CACHE").unwrap_or_else(|| variable("XDG_CACHE_HOME").unwrap_or_else(home).join("kfimg"))
}
