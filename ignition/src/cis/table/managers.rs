//! 1.3 and 1.4: flags of the controller-manager and of the scheduler.

use crate::cis::check::On::ControlPlanes;
use crate::cis::check::{Check, automated, manual};
use crate::cis::program::Program::{self, ControllerManager, Scheduler};
use crate::cis::require::Require::{self, AtLeast, Is, Lacks, Not, OrUnset, Set};
use crate::cis::rule::Rule;

const OF_MANAGER: &str = "controllerManager.extraArgs";
const OF_SCHEDULER: &str = "scheduler.extraArgs";

const fn flag(
    id: &'static str,
    title: &'static str,
    program: Program,
    flag: &'static [(&'static str, Require)],
) -> Check {
    automated(id, title, ControlPlanes, Rule::Flags(program, flag))
}

pub(super) const CHECKS: &[Check] = &[
    manual(
        "1.3.1",
        "ended pods are removed",
        ControlPlanes,
        Rule::Flags(ControllerManager, &[("terminated-pod-gc-threshold", AtLeast(1))]),
    )
    .setting(OF_MANAGER),
    flag("1.3.2", "controller-manager: no profiling", ControllerManager, &[("profiling", Is("false"))])
        .setting(OF_MANAGER),
    flag(
        "1.3.3",
        "each controller has an account of its own",
        ControllerManager,
        &[("use-service-account-credentials", Not("false"))],
    )
    .setting(OF_MANAGER),
    flag("1.3.4", "a key of their own signs tokens", ControllerManager, &[("service-account-private-key-file", Set)]),
    flag("1.3.5", "pods get the cluster's authority", ControllerManager, &[("root-ca-file", Set)]),
    flag(
        "1.3.6",
        "kubelets may renew their serving certificates",
        ControllerManager,
        &[("feature-gates", OrUnset(&Lacks("RotateKubeletServerCertificate=false")))],
    )
    .setting("controllerManager.featureGates"),
    flag(
        "1.3.7",
        "controller-manager: listens on the node alone",
        ControllerManager,
        &[("bind-address", OrUnset(&Is("127.0.0.1")))],
    )
    .setting(OF_MANAGER),
    flag("1.4.1", "scheduler: no profiling", Scheduler, &[("profiling", Is("false"))]).setting(OF_SCHEDULER),
    flag("1.4.2", "scheduler: listens on the node alone", Scheduler, &[("bind-address", OrUnset(&Is("127.0.0.1")))])
        .setting(OF_SCHEDULER),
];
