//! What can go wrong with addons.

use crate::failure::{Code, Weight};

pub(super) const KUBECONFIG: Code = Code {
    name: "ADDONS_KUBECONFIG",
    weight: Weight::Fatal,
    meaning: "the kubeconfig of the agent is missing or is not what `kfimg render` writes",
    remedy: "boot the node with its payload again; nobody edits this file on a node",
};

pub(super) const FILE: Code = Code {
    name: "ADDONS_FILE",
    weight: Weight::Fatal,
    meaning: "a file of addons is missing, damaged, or no `v1` List of objects with a name",
    remedy: "boot the node with its payload again; objects of your own need `metadata.name`",
};

pub(super) const API: Code = Code {
    name: "ADDONS_API",
    weight: Weight::Retry,
    meaning: "the node's own API server does not answer that it is ready",
    remedy: "look at the steps before (etcd above all) and at the API server's log in /var/log/pods; it is tried again",
};

pub(super) const LOCKED: Code = Code {
    name: "ADDONS_LOCKED",
    weight: Weight::Retry,
    meaning: "another control plane has held the lock on the addons for half an hour",
    remedy: "look at kfimg-addons.service of the node that the Lease kube-system/kfimg-addons names; it is tried again",
};

pub(super) const REFUSED: Code = Code {
    name: "ADDONS_REFUSED",
    weight: Weight::Retry,
    meaning: "the API server refuses an object for a reason that waiting does not heal",
    remedy: "correct the object in the description, render, and boot the control planes; all others are applied",
};

pub(super) const PENDING: Code = Code {
    name: "ADDONS_PENDING",
    weight: Weight::Retry,
    meaning: "an object could not be applied for ten minutes: its kind, namespace or webhook is not there",
    remedy: "read the reason; what is missing may be named by no file of the description; it is tried again",
};

pub(super) const OLDER: Code = Code {
    name: "ADDONS_OLDER",
    weight: Weight::Warning,
    meaning: "the cluster's addons are of a newer generation than this node's payload; nothing is applied",
    remedy: "boot this node with the payload of the last render",
};

pub(super) const RECORD: Code = Code {
    name: "ADDONS_RECORD",
    weight: Weight::Fatal,
    meaning: "the record kube-system/kfimg-cluster is damaged, of another cluster, or of another render with the same number",
    remedy: "see that one state folder renders this cluster; then delete the ConfigMap: addons are applied anew, nothing is pruned",
};

pub(super) const KEPT: Code = Code {
    name: "ADDONS_KEPT",
    weight: Weight::Warning,
    meaning: "an object that the description no longer has stays, because others or data may depend on it",
    remedy: "delete it yourself when nothing needs it any more",
};

/// All of them.
pub(crate) const CODES: &[Code] = &[KUBECONFIG, FILE, API, LOCKED, REFUSED, PENDING, OLDER, RECORD, KEPT];
