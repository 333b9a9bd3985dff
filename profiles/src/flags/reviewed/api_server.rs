//! Reviewed arguments of kube-apiserver.

use super::Condition::{Any, Below, Has, Is, Lacks};
use super::{ENDS_AT_ONCE, OLD_TLS, OLD_TLS_REASON, PROFILING, REACHABLE, Row, STRONG_CIPHERS, USE_NEW_TLS};
use super::{USE_STRONG_CIPHERS, WEAK_CIPHERS, owned, refused};

const PKI: &str = "remove it: kfimg issues these certificates; bring your own authorities under `pki`";
const FRONT_PROXY: &str = "it must fit the front proxy's certificates, which kfimg issues";
const TWO_SOURCES: &str = "the description has a setting for it";

pub(super) const ROWS: &[Row] = &[
    // Certificates and keys.
    owned(&["tls-cert-file", "tls-private-key-file"], "the serving certificate is part of the cluster's PKI", PKI)
        .cis("1.2.24"),
    owned(&["client-ca-file"], "every client certificate of the cluster comes from this authority", PKI).cis("1.2.25"),
    owned(
        &["kubelet-client-certificate", "kubelet-client-key"],
        "kubelets trust the certificate that kfimg issues",
        PKI,
    )
    .cis("1.2.4"),
    owned(&["kubelet-certificate-authority"], "kubelets serve certificates of the cluster's authority", PKI)
        .cis("1.2.5"),
    owned(&["etcd-certfile", "etcd-keyfile"], "etcd trusts the certificate that kfimg issues", PKI).cis("1.2.23"),
    owned(&["etcd-cafile"], "etcd has an authority of its own", "remove it: bring an authority under `pki.etcd`")
        .cis("1.2.26"),
    owned(&["service-account-key-file"], "tokens are verified with the keys in the state folder", "remove it")
        .cis("1.2.22"),
    owned(
        &["service-account-signing-key-file", "service-account-issuer", "service-account-signing-endpoint"],
        "tokens are signed with the keys in the state folder, for one issuer on every control plane",
        "remove it",
    ),
    owned(&["proxy-client-cert-file", "proxy-client-key-file"], FRONT_PROXY, PKI),
    owned(
        &[
            "requestheader-client-ca-file",
            "requestheader-allowed-names",
            "requestheader-extra-headers-prefix",
            "requestheader-group-headers",
            "requestheader-username-headers",
        ],
        FRONT_PROXY,
        "remove it: bring an authority under `pki.frontProxy`",
    ),
    owned(&["cert-dir"], "no certificate is made on the node", "remove it"),
    // Addresses and ranges.
    owned(&["etcd-servers"], "it follows from the nodes and their roles", "remove it: give nodes the role of a member"),
    owned(&["etcd-servers-overrides"], "kfimg knows one etcd cluster only", "remove it"),
    owned(&["etcd-prefix"], "another prefix hides all objects that are stored already", "remove it"),
    owned(&["advertise-address"], "it is each node's own address", "use `address` of the node"),
    owned(
        &["bind-address", "secure-port"],
        "haproxy, probes and certificates count on it",
        "use `controlPlaneEndpoint`",
    ),
    owned(&["service-cluster-ip-range"], TWO_SOURCES, "use `networking.serviceSubnet`"),
    owned(&["service-node-port-range"], TWO_SOURCES, "use `apiServer.serviceNodePortRange`"),
    owned(&["kubelet-preferred-address-types"], TWO_SOURCES, "use `apiServer.kubeletPreferredAddressTypes`"),
    owned(&["external-hostname"], TWO_SOURCES, "use `apiServer.externalHostname`"),
    owned(&["cors-allowed-origins"], TWO_SOURCES, "use `apiServer.corsAllowedOrigins`"),
    owned(&["runtime-config"], TWO_SOURCES, "use `apiServer.runtimeConfig`"),
    owned(&["storage-media-type"], TWO_SOURCES, "use `apiServer.storageMediaType`"),
    owned(&["feature-gates"], TWO_SOURCES, "use `apiServer.featureGates`"),
    // Who is who.
    owned(
        &["authentication-config"],
        "kfimg renders this file, so that the health pages alone are open to everybody",
        "use `apiServer.authentication.config`: your file is merged into it",
    ),
    owned(
        &["anonymous-auth"],
        "the API server refuses it beside an authentication configuration; and `false` breaks all health checks",
        "remove it: without a login only `/livez`, `/readyz` and `/healthz` answer",
    )
    .cis("1.2.1"),
    owned(
        &[
            "oidc-ca-file",
            "oidc-client-id",
            "oidc-groups-claim",
            "oidc-groups-prefix",
            "oidc-issuer-url",
            "oidc-required-claim",
            "oidc-signing-algs",
            "oidc-username-claim",
            "oidc-username-prefix",
        ],
        "the API server refuses it beside an authentication configuration",
        "use `apiServer.authentication.jwt`",
    ),
    owned(
        &[
            "authentication-token-webhook-config-file",
            "authentication-token-webhook-cache-ttl",
            "authentication-token-webhook-version",
        ],
        TWO_SOURCES,
        "use `apiServer.authentication.webhook`",
    ),
    refused(
        &["token-auth-file"],
        Any,
        "tokens in a file never expire and lie readable in the payload",
        "use `apiServer.authentication.jwt`, or service accounts",
    )
    .cis("1.2.2"),
    refused(
        &["service-account-lookup"],
        Is(false),
        "tokens of deleted service accounts would stay valid",
        "remove it: `true` is the default",
    )
    .cis("1.2.21"),
    refused(
        &["service-account-extend-token-expiration"],
        Is(true),
        "tokens would be valid for a year instead of an hour",
        "remove it: kfimg writes `false`",
    )
    .cis("1.2.30"),
    // Who may do what.
    owned(
        &["authorization-config"],
        "the API server refuses it beside `authorization-mode`, which kfimg sets",
        "use `authorization-mode`",
    ),
    refused(
        &["authorization-mode"],
        Has("AlwaysAllow"),
        "everybody who can log in could do everything",
        "write `Node,RBAC`",
    )
    .cis("1.2.6"),
    refused(
        &["authorization-mode"],
        Lacks("Node"),
        "kubelets would lose their rights, or get rights to the objects of other nodes",
        "begin it with `Node,RBAC`",
    )
    .cis("1.2.7"),
    refused(
        &["authorization-mode"],
        Lacks("RBAC"),
        "roles would no longer count, those of the addons among them",
        "begin it with `Node,RBAC`",
    )
    .cis("1.2.8"),
    refused(
        &["enable-bootstrap-token-auth"],
        Is(true),
        "kubelets have certificates from the first boot on; bootstrap tokens let other machines join",
        "remove it",
    ),
    // Admission.
    owned(&["enable-admission-plugins", "admission-control"], TWO_SOURCES, "use `apiServer.admission.enable`")
        .cis("1.2.14"),
    refused(
        &["enable-admission-plugins", "admission-control"],
        Has("AlwaysAdmit"),
        "every object would be admitted without a look",
        "leave `AlwaysAdmit` out",
    )
    .cis("1.2.10"),
    refused(
        &["enable-admission-plugins", "admission-control"],
        Has("AlwaysDeny"),
        "no object at all would be admitted",
        "leave `AlwaysDeny` out",
    ),
    owned(&["disable-admission-plugins"], TWO_SOURCES, "use `apiServer.admission.disable`"),
    refused(
        &["disable-admission-plugins"],
        Has("ServiceAccount"),
        "pods would get no service account, and no addon would reach the API",
        "leave `ServiceAccount` on",
    )
    .cis("1.2.12"),
    refused(
        &["disable-admission-plugins"],
        Has("NamespaceLifecycle"),
        "objects could be made in namespaces that do not exist or are being deleted",
        "leave `NamespaceLifecycle` on",
    )
    .cis("1.2.13"),
    refused(
        &["disable-admission-plugins"],
        Has("NodeRestriction"),
        "a broken-in node could change other nodes and their pods",
        "leave `NodeRestriction` on",
    )
    .cis("1.2.14"),
    refused(
        &["disable-admission-plugins"],
        Has("PodSecurity"),
        "pod security labels of namespaces would have no effect",
        "leave `PodSecurity` on",
    ),
    owned(&["admission-control-config-file"], TWO_SOURCES, "use `apiServer.admission.config`"),
    // Audit.
    owned(&["audit-policy-file"], TWO_SOURCES, "use `apiServer.audit.policy`").cis("3.2.1"),
    owned(&["audit-log-path"], "the folder of the log is mounted by kfimg", "remove it").cis("1.2.16"),
    owned(&["audit-log-maxage"], TWO_SOURCES, "use `apiServer.audit.maxAge`").cis("1.2.17"),
    owned(&["audit-log-maxbackup"], TWO_SOURCES, "use `apiServer.audit.maxBackup`").cis("1.2.18"),
    owned(&["audit-log-maxsize"], TWO_SOURCES, "use `apiServer.audit.maxSize`").cis("1.2.19"),
    refused(&["audit-log-maxage"], Below(30), "audit logs would be gone within a month", "keep them 30 days or longer")
        .cis("1.2.17"),
    refused(&["audit-log-maxbackup"], Below(10), "a busy day would push audit logs out", "keep 10 logs or more")
        .cis("1.2.18"),
    refused(&["audit-log-maxsize"], Below(100), "a busy hour would push audit logs out", "give a log 100 MiB or more")
        .cis("1.2.19"),
    // Secrets at rest.
    owned(
        &["encryption-provider-config"],
        "the keys lie in the state folder and are the same on every control plane",
        "use `apiServer.encryption`",
    )
    .cis("1.2.27"),
    // The process.
    refused(&["profiling", "contention-profiling"], Is(true), PROFILING, "remove it: kfimg writes `false`")
        .cis("1.2.15"),
    refused(&["debug-socket-path"], Any, "the socket gives profiles to every process that reaches it", "remove it")
        .cis("1.2.15"),
    refused(&["enable-logs-handler"], Is(true), REACHABLE, "remove it"),
    refused(&["tls-cipher-suites"], STRONG_CIPHERS, WEAK_CIPHERS, USE_STRONG_CIPHERS).cis("1.2.29"),
    refused(&["tls-min-version"], OLD_TLS, OLD_TLS_REASON, USE_NEW_TLS).cis("1.2.29"),
    refused(&["allow-privileged"], Is(false), "kube-proxy and network plug-ins could not start", "remove it"),
    refused(
        &["enable-priority-and-fairness"],
        Is(false),
        "one busy client could keep nodes and controllers from the API",
        "remove it: `true` is the default",
    ),
    refused(
        &["endpoint-reconciler-type"],
        super::Condition::NoneOf(&["lease"]),
        "a control plane that is gone would stay among the endpoints of `kubernetes`",
        "remove it: `lease` is the default",
    ),
    refused(&["watch-cache"], Is(false), "every watch would read from etcd", "remove it: `true` is the default"),
    owned(&["help", "version"], ENDS_AT_ONCE, "remove it"),
];
