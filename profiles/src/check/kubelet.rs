//! The kubelet and containerd: quantities, thresholds, limits.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::{Subject, at, syntax};
use crate::description::{Containerd, Kubelet};
use crate::document::did_you_mean;
use crate::problem::Report;
use crate::resolve::components::{DEFAULT_IMAGE_GC, DEFAULT_MAX_PODS, DEFAULT_SHUTDOWN_GRACE};
use crate::resolve::site::{DEFAULT_MASK_SIZES, default_pod_subnet, networks};

/// Resources that can be kept (`SystemReserved` and `KubeReserved` of `KubeletConfiguration`).
const RESERVABLE: [&str; 4] = ["cpu", "memory", "ephemeral-storage", "pid"];
/// Source: `k8s.io/kubernetes/pkg/kubelet/eviction/api/types.go`.
const SIGNALS: [&str; 8] = [
    "memory.available",
    "nodefs.available",
    "nodefs.inodesFree",
    "imagefs.available",
    "imagefs.inodesFree",
    "containerfs.available",
    "containerfs.inodesFree",
    "pid.available",
];

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let kubelet = &subject.description.kubelet;
    for (key, reserved) in [("systemReserved", &kubelet.system_reserved), ("kubeReserved", &kubelet.kube_reserved)] {
        resources(key, reserved, report);
    }
    thresholds(kubelet, report);
    images(kubelet, report);
    grace(kubelet, report);
    pods(subject, report);
    if let Some(path) = &kubelet.resolv_conf
        && !syntax::is_clean_path(path)
    {
        report
            .error("invalid-path", at("kubelet.resolvConf"), format!("`{path}` is no absolute path"))
            .help("write a path such as /run/systemd/resolve/resolv.conf");
    }
    if kubelet.pod_pids_limit.is_some_and(|limit| limit < 16) {
        report
            .error("kubelet-limit", at("kubelet.podPidsLimit"), "pods with so few processes do not start")
            .help("write at least 16; the default is 4096");
    }
    containerd(&subject.description.containerd, report);
}

fn resources(key: &str, reserved: &BTreeMap<String, String>, report: &mut Report) {
    for (name, amount) in reserved {
        let path = at("kubelet").key(key).key(name);
        if !RESERVABLE.contains(&name.as_str()) {
            let help = unknown(name, &RESERVABLE);
            report.error("unknown-resource", path, format!("nothing can be kept of `{name}`")).at_key().help(help);
        } else if syntax::quantity(amount).is_none() {
            report
                .error("invalid-quantity", path, format!("`{amount}` is no quantity"))
                .help("write a number with an optional unit: 100m, 1, 512Mi, 2Gi");
        }
    }
}

