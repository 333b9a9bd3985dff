//! The kubelet and the container runtime of every node.

use super::FeatureGates;
use super::control_plane::Argument;
use super::values::GoDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kubelet. The words are those of `KubeletConfiguration` (kubelet.config.k8s.io/v1beta1).
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Kubelet {
    /// Resources kept for the system: `cpu`, `memory`, `ephemeral-storage`, `pid`.
    pub system_reserved: BTreeMap<String, String>,
    /// Resources kept for the kubelet and the container runtime.
    pub kube_reserved: BTreeMap<String, String>,
    /// Most pods on a node. Default 110.
    pub max_pods: Option<u32>,
    /// Most processes in a pod. Default 4096.
    pub pod_pids_limit: Option<u32>,
    /// Thresholds at which pods are evicted at once, such as `memory.available: 200Mi`.
    pub eviction_hard: BTreeMap<String, String>,
    /// Who manages control groups.
    pub cgroup_driver: CgroupDriver,
    /// File with the resolver settings that pods with `dnsPolicy: Default` get. Default
    /// `/run/systemd/resolve/resolv.conf`.
    pub resolv_conf: Option<String>,
    /// Time that pods get when the machine is shut down in an orderly way. Default `60s`.
    pub shutdown_grace_period: Option<GoDuration>,
    /// The part of it that is kept for critical pods. Default `20s`.
    pub shutdown_grace_period_critical_pods: Option<GoDuration>,
    /// Refuse to start on a machine with control groups v1. Default `true`.
    pub fail_cgroup_v1: Option<bool>,
    /// Refuse to start on a machine with swap. Default `true`.
    pub fail_swap_on: Option<bool>,
    /// Images are removed from this fill level of the disk on, in percent. Default 85.
    #[serde(rename = "imageGCHighThresholdPercent")]
    pub image_gc_high_threshold_percent: Option<u8>,
    /// Image removal stops at this fill level of the disk, in percent. Default 80.
    #[serde(rename = "imageGCLowThresholdPercent")]
    pub image_gc_low_threshold_percent: Option<u8>,
    /// Feature gates: name to `true` or `false`.
    pub feature_gates: FeatureGates,
    /// Command line arguments; each is held against the reviewed table.
    pub extra_args: Vec<Argument>,
}

/// Who manages control groups.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CgroupDriver {
    /// systemd, as all that it starts.
    #[default]
    Systemd,
    /// The kubelet and runc by themselves.
    Cgroupfs,
}

/// containerd.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Containerd {
    /// Do not use AppArmor even where the kernel has it.
    pub disable_apparmor: bool,
    /// File system driver of images. Default `overlayfs`.
    pub snapshotter: Option<String>,
}
