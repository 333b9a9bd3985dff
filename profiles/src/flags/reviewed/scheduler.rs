//! Reviewed arguments of kube-scheduler.

use super::Condition::{Has, Is, NoneOf};
use super::{ENDS_AT_ONCE, OLD_TLS, OLD_TLS_REASON, PROFILING, REACHABLE, Row, STRONG_CIPHERS, USE_NEW_TLS};
use super::{USE_STRONG_CIPHERS, WEAK_CIPHERS, owned, refused};

pub(super) const ROWS: &[Row] = &[
    owned(
        &["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig", "master"],
        "it reaches the API server of its own node with the certificate that kfimg issues",
        "remove it",
    ),
    owned(
        &["client-ca-file", "requestheader-client-ca-file"],
        "it is part of the cluster's PKI",
        "remove it: bring your own authorities under `pki`",
    ),
    owned(&["feature-gates"], "the description has a setting for it", "use `scheduler.featureGates`"),
    owned(&["secure-port"], "probes ask on its default port", "remove it"),
    refused(&["bind-address"], NoneOf(&["127.0.0.1"]), REACHABLE, "remove it: kfimg writes `127.0.0.1`").cis("1.4.2"),
    refused(&["profiling", "contention-profiling"], Is(true), PROFILING, "remove it: kfimg writes `false`")
        .cis("1.4.1"),
    refused(
        &["leader-elect"],
        Is(false),
        "the schedulers of all control planes would place the same pods",
        "remove it: `true` is the default",
    ),
    refused(
        &["authorization-always-allow-paths"],
        Has("/*"),
        "every page would answer without a login",
        "name the paths one by one",
    ),
    refused(&["tls-cipher-suites"], STRONG_CIPHERS, WEAK_CIPHERS, USE_STRONG_CIPHERS),
    refused(&["tls-min-version"], OLD_TLS, OLD_TLS_REASON, USE_NEW_TLS),
    owned(&["help", "version", "write-config-to"], ENDS_AT_ONCE, "remove it"),
];
