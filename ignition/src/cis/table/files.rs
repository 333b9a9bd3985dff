//! 1.1: files of the control plane.

use crate::cis::check::On::{ControlPlanes, EtcdMembers, Servers};
use crate::cis::check::{Check, automated, manual};
use crate::cis::files::Files::{self, Among, At, Below, Cni, EtcdData, Manifest};
use crate::cis::program::Program::{ApiServer, ControllerManager, Etcd, Scheduler};
use crate::cis::rule::Rule::{self, Mode};

const PKI: &str = "/etc/kubernetes/pki";
const ADMINISTRATORS: Files = Among(&["/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf"]);
const SCHEDULER_CONF: Files = At("/etc/kubernetes/scheduler.conf");
const CONTROLLER_MANAGER_CONF: Files = At("/etc/kubernetes/controller-manager.conf");

const fn private(files: Files) -> Rule {
    Mode(files, 0o600)
}

const fn of_root(files: Files) -> Rule {
    Rule::Owner(files, "root")
}

pub(super) const CHECKS: &[Check] = &[
    automated("1.1.1", "manifest of the API server: mode 0600", ControlPlanes, private(Manifest(ApiServer))),
    automated("1.1.2", "manifest of the API server: root's", ControlPlanes, of_root(Manifest(ApiServer))),
    automated(
        "1.1.3",
        "manifest of the controller-manager: mode 0600",
        ControlPlanes,
        private(Manifest(ControllerManager)),
    ),
    automated(
        "1.1.4",
        "manifest of the controller-manager: root's",
        ControlPlanes,
        of_root(Manifest(ControllerManager)),
    ),
    automated("1.1.5", "manifest of the scheduler: mode 0600", ControlPlanes, private(Manifest(Scheduler))),
    automated("1.1.6", "manifest of the scheduler: root's", ControlPlanes, of_root(Manifest(Scheduler))),
    automated("1.1.7", "manifest of etcd: mode 0600", EtcdMembers, private(Manifest(Etcd))),
    automated("1.1.8", "manifest of etcd: root's", EtcdMembers, of_root(Manifest(Etcd))),
    manual("1.1.9", "configuration of the pods' network: mode 0600", ControlPlanes, private(Cni))
        .note("flannel's pod copies its ConfigMap; the copy keeps the mode that the volume gives"),
    manual("1.1.10", "configuration of the pods' network: root's", ControlPlanes, of_root(Cni)),
    automated("1.1.11", "folder of etcd's data: mode 0700", EtcdMembers, Mode(EtcdData, 0o700))
        .note("made at boot: the rule of tmpfiles.d is judged"),
    automated("1.1.12", "folder of etcd's data: etcd's", EtcdMembers, Rule::Owner(EtcdData, "etcd"))
        .note("made at boot: the rules of tmpfiles.d and sysusers.d are judged"),
    automated("1.1.13", "administrators' kubeconfigs: mode 0600", ControlPlanes, private(ADMINISTRATORS)),
    automated("1.1.14", "administrators' kubeconfigs: root's", ControlPlanes, of_root(ADMINISTRATORS)),
    automated("1.1.15", "kubeconfig of the scheduler: mode 0600", ControlPlanes, private(SCHEDULER_CONF)),
    automated("1.1.16", "kubeconfig of the scheduler: root's", ControlPlanes, of_root(SCHEDULER_CONF)),
    automated(
        "1.1.17",
        "kubeconfig of the controller-manager: mode 0600",
        ControlPlanes,
        private(CONTROLLER_MANAGER_CONF),
    ),
    automated(
        "1.1.18",
        "kubeconfig of the controller-manager: root's",
        ControlPlanes,
        of_root(CONTROLLER_MANAGER_CONF),
    ),
    automated("1.1.19", "certificates and keys: root's", Servers, of_root(Below(PKI, ""))),
    manual("1.1.20", "certificates: mode 0644 or stricter", Servers, Mode(Below(PKI, ".crt"), 0o644)),
    manual("1.1.21", "keys: mode 0600", Servers, private(Below(PKI, ".key"))),
];
