//! The reviewed table row by row, and what `check` says about everything else.

use super::Component::{ApiServer, ControllerManager, Etcd, KubeProxy, Kubelet, Scheduler};
use super::{Component, Condition, Finding, Kind, Row, Severity, check, check_feature_gates, check_setting, rows};
use super::{NEWEST_MINOR, OLDEST_MINOR, known};
use std::collections::BTreeSet;

const NOW: (u32, u32) = NEWEST_MINOR;

/// Component, flag, a value that a row refuses, one that it accepts. At least one for each row with a condition.
const EXAMPLES: &[(Component, &str, &str, &str)] = &[
    (ApiServer, "service-account-lookup", "false", "true"),
    (ApiServer, "service-account-lookup", "0", "1"),
    (ApiServer, "service-account-extend-token-expiration", "true", "false"),
    (ApiServer, "authorization-mode", "Node,RBAC,AlwaysAllow", "Node,RBAC"),
    (ApiServer, "authorization-mode", "RBAC", "Node,RBAC,Webhook"),
    (ApiServer, "authorization-mode", "Node", "RBAC, Node"),
    (ApiServer, "enable-bootstrap-token-auth", "true", "false"),
    (ApiServer, "enable-admission-plugins", "NodeRestriction,AlwaysAdmit", "NodeRestriction"),
    (ApiServer, "enable-admission-plugins", "AlwaysDeny", "AlwaysPullImages"),
    (ApiServer, "disable-admission-plugins", "ServiceAccount", "DefaultStorageClass"),
    (ApiServer, "disable-admission-plugins", "NamespaceLifecycle", "NamespaceExists"),
    (ApiServer, "disable-admission-plugins", "DefaultStorageClass,NodeRestriction", "Priority"),
    (ApiServer, "disable-admission-plugins", "PodSecurity", ""),
    (ApiServer, "audit-log-maxage", "29", "30"),
    (ApiServer, "audit-log-maxage", "0", "366"),
    (ApiServer, "audit-log-maxbackup", "9", "10"),
    (ApiServer, "audit-log-maxsize", "99", "100"),
    (ApiServer, "profiling", "true", "false"),
    (ApiServer, "contention-profiling", "T", "F"),
    (ApiServer, "enable-logs-handler", "true", "false"),
    (ApiServer, "tls-cipher-suites", "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (ApiServer, "tls-min-version", "VersionTLS11", "VersionTLS13"),
    (ApiServer, "allow-privileged", "false", "true"),
    (ApiServer, "enable-priority-and-fairness", "false", "true"),
    (ApiServer, "endpoint-reconciler-type", "none", "lease"),
    (ApiServer, "watch-cache", "false", "true"),
    (
        ControllerManager,
        "feature-gates",
        "A=true,RotateKubeletServerCertificate=false",
        "RotateKubeletServerCertificate=true",
    ),
    (ControllerManager, "bind-address", "0.0.0.0", "127.0.0.1"),
    (ControllerManager, "profiling", "true", "false"),
    (ControllerManager, "use-service-account-credentials", "false", "true"),
    (ControllerManager, "terminated-pod-gc-threshold", "0", "1000"),
    (ControllerManager, "leader-elect", "false", "true"),
    (ControllerManager, "enable-hostpath-provisioner", "true", "false"),
    (ControllerManager, "authorization-always-allow-paths", "/healthz,/*", "/healthz,/livez"),
    (ControllerManager, "enable-garbage-collector", "false", "true"),
    (ControllerManager, "tls-cipher-suites", "TLS_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (ControllerManager, "tls-min-version", "VersionTLS10", "VersionTLS12"),
    (Scheduler, "bind-address", "::", "127.0.0.1"),
    (Scheduler, "profiling", "true", "false"),
    (Scheduler, "leader-elect", "false", "true"),
    (Scheduler, "authorization-always-allow-paths", "/*", "/healthz"),
    (Scheduler, "tls-cipher-suites", "TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"),
    (Scheduler, "tls-min-version", "VersionTLS10", "VersionTLS12"),
    (Kubelet, "anonymous-auth", "true", "false"),
    (Kubelet, "authorization-mode", "AlwaysAllow", "Webhook"),
    (Kubelet, "authentication-token-webhook", "false", "true"),
    (Kubelet, "read-only-port", "10255", "0"),
    (Kubelet, "streaming-connection-idle-timeout", "0", "5m"),
    (Kubelet, "streaming-connection-idle-timeout", "0s", "4h0m0s"),
    (Kubelet, "make-iptables-util-chains", "false", "true"),
    (Kubelet, "event-qps", "-1", "0"),
    (Kubelet, "rotate-certificates", "false", "true"),
    (Kubelet, "seccomp-default", "false", "true"),
    (Kubelet, "protect-kernel-defaults", "false", "true"),
    (Kubelet, "enforce-node-allocatable", "none", "pods,system-reserved"),
    (Kubelet, "cgroups-per-qos", "false", "true"),
    (Kubelet, "local-storage-capacity-isolation", "false", "true"),
    (Kubelet, "contention-profiling", "true", "false"),
    (Kubelet, "tls-cipher-suites", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_AES_128_GCM_SHA256"),
    (Kubelet, "tls-min-version", "VersionTLS11", "VersionTLS12"),
    (Etcd, "strict-reconfig-check", "false", "true"),
    (Etcd, "unsafe-no-fsync", "true", "false"),
    (Etcd, "feature-gates", "CompactHashCheck=true", "InitialCorruptCheck=true,CompactHashCheck=true"),
    (
        Etcd,
        "feature-gates",
        "InitialCorruptCheck=true,CompactHashCheck=false",
        "CompactHashCheck=true,InitialCorruptCheck=true,LeaseCheckpoint=true",
    ),
    (Etcd, "compact-hash-check-time", "0s", "1m"),
    (Etcd, "max-wals", "0", "5"),
    (Etcd, "pre-vote", "false", "true"),
    (Etcd, "client-cert-auth", "false", "true"),
    (Etcd, "auto-tls", "true", "false"),
    (Etcd, "peer-client-cert-auth", "false", "true"),
    (Etcd, "peer-auto-tls", "true", "false"),
    (Etcd, "peer-skip-client-san-verification", "true", "false"),
    (Etcd, "cipher-suites", "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (Etcd, "tls-min-version", "VersionTLS11", "TLS1.2"),
    (Etcd, "enable-pprof", "true", "false"),
    (KubeProxy, "metrics-bind-address", "0.0.0.0:10249", "127.0.0.1:10249"),
    (KubeProxy, "profiling", "true", "false"),
];

/// What one argument leads to, in all versions that have the flag.
fn findings(component: Component, flag: &str, value: &str) -> Vec<Finding> {
    let found = check(component, NOW, &[(flag, value)], false);
    if found.iter().any(|finding| finding.kind == Kind::OtherVersion) {
        return check(component, OLDEST_MINOR, &[(flag, value)], false);
    }
    found
}

fn trips(row: &Row, component: Component, flag: &str, value: &str) -> bool {
    let told = |finding: &Finding| finding.message.ends_with(row.reason) && finding.cis == row.cis;
    row.flags.contains(&flag) && findings(component, flag, value).iter().any(told)
}

#[test]
fn every_row_with_a_condition_refuses_its_example_and_accepts_the_other() {
    for component in Component::ALL {
        for row in rows(component).iter().filter(|row| row.condition != Condition::Any) {
            if let Condition::Beside(other, its_value) = row.condition {
                let args = [(row.flags[0], "x"), (other, its_value)];
                let told =
                    |args: &[_]| check(component, NOW, args, true).iter().any(|f| f.message.ends_with(row.reason));
                assert!(told(&args) && !told(&args[..1]), "{component} {:?}", row.flags);
                continue;
            }
            let examples: Vec<_> = EXAMPLES
                .iter()
                .filter(|(owner, flag, refused, _)| *owner == component && trips(row, component, flag, refused))
                .collect();
            assert!(!examples.is_empty(), "{component} {:?}: no example trips `{}`", row.flags, row.reason);
            for (_, flag, _, accepted) in examples {
                assert!(!trips(row, component, flag, accepted), "{component} {flag}={accepted}");
            }
        }
    }
}

#[test]
fn every_example_trips_a_row() {
    for (component, flag, refused, accepted) in EXAMPLES {
        assert!(
            rows(*component).iter().any(|row| row.condition != Condition::Any && trips(row, *component, flag, refused)),
            "{component} {flag}={refused}"
        );
        let conditional = check_setting(*component, flag, accepted, false);
        assert_eq!(conditional, [], "{component} {flag}={accepted}");
    }
}

#[test]
fn every_row_without_a_condition_refuses_each_of_its_flags_and_no_other() {
    for component in Component::ALL {
        assert_eq!(findings(component, "v", "2").iter().filter(|f| f.kind != Kind::Unknown).count(), 0, "{component}");
        for row in rows(component).iter().filter(|row| row.condition == Condition::Any) {
            for flag in row.flags {
                assert!(trips(row, component, flag, "1"), "{component} {flag}");
            }
        }
    }
}

#[test]
fn every_flag_of_the_reviewed_table_exists_and_every_row_says_what_to_do() {
    for component in Component::ALL {
        for row in rows(component) {
            assert!(!row.reason.is_empty() && !row.instead.is_empty(), "{component} {:?}", row.flags);
            assert!(!row.reason.ends_with('.') && !row.instead.ends_with('.'), "{component} {:?}", row.flags);
            for flag in row.flags {
                let gone = super::removed::instead(component, flag).is_some();
                // kube-proxy and etcd print their help and version without a flag of their own.
                let printed = ["help", "version"].contains(flag);
                assert!(known::flags(component).contains_key(flag) || gone || printed, "{component} {flag}");
            }
        }
    }
}

#[test]
fn every_automated_cis_check_of_a_flag_has_its_row() {
    let automated = [
        "1.2.2", "1.2.4", "1.2.5", "1.2.6", "1.2.7", "1.2.8", "1.2.10", "1.2.12", "1.2.13", "1.2.14", "1.2.15",
        "1.2.16", "1.2.17", "1.2.18", "1.2.19", "1.2.21", "1.2.22", "1.2.23", "1.2.24", "1.2.25", "1.2.26", "1.2.30",
        "1.3.2", "1.3.3", "1.3.4", "1.3.5", "1.3.6", "1.3.7", "1.4.1", "1.4.2", "2.1", "2.2", "2.3", "2.4", "2.5",
        "2.6", "4.2.1", "4.2.2", "4.2.3", "4.2.6", "4.2.10", "4.3.1",
    ];
    let manual = [
        "1.2.1", "1.2.27", "1.2.29", "1.3.1", "2.7", "3.2.1", "4.2.4", "4.2.5", "4.2.7", "4.2.8", "4.2.9", "4.2.12",
        "4.2.13", "4.2.14",
    ];
    let table: BTreeSet<&str> = Component::ALL.into_iter().flat_map(rows).filter_map(|row| row.cis).collect();
    let wanted: BTreeSet<&str> = automated.into_iter().chain(manual).collect();
    assert_eq!(table, wanted);
}

#[test]
fn unsafe_arguments_pass_with_a_warning_when_they_are_allowed_and_no_others_do() {
    for component in Component::ALL {
        for (owner, flag, refused, _) in EXAMPLES.iter().filter(|(owner, ..)| *owner == component) {
            for finding in check(*owner, NOW, &[(flag, refused)], true) {
                let accepted = matches!(finding.kind, Kind::Unsafe | Kind::Deprecated);
                assert_eq!(finding.severity == Severity::Warning, accepted, "{component} {flag}: {finding:?}");
            }
        }
    }
    for flag in ["initial-cluster-state", "initial-cluster", "force-new-cluster", "unsafe-no-fsync"] {
        let found = check(Etcd, NOW, &[(flag, "true")], true);
        assert!(found.iter().any(|f| f.kind == Kind::DataLoss && f.severity == Severity::Error), "{flag}");
    }
}

type Misread = (Component, (u32, u32), &'static [(&'static str, &'static str)], Kind, &'static str, &'static str);

/// Component, version, arguments of which the last is wrong, and what is told about it.
const MISREAD: &[Misread] = &[
    (ApiServer, NOW, &[("--v", "2")], Kind::Dashes, "`--v` begins with dashes", "write the name without them: `v`"),
    (
        ApiServer,
        NOW,
        &[("max-request-inflight", "5")],
        Kind::Unknown,
        "kube-apiserver has no flag `max-request-inflight`",
        "did you mean `max-requests-inflight`?",
    ),
    (
        ApiServer,
        NOW,
        &[("max_requests_inflight", "5")],
        Kind::Unknown,
        "kube-apiserver has no flag `max_requests_inflight`",
        "did you mean `max-requests-inflight`?",
    ),
    (
        ApiServer,
        NOW,
        &[("v=2", "")],
        Kind::Unknown,
        "kube-apiserver has no flag `v=2`",
        "write `name: v` and `value: 2`",
    ),
    (
        ApiServer,
        NOW,
        &[("node-monitor-period", "5s")],
        Kind::Unknown,
        "kube-apiserver has no flag `node-monitor-period`",
        "it is a flag of kube-controller-manager: write it under `controllerManager`",
    ),
    (
        ApiServer,
        NOW,
        &[("make-coffee", "now")],
        Kind::Unknown,
        "kube-apiserver has no flag `make-coffee`",
        "see `kube-apiserver --help` of Kubernetes 1.36 for its flags",
    ),
    (
        ApiServer,
        NOW,
        &[("insecure-port", "8080")],
        Kind::OtherVersion,
        "kube-apiserver has no flag `insecure-port` any more",
        "remove it: the component serves TLS only",
    ),
    (
        ApiServer,
        (1, 35),
        &[("tls-curve-preferences", "29")],
        Kind::OtherVersion,
        "kube-apiserver has no flag `tls-curve-preferences` before 1.36",
        "remove it, or take a newer Kubernetes version",
    ),
    (
        Kubelet,
        NOW,
        &[("pod-infra-container-image", "pause")],
        Kind::OtherVersion,
        "kubelet has no flag `pod-infra-container-image` any more: 1.34 was the last version with it",
        "remove it",
    ),
    (
        Kubelet,
        (1, 34),
        &[("pod-infra-container-image", "pause")],
        Kind::Deprecated,
        "`pod-infra-container-image` of kubelet is deprecated",
        "remove it: containerd's sandbox image counts",
    ),
    (
        ApiServer,
        NOW,
        &[("v", "2"), ("v", "3")],
        Kind::Repeated,
        "`v` is given twice, and only one of them counts",
        "remove one: entry 1 has it already",
    ),
    (
        ApiServer,
        NOW,
        &[("watch-cache", "yes")],
        Kind::WrongValue,
        "`yes` is no value for `watch-cache`",
        "expected `true` or `false`",
    ),
    (
        ApiServer,
        NOW,
        &[("event-ttl", "1")],
        Kind::WrongValue,
        "`1` is no value for `event-ttl`",
        "expected a duration such as `10s`, `5m` or `1h30m`",
    ),
    (
        ApiServer,
        NOW,
        &[("max-requests-inflight", "many")],
        Kind::WrongValue,
        "`many` is no value for `max-requests-inflight`",
        "expected a whole number",
    ),
    (
        ControllerManager,
        NOW,
        &[("concurrent-gc-syncs", "3000000000")],
        Kind::WrongValue,
        "`3000000000` is no value for `concurrent-gc-syncs`",
        "expected a whole number of 32 bits",
    ),
    (
        Scheduler,
        NOW,
        &[("kube-api-qps", "fast")],
        Kind::WrongValue,
        "`fast` is no value for `kube-api-qps`",
        "expected a number",
    ),
    (
        Etcd,
        NOW,
        &[("max-txn-ops", "-1")],
        Kind::WrongValue,
        "`-1` is no value for `max-txn-ops`",
        "expected a whole number, not negative",
    ),
    (
        Etcd,
        NOW,
        &[("feature-gates", "InitialCorruptCheck=true,CompactHashCheck=true,LeaseCheckpiont=true")],
        Kind::Unknown,
        "etcd has no feature gate `LeaseCheckpiont`",
        "did you mean `LeaseCheckpoint`?",
    ),
];

#[test]
fn arguments_that_a_component_would_not_read_are_named_with_a_remedy() {
    for (component, minor, args, kind, message, help) in MISREAD {
        let found = check(*component, *minor, args, true);
        assert_eq!(found.len(), 1, "{args:?}: {found:?}");
        assert_eq!((found[0].kind, found[0].message.as_str(), found[0].help.as_str()), (*kind, *message, *help));
        assert_eq!(found[0].index, args.len() - 1);
    }
}

#[test]
fn the_messages_of_the_reviewed_table_name_reason_setting_and_check() {
    let owned = &check(ApiServer, NOW, &[("etcd-servers", "https://10.0.0.1:2379")], true)[0];
    assert_eq!(owned.message, "`etcd-servers` belongs to kfimg: it follows from the nodes and their roles");
    assert_eq!((owned.kind, owned.severity), (Kind::Owned, Severity::Error));

    let refused = &check(Kubelet, NOW, &[("seccomp-default", "false")], false)[0];
    assert_eq!(refused.message, "`seccomp-default=false` is unsafe: containers could call everything in the kernel");
    assert_eq!(refused.help, "remove it: kfimg writes `true`; or set `allowUnsafeArgs: true` if you mean it");
    assert_eq!((refused.cis, refused.severity), (Some("4.2.14"), Severity::Error));
}

#[test]
fn harmless_arguments_pass_in_every_version() {
    let harmless: &[(Component, &[(&str, &str)])] = &[
        (
            ApiServer,
            &[
                ("v", "4"),
                ("max-requests-inflight", "800"),
                ("event-ttl", "2h"),
                ("tls-sni-cert-key", "a,b"),
                ("tls-sni-cert-key", "c,d"),
                ("goaway-chance", "0.001"),
            ],
        ),
        (
            ControllerManager,
            &[("node-monitor-grace-period", "40s"), ("controllers", "*,-ttl"), ("cluster-signing-duration", "8760h")],
        ),
        (Scheduler, &[("kube-api-burst", "200"), ("logging-format", "json")]),
        (
            Kubelet,
            &[("v", "2"), ("image-credential-provider-config", "/etc/x.yaml"), ("exit-on-lock-contention", "false")],
        ),
        (Etcd, &[("heartbeat-interval", "200"), ("election-timeout", "2000"), ("auto-compaction-retention", "8h")]),
        (KubeProxy, &[("v", "5"), ("logging-format", "json")]),
    ];
    for minor in OLDEST_MINOR.1..=NEWEST_MINOR.1 {
        for (component, args) in harmless {
            assert_eq!(check(*component, (1, minor), args, false), [], "{component} 1.{minor}");
        }
    }
}

type GateCase = (Component, (u32, u32), &'static str, bool, Option<Told>);

type Told = (Kind, Severity, &'static str);

const fn error(kind: Kind, message: &'static str) -> Option<Told> {
    Some((kind, Severity::Error, message))
}

/// Component, version, gate, value, and what is told about it.
const GATES: &[GateCase] = &[
    (ApiServer, NOW, "APIServerIdentity", false, None),
    (
        ApiServer,
        NOW,
        "ApiServerIdentity",
        true,
        error(Kind::Unknown, "kube-apiserver has no feature gate `ApiServerIdentity`"),
    ),
    (
        ApiServer,
        NOW,
        "AnonymousAuthConfigurableEndpoints",
        false,
        error(
            Kind::WrongValue,
            "kube-apiserver refuses `AnonymousAuthConfigurableEndpoints: false`: the feature is locked to true by now",
        ),
    ),
    (
        ApiServer,
        NOW,
        "AnonymousAuthConfigurableEndpoints",
        true,
        Some((
            Kind::Deprecated,
            Severity::Warning,
            "feature gate `AnonymousAuthConfigurableEndpoints` is true anyway, and will be removed",
        )),
    ),
    (
        ApiServer,
        NOW,
        "AllAlpha",
        true,
        error(
            Kind::Unsafe,
            "feature gate `AllAlpha: true` is unsafe: it turns on every experimental feature at once, and such features may lose data or vanish",
        ),
    ),
    (
        ControllerManager,
        NOW,
        "RotateKubeletServerCertificate",
        false,
        error(
            Kind::Unsafe,
            "feature gate `RotateKubeletServerCertificate: false` is unsafe: kubelet serving certificates could no longer be renewed on the nodes",
        ),
    ),
    (
        Scheduler,
        NOW,
        "ControllerManagerReleaseLeaderElectionLockOnExit",
        true,
        error(Kind::Unknown, "kube-scheduler has no feature gate `ControllerManagerReleaseLeaderElectionLockOnExit`"),
    ),
    (ControllerManager, NOW, "ControllerManagerReleaseLeaderElectionLockOnExit", true, None),
    (
        ControllerManager,
        (1, 34),
        "ControllerManagerReleaseLeaderElectionLockOnExit",
        true,
        error(
            Kind::OtherVersion,
            "kube-controller-manager has no feature gate `ControllerManagerReleaseLeaderElectionLockOnExit` before 1.36",
        ),
    ),
    (
        Etcd,
        NOW,
        "CompactHashCheck",
        false,
        error(
            Kind::Unsafe,
            "feature gate `CompactHashCheck: false` is unsafe: members whose data differs would no longer be found",
        ),
    ),
    (Etcd, NOW, "APIServerIdentity", true, error(Kind::Unknown, "etcd has no feature gate `APIServerIdentity`")),
];

#[test]
fn feature_gates_are_held_against_the_version() {
    for (component, minor, gate, value, expected) in GATES {
        let found = check_feature_gates(*component, *minor, &[(gate, *value)], false);
        let told: Vec<_> = found.iter().map(|f| (f.kind, f.severity, f.message.as_str())).collect();
        assert_eq!(told, expected.iter().copied().collect::<Vec<_>>(), "{gate}");
    }
    let found = check_feature_gates(
        Kubelet,
        NOW,
        &[("APIServerIdentity", true), ("RotateKubeletServerCertificate", false)],
        true,
    );
    assert_eq!(
        (found.len(), found[0].index, found[0].severity, found[0].cis),
        (1, 1, Severity::Warning, Some("4.2.11"))
    );
}

#[test]
fn settings_are_held_against_the_same_rows() {
    assert_eq!(check_setting(ApiServer, "audit-log-maxage", "30", false), []);
    assert_eq!(check_setting(ApiServer, "audit-log-maxage", "7", false)[0].cis, Some("1.2.17"));
    assert_eq!(
        check_setting(ApiServer, "disable-admission-plugins", "NodeRestriction", true)[0].severity,
        Severity::Warning
    );
}
