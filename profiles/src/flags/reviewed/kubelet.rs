//! Reviewed arguments of the kubelet.
//!
//! A flag wins over the same field of `/var/lib/kubelet/config.yaml`, which kfimg renders; so flags whose field has a
//! setting in the description are refused, and the rest may be used although upstream calls them deprecated.

use super::Condition::{Any, Below, Has, Is, Lacks, NoTime, OtherThan};
use super::{ENDS_AT_ONCE, OLD_TLS, OLD_TLS_REASON, PROFILING, Row, STRONG_CIPHERS, USE_NEW_TLS};
use super::{USE_STRONG_CIPHERS, WEAK_CIPHERS, owned, refused};

const TWO_SOURCES: &str = "the description has a setting for it";
const PKI: &str = "remove it: kfimg issues these certificates; bring your own authorities under `pki`";

pub(super) const ROWS: &[Row] = &[
    // Files and folders.
    owned(
        &["config", "config-dir"],
        "kfimg renders `/var/lib/kubelet/config.yaml`",
        "use the settings under `kubelet`",
    ),
    owned(&["kubeconfig", "bootstrap-kubeconfig"], "each node's own certificate is in it", "remove it"),
    owned(&["root-dir", "cert-dir"], "mounts and certificates count on `/var/lib/kubelet`", "remove it"),
    owned(&["pod-manifest-path"], "the control plane's static pods lie in the folder that kfimg sets", "remove it"),
    owned(
        &["container-runtime-endpoint", "image-service-endpoint"],
        "kfimg renders containerd's configuration with its socket",
        "remove it",
    ),
    owned(&["resolv-conf"], TWO_SOURCES, "use `kubelet.resolvConf`"),
    owned(&["client-ca-file"], "the API server's certificate comes from this authority", PKI).cis("4.2.3"),
    owned(
        &["tls-cert-file", "tls-private-key-file"],
        "each node has a serving certificate that the API server verifies",
        PKI,
    )
    .cis("4.2.9"),
    owned(
        &["rotate-server-certificates"],
        "it would replace the serving certificate by one that nobody approves",
        "remove it",
    ),
    // The node.
    owned(&["hostname-override"], "the node's certificates are issued for its name", "use `name` of the node")
        .cis("4.2.7"),
    owned(
        &["node-ip", "address"],
        "certificates and firewalls count on the node's address",
        "use `address` of the node",
    ),
    owned(&["node-labels"], TWO_SOURCES, "use `labels` of the node"),
    owned(&["register-with-taints"], TWO_SOURCES, "use `taints` of the node"),
    owned(&["cloud-provider"], TWO_SOURCES, "use `cloudProvider`"),
    owned(&["cluster-dns", "cluster-domain"], TWO_SOURCES, "use `networking.dnsDomain` and `networking.serviceSubnet`"),
    owned(&["pod-cidr"], "each node gets its range from the controller manager", "use `networking.podSubnet`"),
    owned(&["port"], "the API server asks on its default port", "remove it"),
    owned(&["healthz-port", "healthz-bind-address"], "kfimg's own checks ask there", "remove it"),
    owned(&["cgroup-driver"], "it must be the same as containerd's", "use `kubelet.cgroupDriver`"),
    owned(&["feature-gates"], TWO_SOURCES, "use `kubelet.featureGates`"),
    owned(&["max-pods"], TWO_SOURCES, "use `kubelet.maxPods`"),
    owned(&["pod-max-pids"], TWO_SOURCES, "use `kubelet.podPidsLimit`").cis("4.2.13"),
    owned(&["system-reserved"], TWO_SOURCES, "use `kubelet.systemReserved`"),
    owned(&["kube-reserved"], TWO_SOURCES, "use `kubelet.kubeReserved`"),
    owned(&["eviction-hard"], TWO_SOURCES, "use `kubelet.evictionHard`"),
    owned(&["fail-swap-on"], TWO_SOURCES, "use `kubelet.failSwapOn`"),
    owned(&["fail-cgroupv1"], TWO_SOURCES, "use `kubelet.failCgroupV1`"),
    owned(&["image-gc-high-threshold"], TWO_SOURCES, "use `kubelet.imageGCHighThresholdPercent`"),
    owned(&["image-gc-low-threshold"], TWO_SOURCES, "use `kubelet.imageGCLowThresholdPercent`"),
    owned(&["register-node"], "a node that does not register never joins", "remove it"),
    owned(&["runonce"], "the kubelet would start its static pods and end", "remove it"),
    // Who may ask it.
    refused(
        &["anonymous-auth"],
        Is(true),
        "everybody who reaches the node could ask its kubelet",
        "remove it: kfimg writes `false`",
    )
    .cis("4.2.1"),
    refused(
        &["authorization-mode"],
        Has("AlwaysAllow"),
        "everybody who can log in to the kubelet could run commands in every container",
        "remove it: kfimg writes `Webhook`",
    )
    .cis("4.2.2"),
    refused(
        &["authentication-token-webhook"],
        Is(false),
        "metrics-server and others that come with a token would be refused",
        "remove it: kfimg writes `true`",
    ),
    refused(
        &["read-only-port"],
        OtherThan(0),
        "everybody who reaches the node could read its pods without a login",
        "remove it: kfimg writes `0`",
    )
    .cis("4.2.4"),
    refused(
        &["manifest-url", "manifest-url-header"],
        Any,
        "whoever answers at that address runs any pod on the node, past admission",
        "put static pods into the payload, or use `manifests`",
    ),
    refused(
        &["allowed-unsafe-sysctls"],
        Any,
        "pods could change kernel settings that others on the node depend on",
        "use `sysctls` of the node",
    ),
    // How it runs pods.
    refused(
        &["streaming-connection-idle-timeout"],
        NoTime,
        "forgotten connections into containers would stay open for ever",
        "give a time such as `4h`, or remove it",
    )
    .cis("4.2.5"),
    refused(
        &["make-iptables-util-chains"],
        Is(false),
        "packets for node ports would be lost",
        "remove it: `true` is the default",
    )
    .cis("4.2.6"),
    refused(&["event-qps"], Below(0), "the number of events is negative", "give 0 for no limit, or a number")
        .cis("4.2.8"),
    refused(
        &["rotate-certificates"],
        Is(false),
        "the node drops out of the cluster when its client certificate ends",
        "remove it: kfimg writes `true`",
    )
    .cis("4.2.10"),
    refused(
        &["seccomp-default"],
        Is(false),
        "containers could call everything in the kernel",
        "remove it: kfimg writes `true`",
    )
    .cis("4.2.14"),
    refused(
        &["protect-kernel-defaults"],
        Is(false),
        "the kubelet would change kernel settings instead of naming wrong ones",
        "remove it; use `sysctls` of the node for other values",
    ),
    refused(
        &["enforce-node-allocatable"],
        Lacks("pods"),
        "pods could take what is reserved for the system",
        "keep `pods` in the list",
    ),
    refused(
        &["cgroups-per-qos"],
        Is(false),
        "pods would not be kept to their share of the machine",
        "remove it: `true` is the default",
    ),
    refused(
        &["local-storage-capacity-isolation"],
        Is(false),
        "one pod could fill the disk of the node",
        "remove it: `true` is the default",
    ),
    refused(&["contention-profiling"], Is(true), PROFILING, "remove it"),
    refused(&["tls-cipher-suites"], STRONG_CIPHERS, WEAK_CIPHERS, USE_STRONG_CIPHERS).cis("4.2.12"),
    refused(&["tls-min-version"], OLD_TLS, OLD_TLS_REASON, USE_NEW_TLS).cis("4.2.12"),
    owned(&["help", "version"], ENDS_AT_ONCE, "remove it"),
];
