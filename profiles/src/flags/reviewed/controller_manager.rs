//! Reviewed arguments of kube-controller-manager.

use super::Condition::{Below, Has, Is, NoneOf};
use super::{ENDS_AT_ONCE, OLD_TLS, OLD_TLS_REASON, PROFILING, REACHABLE, Row, STRONG_CIPHERS, USE_NEW_TLS};
use super::{USE_STRONG_CIPHERS, WEAK_CIPHERS, owned, refused};

const PKI: &str = "remove it: kfimg issues this; bring your own authorities under `pki`";

pub(super) const ROWS: &[Row] = &[
    owned(
        &["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig", "master"],
        "it reaches the API server of its own node with the certificate that kfimg issues",
        "remove it",
    ),
    owned(&["service-account-private-key-file"], "tokens are signed with the keys in the state folder", "remove it")
        .cis("1.3.4"),
    owned(&["root-ca-file"], "pods trust the cluster's authority through it", PKI).cis("1.3.5"),
    owned(&["client-ca-file", "requestheader-client-ca-file"], "it is part of the cluster's PKI", PKI),
    owned(
        &["cluster-signing-cert-file", "cluster-signing-key-file"],
        "it signs with the cluster's authority where `pki.caKeyOnNodes` puts the key on the node",
        "use `pki.caKeyOnNodes`",
    ),
    owned(
        &["cluster-cidr", "allocate-node-cidrs"],
        "the description has a setting for it",
        "use `networking.podSubnet`",
    ),
    owned(
        &["node-cidr-mask-size", "node-cidr-mask-size-ipv4", "node-cidr-mask-size-ipv6"],
        "the description has a setting for it",
        "use `networking.nodeCIDRMaskSizeIPv4` and `networking.nodeCIDRMaskSizeIPv6`",
    ),
    owned(&["service-cluster-ip-range"], "the description has a setting for it", "use `networking.serviceSubnet`"),
    owned(
        &["cloud-provider", "cloud-config", "external-cloud-volume-plugin"],
        "the description has a setting for it",
        "use `cloudProvider`",
    ),
    owned(&["feature-gates"], "the description has a setting for it", "use `controllerManager.featureGates`"),
    refused(
        &["feature-gates"],
        Has("RotateKubeletServerCertificate=false"),
        "kubelet serving certificates could no longer be renewed on the nodes",
        "leave the gate on",
    )
    .cis("1.3.6"),
    owned(&["secure-port"], "probes ask on its default port", "remove it"),
    refused(&["bind-address"], NoneOf(&["127.0.0.1"]), REACHABLE, "remove it: kfimg writes `127.0.0.1`").cis("1.3.7"),
    refused(&["profiling", "contention-profiling"], Is(true), PROFILING, "remove it: kfimg writes `false`")
        .cis("1.3.2"),
    refused(
        &["use-service-account-credentials"],
        Is(false),
        "all controllers would share one account with all their rights",
        "remove it: kfimg writes `true`",
    )
    .cis("1.3.3"),
    refused(&["terminated-pod-gc-threshold"], Below(1), "ended pods would fill etcd", "give a number above 0")
        .cis("1.3.1"),
    refused(
        &["leader-elect"],
        Is(false),
        "the controllers of all control planes would work against each other",
        "remove it: `true` is the default",
    ),
    refused(
        &["enable-hostpath-provisioner"],
        Is(true),
        "it lets volume claims write anywhere on a node; it was made for tests",
        "remove it",
    ),
    refused(
        &["authorization-always-allow-paths"],
        Has("/*"),
        "every page would answer without a login",
        "name the paths one by one",
    ),
    refused(
        &["enable-garbage-collector"],
        Is(false),
        "it must be the same as in the API server; deleted objects would leave theirs behind",
        "remove it",
    ),
    refused(&["tls-cipher-suites"], STRONG_CIPHERS, WEAK_CIPHERS, USE_STRONG_CIPHERS),
    refused(&["tls-min-version"], OLD_TLS, OLD_TLS_REASON, USE_NEW_TLS),
    owned(&["help", "version"], ENDS_AT_ONCE, "remove it"),
];
