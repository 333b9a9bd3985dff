//! Labels and taints of nodes: their grammar, and which labels a kubelet may give itself.

use super::{Subject, syntax};
use crate::description::{Effect, Taint};
use crate::document::Path;
use crate::problem::Report;
use crate::resolve::nodes::CONTROL_PLANE_KEY;

/// Labels of Kubernetes' own namespaces that a kubelet may give its Node. Source: `kubeletLabels` of
/// `k8s.io/kubelet/pkg/apis/well_known_labels.go`; the kubelet does not start with another one.
const KUBELET_LABELS: [&str; 7] = [
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
    "kubernetes.io/hostname",
];
/// Those that the kubelet sets by itself, whatever is written.
const OWN_LABELS: [&str; 5] = [
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
];
/// Namespaces in which a kubelet may give itself any label (`kubeletLabelNamespaces`, same source).
const KUBELET_NAMESPACES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    for (path, node) in subject.parts() {
        for (key, value) in &node.labels {
            label(&path.key("labels").key(key), key, value, report);
        }
        for (index, taint) in node.taints.iter().enumerate() {
            one_taint(&path.key("taints").index(index), taint, &node.taints[..index], report);
        }
    }
    for machine in subject.control_planes().filter(|machine| machine.node.schedulable == Some(true)) {
        let refused = |taint: &Taint| taint.key == CONTROL_PLANE_KEY && taint.effect == Effect::NoSchedule;
        if let Some(index) = machine.node.taints.iter().position(refused) {
            let taints = machine.at_origin(!machine.own.taints.is_empty(), "taints");
            report
                .error(
                    "taint-contradicts-schedulable",
                    taints.index(index),
                    format!("{} is schedulable, and this taint keeps pods off", machine.shown()),
                )
                .note(machine.at_origin(machine.own.schedulable.is_some(), "schedulable"), "schedulable")
                .help("remove one of them");
        }
    }
}

fn label(path: &Path, key: &str, value: &str, report: &mut Report) {
    if let Some(wrong) = syntax::qualified_name(key) {
        report
            .error("invalid-label", path, format!("the label key `{key}` {wrong}"))
            .at_key()
            .help("write a name of letters, digits, `-`, `_` and `.`, or `DOMAIN/NAME`");
        return;
    }
    if let Some(wrong) = syntax::label_value(value) {
        report
            .error("invalid-label", path, format!("the value of the label `{key}` {wrong}"))
            .help("write at most 63 letters, digits, `-`, `_` and `.`, which begin and end with a letter or digit");
    }
    forbidden(path, key, report);
}

fn forbidden(path: &Path, key: &str, report: &mut Report) {
    let namespace = key.split_once('/').map_or("", |(namespace, _)| namespace);
    let within = |domain: &str| namespace == domain || namespace.ends_with(&format!(".{domain}"));
    if OWN_LABELS.contains(&key) {
        report
            .error("label-of-kubelet", path, format!("the kubelet sets `{key}` by itself"))
            .at_key()
            .help("remove it");
    } else if within("node-restriction.kubernetes.io") {
        report
            .error("forbidden-label", path, format!("no node may give itself the label `{key}`"))
            .at_key()
            .help("label the node with kubectl when the cluster stands, or use a domain of your own");
    } else if namespace == "node-role.kubernetes.io" {
        report
            .error("forbidden-label", path, format!("no node may give itself the role label `{key}`"))
            .at_key()
            .help("remove it: the roles of control planes and workers are set by kfimg");
    } else if (within("kubernetes.io") || within("k8s.io"))
        && !KUBELET_LABELS.contains(&key)
        && !KUBELET_NAMESPACES.into_iter().any(within)
    {
        report
            .error(
                "forbidden-label",
                path,
                format!("the kubelet does not start with the label `{key}` of Kubernetes' own namespace"),
            )
            .at_key()
            .help("use a domain of your own, or `node.kubernetes.io/NAME`");
    }
}

fn one_taint(path: &Path, taint: &Taint, before: &[Taint], report: &mut Report) {
    if let Some(wrong) = syntax::qualified_name(&taint.key) {
        report
            .error("invalid-taint", path.key("key"), format!("the taint's key `{}` {wrong}", taint.key))
            .help("write a name of letters, digits, `-`, `_` and `.`, or `DOMAIN/NAME`");
    }
    if let Some(wrong) = syntax::label_value(&taint.value) {
        report
            .error("invalid-taint", path.key("value"), format!("the taint's value {wrong}"))
            .help("write at most 63 letters, digits, `-`, `_` and `.`, which begin and end with a letter or digit");
    }
    let is_same = |other: &Taint| other.key == taint.key && other.effect == taint.effect;
    if before.iter().any(is_same) {
        report
            .error(
                "duplicate-taint",
                path.key("key"),
                format!("the taint `{}` is given twice with the same effect", taint.key),
            )
            .help("remove one");
    }
}