fn unknown(name: &str, known: &[&'static str]) -> String {
    did_you_mean(name, known.iter().copied())
        .map_or_else(|| format!("write one of {}", known.join(", ")), |meant| format!("did you mean `{meant}`?"))
}

fn thresholds(kubelet: &Kubelet, report: &mut Report) {
    for (signal, threshold) in &kubelet.eviction_hard {
        let path = at("kubelet.evictionHard").key(signal);
        if !SIGNALS.contains(&signal.as_str()) {
            let help = unknown(signal, &SIGNALS);
            report.error("unknown-signal", path, format!("the kubelet watches no `{signal}`")).at_key().help(help);
            continue;
        }
        let percent =
            threshold.strip_suffix('%').map(|number| number.parse::<f64>().is_ok_and(|n| (0.0..=100.0).contains(&n)));
        if !percent.unwrap_or_else(|| syntax::quantity(threshold).is_some()) {
            report
                .error("invalid-quantity", path, format!("`{threshold}` is no threshold"))
                .help("write a quantity such as 200Mi, or a share such as 10%");
        }
    }
}

fn images(kubelet: &Kubelet, report: &mut Report) {
    let written = [
        ("imageGCHighThresholdPercent", kubelet.image_gc_high_threshold_percent),
        ("imageGCLowThresholdPercent", kubelet.image_gc_low_threshold_percent),
    ];
    for (key, percent) in written {
        if percent.is_some_and(|percent| percent > 100) {
            report
                .error("invalid-percent", at("kubelet").key(key), "a disk is never more than 100 percent full")
                .help("write 0 to 100");
            return;
        }
    }
    let high = kubelet.image_gc_high_threshold_percent.unwrap_or(DEFAULT_IMAGE_GC.0);
    let low = kubelet.image_gc_low_threshold_percent.unwrap_or(DEFAULT_IMAGE_GC.1);
    if low >= high {
        let key = if kubelet.image_gc_low_threshold_percent.is_some() { written[1].0 } else { written[0].0 };
        report
            .error(
                "threshold-order",
                at("kubelet").key(key),
                format!("image removal would begin at {high} percent and stop at {low}"),
            )
            .help("write a low threshold below the high one");
    }
}

fn grace(kubelet: &Kubelet, report: &mut Report) {
    let all = kubelet.shutdown_grace_period.unwrap_or(DEFAULT_SHUTDOWN_GRACE.0);
    let critical = kubelet.shutdown_grace_period_critical_pods.unwrap_or(DEFAULT_SHUTDOWN_GRACE.1);
    let is_written = kubelet.shutdown_grace_period_critical_pods.is_some();
    let key = if is_written { "shutdownGracePeriodCriticalPods" } else { "shutdownGracePeriod" };
    if critical > all {
        report
            .error("grace-order", at("kubelet").key(key), format!("{critical} for critical pods is more than {all} for all"))
            .help("write a `shutdownGracePeriodCriticalPods` within the `shutdownGracePeriod`; the defaults are 20s and 60s");
    }
    for (key, period) in [
        ("shutdownGracePeriod", kubelet.shutdown_grace_period),
        ("shutdownGracePeriodCriticalPods", kubelet.shutdown_grace_period_critical_pods),
    ] {
        if period.is_some_and(|period| (1..1000).contains(&period.get().as_millis())) {
            report
                .error("grace-order", at("kubelet").key(key), "the kubelet takes no period below a second")
                .help("write 0s, or 1s and more");
        }
    }
}

fn pods(subject: &Subject<'_>, report: &mut Report) {
    let written = &subject.description.networking;
    let most = subject.description.kubelet.max_pods.unwrap_or(DEFAULT_MAX_PODS);
    let setting =
        if subject.description.kubelet.max_pods.is_some() { "kubelet.maxPods" } else { "networking.podSubnet" };
    if most == 0 {
        report
            .error("kubelet-limit", at("kubelet.maxPods"), "no pod could run, static pods neither")
            .help("write at least 16");
        return;
    }
    // An int32 in the kubelet's configuration.
    if i32::try_from(most).is_err() {
        report
            .error("kubelet-limit", at("kubelet.maxPods"), format!("the kubelet takes no number as large as {most}"))
            .help("write some hundreds");
        return;
    }
    for net in networks(written.pod_subnet.as_ref(), default_pod_subnet) {
        let IpNet::V4(_) = net else { continue };
        let mask = written.node_cidr_mask_size_ipv4.unwrap_or(DEFAULT_MASK_SIZES.0);
        // The network, the broadcast address and the bridge's own take one address each.
        let room = 1_u64.checked_shl(u32::from(32 - mask.min(32))).unwrap_or(u64::MAX).saturating_sub(3);
        if u64::from(most) > room {
            report
                .warning(
                    "max-pods",
                    at(setting),
                    format!("{most} pods do not fit into a node's part of {net}, a /{mask} with {room} addresses"),
                )
                .help(format!("write `kubelet.maxPods: {room}`, or a smaller `networking.nodeCIDRMaskSizeIPv4`"));
        }
    }
}

fn containerd(containerd: &Containerd, report: &mut Report) {
    let Some(snapshotter) = &containerd.snapshotter else { return };
    if syntax::label(snapshotter).is_some() {
        report
            .error("invalid-name", at("containerd.snapshotter"), format!("`{snapshotter}` is no name of a snapshotter"))
            .help("write a name such as overlayfs, native or erofs");
    }
}
