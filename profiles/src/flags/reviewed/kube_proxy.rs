//! Reviewed arguments of kube-proxy.
//!
//! Beside `--config`, which kfimg renders, kube-proxy ignores all flags but those of logging and the host name, without a
//! word (`Options.Complete` in cmd/kube-proxy/app/options.go). They are refused, since they would have no effect.

use super::Condition::{Any, Is, NotLoopback};
use super::{ENDS_AT_ONCE, PROFILING, REACHABLE, Row, owned, refused};

const TWO_SOURCES: &str = "the description has a setting for it";

pub(super) const ROWS: &[Row] = &[
    owned(&["config"], "kfimg renders kube-proxy's configuration", "use the settings under `kubeProxy`"),
    owned(&["kubeconfig", "master"], "it reaches the API with its service account", "remove it"),
    owned(&["hostname-override"], "it must be the name that the node registers with", "use `name` of the node"),
    owned(&["cluster-cidr"], TWO_SOURCES, "use `networking.podSubnet`"),
    owned(&["proxy-mode"], TWO_SOURCES, "use `kubeProxy.mode`"),
    owned(&["conntrack-max-per-core"], TWO_SOURCES, "use `kubeProxy.conntrackMaxPerCore`"),
    owned(&["conntrack-min"], TWO_SOURCES, "use `kubeProxy.conntrackMin`"),
    owned(&["feature-gates"], TWO_SOURCES, "use `kubeProxy.featureGates`"),
    refused(&["metrics-bind-address"], NotLoopback, REACHABLE, "write `127.0.0.1:10249`, or remove it").cis("4.3.1"),
    refused(&["metrics-port"], Any, REACHABLE, "remove it: metrics stay on `127.0.0.1:10249`").cis("4.3.1"),
    refused(&["profiling"], Is(true), PROFILING, "remove it"),
    owned(
        &[
            "bind-address",
            "config-sync-period",
            "conntrack-tcp-be-liberal",
            "conntrack-tcp-timeout-close-wait",
            "conntrack-tcp-timeout-established",
            "conntrack-udp-timeout",
            "conntrack-udp-timeout-stream",
            "detect-local-mode",
            "healthz-bind-address",
            "healthz-port",
            "iptables-localhost-nodeports",
            "iptables-masquerade-bit",
            "iptables-min-sync-period",
            "iptables-sync-period",
            "ipvs-exclude-cidrs",
            "ipvs-min-sync-period",
            "ipvs-scheduler",
            "ipvs-strict-arp",
            "ipvs-sync-period",
            "ipvs-tcp-timeout",
            "ipvs-tcpfin-timeout",
            "ipvs-udp-timeout",
            "kube-api-burst",
            "kube-api-content-type",
            "kube-api-qps",
            "masquerade-all",
            "metrics-bind-address",
            "metrics-port",
            "nodeport-addresses",
            "oom-score-adj",
            "pod-bridge-interface",
            "pod-interface-name-prefix",
            "profiling",
            "show-hidden-metrics-for-version",
        ],
        "kube-proxy ignores it beside its configuration file, which kfimg renders",
        "remove it: it would have no effect",
    ),
    owned(&["cleanup", "init-only", "help", "version", "write-config-to"], ENDS_AT_ONCE, "remove it"),
];
