//! 3: who may log in, and what is written down.

use crate::cis::check::On::ControlPlanes;
use crate::cis::check::{Check, manual};
use crate::cis::judgements;
use crate::cis::program::Program::ApiServer;
use crate::cis::require::Require::{Is, OrUnset};
use crate::cis::rule::Rule::{Flags, Judge, People};

pub(super) const CHECKS: &[Check] = &[
    manual("3.1.1", "people need no client certificates", ControlPlanes, Judge(judgements::ways_for_people))
        .setting("apiServer.authentication.jwt")
        .note("admin.kubeconfig is a client certificate; keep it for emergencies and give people tokens of an issuer"),
    manual(
        "3.1.2",
        "people do not use service accounts",
        ControlPlanes,
        People("which of your people hold tokens of service accounts is in no tree"),
    ),
    manual(
        "3.1.3",
        "nobody logs in by bootstrap tokens",
        ControlPlanes,
        Flags(ApiServer, &[("enable-bootstrap-token-auth", OrUnset(&Is("false")))]),
    )
    .setting("apiServer.extraArgs"),
    manual("3.2.1", "there is an audit policy", ControlPlanes, Judge(judgements::audit_policy))
        .setting("apiServer.audit.policy"),
    manual("3.2.2", "the audit policy misses nothing that matters", ControlPlanes, Judge(judgements::audit_coverage))
        .setting("apiServer.audit.policy")
        .note("judged for requests of a person: secrets, tokens, pods, deployments, exec, port-forward, proxies"),
];
