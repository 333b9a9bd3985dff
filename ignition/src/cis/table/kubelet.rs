//! 4.2 and 4.3: settings of the kubelet and of kube-proxy.

use super::STRONG_CIPHERS;
use crate::cis::check::On::{self, EveryNode, JoiningKubelets, OpenKubelets};
use crate::cis::check::{Check, automated, manual};
use crate::cis::judgements;
use crate::cis::kubelet::Field;
use crate::cis::require::Require::{self, AtLeast, Is, Lacks, OrUnset, Set, SomeTime, Unset};
use crate::cis::rule::Rule;

const EXTRA_ARGS: &str = "kubelet.extraArgs";

const fn field(flag: &'static str, pointer: &'static str, require: Require) -> Field {
    Field { flag: Some(flag), pointer, require }
}

const fn kubelet(id: &'static str, title: &'static str, on: On, fields: &'static [Field]) -> Check {
    automated(id, title, on, Rule::Kubelet(fields))
}

const fn by_hand(id: &'static str, title: &'static str, on: On, fields: &'static [Field]) -> Check {
    manual(id, title, on, Rule::Kubelet(fields))
}

pub(super) const CHECKS: &[Check] = &[
    kubelet(
        "4.2.1",
        "nobody asks the kubelet without a login",
        OpenKubelets,
        &[field("anonymous-auth", "/authentication/anonymous/enabled", Is("false"))],
    )
    .setting(EXTRA_ARGS),
    kubelet(
        "4.2.2",
        "not everything is allowed on the kubelet",
        OpenKubelets,
        &[field("authorization-mode", "/authorization/mode", Lacks("AlwaysAllow"))],
    )
    .setting(EXTRA_ARGS),
    kubelet(
        "4.2.3",
        "the kubelet knows an authority of clients",
        OpenKubelets,
        &[field("client-ca-file", "/authentication/x509/clientCAFile", Set)],
    ),
    by_hand(
        "4.2.4",
        "no port for reading without a login",
        EveryNode,
        &[field("read-only-port", "/readOnlyPort", OrUnset(&Is("0")))],
    )
    .setting(EXTRA_ARGS),
    by_hand(
        "4.2.5",
        "idle connections end at some time",
        EveryNode,
        &[field("streaming-connection-idle-timeout", "/streamingConnectionIdleTimeout", OrUnset(&SomeTime))],
    )
    .setting(EXTRA_ARGS),
    kubelet(
        "4.2.6",
        "the kubelet keeps its firewall rules",
        EveryNode,
        &[field("make-iptables-util-chains", "/makeIPTablesUtilChains", OrUnset(&Is("true")))],
    )
    .setting(EXTRA_ARGS),
    by_hand("4.2.7", "the kubelet goes by the host's name", EveryNode, &[field("hostname-override", "", Unset)])
        .note("kfimg names every node by its `name`, which its certificates carry; it is the host's name, too"),
    by_hand(
        "4.2.8",
        "the kubelet tells enough events",
        EveryNode,
        &[field("event-qps", "/eventRecordQPS", OrUnset(&AtLeast(0)))],
    )
    .setting(EXTRA_ARGS),
    by_hand(
        "4.2.9",
        "the kubelet has a serving certificate",
        OpenKubelets,
        &[field("tls-cert-file", "/tlsCertFile", Set), field("tls-private-key-file", "/tlsPrivateKeyFile", Set)],
    ),
    kubelet(
        "4.2.10",
        "the kubelet renews its client certificate",
        JoiningKubelets,
        &[field("rotate-certificates", "/rotateCertificates", OrUnset(&Is("true")))],
    )
    .setting("pki.caKeyOnNodes"),
    by_hand(
        "4.2.11",
        "the kubelet may renew its serving certificate",
        OpenKubelets,
        &[
            field("feature-gates", "", OrUnset(&Lacks("RotateKubeletServerCertificate=false"))),
            Field {
                flag: None,
                pointer: "/featureGates/RotateKubeletServerCertificate",
                require: OrUnset(&Is("true")),
            },
        ],
    )
    .setting("kubelet.featureGates")
    .note("kfimg issues serving certificates itself; the gate stays on"),
    by_hand(
        "4.2.12",
        "kubelet: strong ciphers only",
        OpenKubelets,
        &[field("tls-cipher-suites", "/tlsCipherSuites", STRONG_CIPHERS)],
    )
    .setting(EXTRA_ARGS)
    .note("kube-bench knows the CHACHA20 suites by their old names alone"),
    by_hand(
        "4.2.13",
        "processes of a pod are limited",
        EveryNode,
        &[field("pod-max-pids", "/podPidsLimit", AtLeast(1))],
    )
    .setting("kubelet.podPidsLimit"),
    by_hand(
        "4.2.14",
        "pods get the runtime's filter of system calls",
        EveryNode,
        &[field("seccomp-default", "/seccompDefault", Is("true"))],
    )
    .setting(EXTRA_ARGS),
    automated(
        "4.3.1",
        "kube-proxy's metrics are for the node alone",
        JoiningKubelets,
        Rule::Judge(judgements::proxy_metrics),
    )
    .setting("kubeProxy.extraArgs")
    .note("kube-proxy is one of the objects that control planes apply; they decide for all nodes"),
];
