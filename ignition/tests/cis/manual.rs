//! What changes the answers of manual checks on a control plane.

use super::changes::Change::{self, Mode, More, MoreOf, Text};
use super::changes::{api_server, apply, binding, deployment, kubelet, manager, role};
use kfimg_profiles::description::{Cni, EncryptionProvider};
use serde_json::json;

const API_SERVER: &str = "/etc/kfimg/manifests/kube-apiserver.yaml";
const ETCD: &str = "/etc/kfimg/manifests/etcd.json";
const ADMIN: &str = "/etc/kubernetes/admin.conf";
const KUBELET: &str = "/etc/kubernetes/kubelet-config.yaml";
const PROXY_CONF: &str = "/etc/kubernetes/proxy.conf";
const AUTHENTICATION: &str = "/etc/kubernetes/apiserver/authentication.yaml";
const AUDIT_POLICY: &str = "/etc/kubernetes/apiserver/audit-policy.yaml";
const FLANNEL: &str = "/etc/kfimg/addons/20-flannel.json";
/// What stands in place of a flag that is taken away.
const GONE: &str = "--gone=";

/// Manual checks whose answer on a control plane is another one after a change.
pub(crate) const MANUAL: &[(&[&str], Change)] = &[
    (&["1.1.9"], More("/etc/cni/net.d/10-own.conflist", 0o644)),
    (&["1.1.9"], Text(FLANNEL, "\"defaultMode\": 384", "\"defaultMode\": 420")),
    (&["1.1.10"], MoreOf("/etc/cni/net.d/10-own.conflist")),
    (&["1.1.20"], Mode("/etc/kubernetes/pki/apiserver.crt", 0o664)),
    (&["1.1.21"], Mode("/etc/kubernetes/pki/apiserver.key", 0o640)),
    (&["1.2.1"], Text(AUTHENTICATION, "/healthz", "/metrics")),
    (
        &["1.2.3"],
        Change::Cluster(|cluster| cluster.api_server.admission_enable.push("DenyServiceExternalIPs".to_owned())),
    ),
    (&["1.2.9"], Change::Cluster(|cluster| cluster.api_server.admission_enable.push("EventRateLimit".to_owned()))),
    (&["1.2.11"], Change::Cluster(|cluster| cluster.api_server.admission_enable.push("AlwaysPullImages".to_owned()))),
    (&["1.2.20"], Change::Cluster(|cluster| api_server(cluster, "request-timeout", "0s"))),
    (&["1.2.27", "1.2.28"], Text(API_SERVER, "--encryption-provider-config=", GONE)),
    (&["1.2.28"], Change::Cluster(|cluster| cluster.api_server.encryption.provider = EncryptionProvider::Identity)),
    (&["1.2.29"], Change::Cluster(|cluster| api_server(cluster, "tls-cipher-suites", "TLS_RSA_WITH_AES_128_CBC_SHA"))),
    (&["1.3.1"], Change::Cluster(|cluster| manager(cluster, "terminated-pod-gc-threshold", "0"))),
    (
        &["2.7"],
        Text(
            ETCD,
            "\"--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt",
            "\"--trusted-ca-file=/etc/kubernetes/pki/ca.crt",
        ),
    ),
    (&["3.1.1"], Text(AUTHENTICATION, "anonymous:", "jwt: [{}]\nanonymous:")),
    (&["3.1.3"], Change::Cluster(|cluster| api_server(cluster, "enable-bootstrap-token-auth", "true"))),
    (&["3.2.1", "3.2.2"], Text(API_SERVER, "--audit-policy-file=", GONE)),
    (
        &["3.2.2"],
        Text(AUDIT_POLICY, "rules:\n", "rules:\n- {level: None, resources: [{group: '', resources: [pods/exec]}]}\n"),
    ),
    (&["4.1.3"], More(PROXY_CONF, 0o644)),
    (&["4.1.4"], MoreOf(PROXY_CONF)),
    (&["1.1.20", "4.1.7"], Mode("/etc/kubernetes/pki/ca.crt", 0o664)),
    (&["4.1.7", "4.1.8"], Text(KUBELET, "/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/gone.crt")),
    (&["4.2.4"], Change::Cluster(|cluster| kubelet(cluster, "read-only-port", "10255"))),
    (&["4.2.5"], Change::Cluster(|cluster| kubelet(cluster, "streaming-connection-idle-timeout", "0s"))),
    (&["4.2.8"], Change::Cluster(|cluster| kubelet(cluster, "event-qps", "-1"))),
    (&["4.2.9"], Text(KUBELET, "tlsPrivateKeyFile", "gone")),
    (
        &["4.2.11"],
        Change::Cluster(|cluster| {
            cluster.kubelet.feature_gates.insert("RotateKubeletServerCertificate".to_owned(), false);
        }),
    ),
    (&["4.2.12"], Change::Cluster(|cluster| kubelet(cluster, "tls-cipher-suites", "TLS_RSA_WITH_AES_128_CBC_SHA"))),
    (&["4.2.13"], Change::Cluster(|cluster| cluster.kubelet.pod_pids_limit = 0)),
    (&["4.2.14"], Change::Cluster(|cluster| kubelet(cluster, "seccomp-default", "false"))),
    (&["5.1.1"], Change::Cluster(|cluster| apply(cluster, &binding("cluster-admin", "User", "a")))),
    (&["5.1.2"], Change::Cluster(|cluster| apply(cluster, &role("", "secrets", "list")))),
    (&["5.1.3"], Change::Cluster(|cluster| apply(cluster, &role("batch", "jobs", "*")))),
    (&["5.1.4"], Change::Cluster(|cluster| apply(cluster, &role("", "pods", "create")))),
    (&["5.1.5"], Change::Cluster(|cluster| apply(cluster, &binding("view", "ServiceAccount", "default")))),
    (
        &["5.1.5", "5.1.6"],
        Change::Cluster(|cluster| {
            let pod = json!({"serviceAccountName": "default", "automountServiceAccountToken": true});
            apply(cluster, &deployment(&pod, &json!({})));
        }),
    ),
    (
        &["5.1.6"],
        Change::Cluster(|cluster| {
            apply(cluster, &deployment(&json!({"automountServiceAccountToken": true}), &json!({})));
        }),
    ),
    (&["5.1.7"], Text(ADMIN, "client-certificate-data", "client-certificate-dat")),
    (&["5.1.8"], Change::Cluster(|cluster| apply(cluster, &role("", "users", "impersonate")))),
    (&["5.1.9"], Change::Cluster(|cluster| apply(cluster, &role("", "persistentvolumes", "create")))),
    (&["5.1.10"], Change::Cluster(|cluster| apply(cluster, &role("", "nodes/proxy", "get")))),
    (
        &["5.1.11"],
        Change::Cluster(|cluster| {
            apply(cluster, &role("certificates.k8s.io", "certificatesigningrequests/approval", "update"));
        }),
    ),
    (
        &["5.1.12"],
        Change::Cluster(|cluster| {
            apply(cluster, &role("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "patch"));
        }),
    ),
    (&["5.1.13"], Change::Cluster(|cluster| apply(cluster, &role("", "serviceaccounts/token", "create")))),
    (
        &["5.2.1"],
        Change::Cluster(|cluster| {
            cluster.api_server.admission_config = Some(json!({"plugins": [
                {"name": "PodSecurity", "configuration": {"defaults": {"enforce": "baseline"}}},
            ]}));
        }),
    ),
    (&["5.2.3"], Change::Cluster(|cluster| apply(cluster, &deployment(&json!({"hostPID": true}), &json!({}))))),
    (&["5.2.4"], Change::Cluster(|cluster| apply(cluster, &deployment(&json!({"hostIPC": true}), &json!({}))))),
    (
        &["5.2.6"],
        Change::Cluster(|cluster| {
            apply(
                cluster,
                &deployment(
                    &json!({}),
                    &json!({"securityContext": {
                        "allowPrivilegeEscalation": true, "capabilities": {"drop": ["ALL"]},
                    }}),
                ),
            );
        }),
    ),
    (
        &["5.2.10"],
        Change::Cluster(|cluster| {
            apply(
                cluster,
                &deployment(
                    &json!({"securityContext": {
                        "runAsNonRoot": true, "windowsOptions": {"hostProcess": true},
                    }}),
                    &json!({}),
                ),
            );
        }),
    ),
    (
        &["5.2.12"],
        Change::Cluster(|cluster| apply(cluster, &deployment(&json!({}), &json!({"ports": [{"hostPort": 80}]})))),
    ),
    (&["5.3.1"], Change::Cluster(|cluster| cluster.networking.cni = Cni::None)),
    (
        &["5.3.2"],
        Change::Cluster(|cluster| {
            for namespace in ["kube-system", "kube-flannel"] {
                apply(
                    cluster,
                    &json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": "all", "namespace": namespace}}),
                );
            }
        }),
    ),
    (
        &["5.4.1"],
        Change::Cluster(|cluster| {
            apply(cluster, &deployment(&json!({}), &json!({"envFrom": [{"secretRef": {"name": "a"}}]})));
        }),
    ),
    (&["5.5.1"], Change::Cluster(|cluster| cluster.api_server.admission_enable.push("ImagePolicyWebhook".to_owned()))),
    (
        &["5.6.2"],
        Change::Cluster(|cluster| {
            apply(
                cluster,
                &deployment(
                    &json!({"securityContext": {
                        "runAsNonRoot": true, "seccompProfile": {"type": "Unconfined"},
                    }}),
                    &json!({}),
                ),
            );
        }),
    ),
    (
        &["5.6.3"],
        Change::Cluster(|cluster| {
            let nothing = json!({"securityContext": null});
            apply(cluster, &deployment(&nothing, &nothing));
        }),
    ),
    (
        &["5.6.4"],
        Change::Cluster(|cluster| {
            apply(cluster, &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}));
        }),
    ),
];
