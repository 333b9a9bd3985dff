//! 1.2: flags of the API server.

use super::STRONG_CIPHERS;
use crate::cis::check::On::ControlPlanes;
use crate::cis::check::{Check, automated, manual};
use crate::cis::judgements;
use crate::cis::program::Program::ApiServer;
use crate::cis::require::Require::{self, AtLeast, Has, Is, Lacks, OrUnset, Set, SomeTime, Unset};
use crate::cis::rule::Rule::{self, Judge};

const EXTRA_ARGS: &str = "apiServer.extraArgs";
const ENABLE: &str = "apiServer.admission.enable";
const DISABLE: &str = "apiServer.admission.disable";

const fn flags(flags: &'static [(&'static str, Require)]) -> Rule {
    Rule::Flags(ApiServer, flags)
}

const fn flag(id: &'static str, title: &'static str, rule: Rule) -> Check {
    automated(id, title, ControlPlanes, rule)
}

const fn people(id: &'static str, title: &'static str, rule: Rule) -> Check {
    manual(id, title, ControlPlanes, rule)
}

pub(super) const CHECKS: &[Check] = &[
    people("1.2.1", "nothing but health pages answers without a login", Judge(judgements::anonymous))
        .setting("apiServer.authentication.config")
        .note(
            "kfimg's authentication configuration lets health pages alone answer, so that probes and load balancers \
               work; kube-bench looks for the flag --anonymous-auth=false, which would break both",
        ),
    flag("1.2.2", "no file of tokens", flags(&[("token-auth-file", Unset)])).setting(EXTRA_ARGS),
    people(
        "1.2.3",
        "services may not claim addresses of others",
        flags(&[("enable-admission-plugins", Has("DenyServiceExternalIPs"))]),
    )
    .setting(ENABLE),
    flag(
        "1.2.4",
        "a client certificate for kubelets",
        flags(&[("kubelet-client-certificate", Set), ("kubelet-client-key", Set)]),
    ),
    flag("1.2.5", "kubelets' certificates are verified", flags(&[("kubelet-certificate-authority", Set)])),
    flag("1.2.6", "not everything is allowed", flags(&[("authorization-mode", Lacks("AlwaysAllow"))]))
        .setting(EXTRA_ARGS),
    flag("1.2.7", "nodes have the rights of their own pods alone", flags(&[("authorization-mode", Has("Node"))]))
        .setting(EXTRA_ARGS),
    flag("1.2.8", "rights come from roles", flags(&[("authorization-mode", Has("RBAC"))])).setting(EXTRA_ARGS),
    people("1.2.9", "the rate of events is limited", flags(&[("enable-admission-plugins", Has("EventRateLimit"))]))
        .setting(ENABLE)
        .note("it needs a configuration: apiServer.admission.config"),
    flag(
        "1.2.10",
        "not every object is admitted unseen",
        flags(&[("enable-admission-plugins", OrUnset(&Lacks("AlwaysAdmit")))]),
    )
    .setting(ENABLE),
    people("1.2.11", "images are always pulled", flags(&[("enable-admission-plugins", Has("AlwaysPullImages"))]))
        .setting(ENABLE)
        .note("with images from a medium and no registry within reach, no pod could start"),
    flag(
        "1.2.12",
        "pods get service accounts",
        flags(&[("disable-admission-plugins", OrUnset(&Lacks("ServiceAccount")))]),
    )
    .setting(DISABLE),
    flag(
        "1.2.13",
        "nothing is made in namespaces that end",
        flags(&[("disable-admission-plugins", OrUnset(&Lacks("NamespaceLifecycle")))]),
    )
    .setting(DISABLE),
    flag(
        "1.2.14",
        "a node changes itself and its pods alone",
        flags(&[("enable-admission-plugins", Has("NodeRestriction"))]),
    )
    .setting(ENABLE),
    flag("1.2.15", "no profiling", flags(&[("profiling", Is("false"))])).setting(EXTRA_ARGS),
    flag("1.2.16", "there is an audit log", flags(&[("audit-log-path", Set)])),
    flag("1.2.17", "audit logs are kept for 30 days", flags(&[("audit-log-maxage", AtLeast(30))]))
        .setting("apiServer.audit.maxAge"),
    flag("1.2.18", "10 audit logs are kept", flags(&[("audit-log-maxbackup", AtLeast(10))]))
        .setting("apiServer.audit.maxBackup"),
    flag("1.2.19", "an audit log has room for 100 MiB", flags(&[("audit-log-maxsize", AtLeast(100))]))
        .setting("apiServer.audit.maxSize"),
    people("1.2.20", "requests end at some time", flags(&[("request-timeout", OrUnset(&SomeTime))]))
        .setting(EXTRA_ARGS)
        .note("left out, requests end after a minute"),
    flag(
        "1.2.21",
        "tokens of deleted service accounts end",
        flags(&[("service-account-lookup", OrUnset(&Is("true")))]),
    )
    .setting(EXTRA_ARGS),
    flag("1.2.22", "a key of their own verifies tokens", flags(&[("service-account-key-file", Set)])),
    flag("1.2.23", "a client certificate for etcd", flags(&[("etcd-certfile", Set), ("etcd-keyfile", Set)])),
    flag("1.2.24", "a serving certificate", flags(&[("tls-cert-file", Set), ("tls-private-key-file", Set)])),
    flag("1.2.25", "an authority of clients", flags(&[("client-ca-file", Set)])),
    flag("1.2.26", "etcd's certificate is verified", flags(&[("etcd-cafile", Set)])),
    people("1.2.27", "there is a configuration of encryption", Judge(judgements::encryption_file)),
    people("1.2.28", "secrets are encrypted in etcd", Judge(judgements::encryption_provider))
        .setting("apiServer.encryption.provider"),
    people("1.2.29", "strong ciphers only", flags(&[("tls-cipher-suites", STRONG_CIPHERS)])).setting(EXTRA_ARGS),
    flag("1.2.30", "tokens end when they say", flags(&[("service-account-extend-token-expiration", Is("false"))]))
        .setting(EXTRA_ARGS),
];
