//! What makes each automated check fail.

use super::changes::Change::{self, Mode, More, MoreOf, Owner as Other, Text};
use super::changes::{api_server, etcd, kubelet, manager, push, scheduler, without_rotation};

const API_SERVER: &str = "/etc/kfimg/manifests/kube-apiserver.yaml";
const CONTROLLER_MANAGER: &str = "/etc/kubernetes/manifests/kube-controller-manager.yaml";
const SCHEDULER: &str = "/etc/kubernetes/manifests/kube-scheduler.yaml";
const ETCD: &str = "/etc/kfimg/manifests/etcd.json";
const ETCD_FOLDER: &str = "/etc/tmpfiles.d/kfimg-etcd.conf";
const ADMIN: &str = "/etc/kubernetes/admin.conf";
const SCHEDULER_CONF: &str = "/etc/kubernetes/scheduler.conf";
const MANAGER_CONF: &str = "/etc/kubernetes/controller-manager.conf";
const KUBELET: &str = "/etc/kubernetes/kubelet-config.yaml";
const KUBELET_UNIT: &str = "/etc/systemd/system/kubelet.service";
const KUBELET_CONF: &str = "/etc/kubernetes/kubelet.conf";
/// What stands in place of a flag that is taken away.
const GONE: &str = "--gone=";

/// Each automated check, and what makes it fail.
pub(crate) const AUTOMATED: &[(&str, Change)] = &[
    ("1.1.1", Mode(API_SERVER, 0o644)),
    ("1.1.2", Other(API_SERVER)),
    ("1.1.3", Mode(CONTROLLER_MANAGER, 0o640)),
    ("1.1.4", Other(CONTROLLER_MANAGER)),
    ("1.1.5", Mode(SCHEDULER, 0o700)),
    ("1.1.6", Other(SCHEDULER)),
    ("1.1.7", Mode(ETCD, 0o604)),
    ("1.1.8", Other(ETCD)),
    ("1.1.11", Text(ETCD_FOLDER, " 0700 ", " 0750 ")),
    ("1.1.12", Text(ETCD_FOLDER, "850 850", "0 0")),
    ("1.1.13", Mode(ADMIN, 0o644)),
    ("1.1.13", More("/etc/kubernetes/super-admin.conf", 0o644)),
    ("1.1.14", Other(ADMIN)),
    ("1.1.14", MoreOf("/etc/kubernetes/super-admin.conf")),
    ("1.1.15", Mode(SCHEDULER_CONF, 0o644)),
    ("1.1.16", Other(SCHEDULER_CONF)),
    ("1.1.17", Mode(MANAGER_CONF, 0o644)),
    ("1.1.18", Other(MANAGER_CONF)),
    ("1.1.19", Other("/etc/kubernetes/pki/sa.pub")),
    ("1.2.2", Change::Cluster(|cluster| api_server(cluster, "token-auth-file", "/a"))),
    ("1.2.4", Text(API_SERVER, "--kubelet-client-key=", GONE)),
    ("1.2.4", Text(API_SERVER, "--kubelet-client-certificate=", GONE)),
    ("1.2.5", Text(API_SERVER, "--kubelet-certificate-authority=", GONE)),
    ("1.2.6", Change::Cluster(|cluster| api_server(cluster, "authorization-mode", "Node,RBAC,AlwaysAllow"))),
    ("1.2.7", Change::Cluster(|cluster| api_server(cluster, "authorization-mode", "RBAC"))),
    ("1.2.8", Change::Cluster(|cluster| api_server(cluster, "authorization-mode", "Node"))),
    ("1.2.10", Change::Cluster(|cluster| cluster.api_server.admission_enable.push("AlwaysAdmit".to_owned()))),
    ("1.2.12", Change::Cluster(|cluster| cluster.api_server.admission_disable.push("ServiceAccount".to_owned()))),
    ("1.2.13", Change::Cluster(|cluster| cluster.api_server.admission_disable.push("NamespaceLifecycle".to_owned()))),
    ("1.2.14", Change::Cluster(|cluster| cluster.api_server.admission_enable = vec!["PodNodeSelector".to_owned()])),
    ("1.2.15", Change::Cluster(|cluster| api_server(cluster, "profiling", "true"))),
    ("1.2.16", Text(API_SERVER, "--audit-log-path=", GONE)),
    ("1.2.17", Change::Cluster(|cluster| cluster.api_server.audit.max_age = 29)),
    ("1.2.18", Change::Cluster(|cluster| cluster.api_server.audit.max_backup = 9)),
    ("1.2.19", Change::Cluster(|cluster| cluster.api_server.audit.max_size = 99)),
    ("1.2.21", Change::Cluster(|cluster| api_server(cluster, "service-account-lookup", "false"))),
    ("1.2.22", Text(API_SERVER, "--service-account-key-file=", GONE)),
    ("1.2.23", Text(API_SERVER, "--etcd-keyfile=", GONE)),
    ("1.2.23", Text(API_SERVER, "--etcd-certfile=", GONE)),
    ("1.2.24", Text(API_SERVER, "--tls-private-key-file=", GONE)),
    ("1.2.24", Text(API_SERVER, "--tls-cert-file=", GONE)),
    ("1.2.25", Text(API_SERVER, "--client-ca-file=", GONE)),
    ("1.2.26", Text(API_SERVER, "--etcd-cafile=", GONE)),
    ("1.2.30", Change::Cluster(|cluster| api_server(cluster, "service-account-extend-token-expiration", "true"))),
    ("1.3.2", Change::Cluster(|cluster| manager(cluster, "profiling", "true"))),
    ("1.3.3", Change::Cluster(|cluster| manager(cluster, "use-service-account-credentials", "false"))),
    ("1.3.4", Text(CONTROLLER_MANAGER, "--service-account-private-key-file=", GONE)),
    ("1.3.5", Text(CONTROLLER_MANAGER, "--root-ca-file=", GONE)),
    ("1.3.6", Change::Cluster(without_rotation)),
    ("1.3.7", Change::Cluster(|cluster| manager(cluster, "bind-address", "0.0.0.0"))),
    ("1.4.1", Change::Cluster(|cluster| scheduler(cluster, "profiling", "true"))),
    ("1.4.2", Change::Cluster(|cluster| scheduler(cluster, "bind-address", "0.0.0.0"))),
    ("2.1", Text(ETCD, "\"--cert-file=", "\"--gone=")),
    ("2.1", Text(ETCD, "\"--key-file=", "\"--gone=")),
    ("2.2", Change::Cluster(|cluster| etcd(cluster, "client-cert-auth", "false"))),
    ("2.3", Change::Cluster(|cluster| etcd(cluster, "auto-tls", "true"))),
    ("2.4", Text(ETCD, "--peer-cert-file=", GONE)),
    ("2.4", Text(ETCD, "--peer-key-file=", GONE)),
    ("2.5", Change::Cluster(|cluster| etcd(cluster, "peer-client-cert-auth", "false"))),
    ("2.6", Change::Cluster(|cluster| etcd(cluster, "peer-auto-tls", "true"))),
    ("4.1.1", Mode(KUBELET_UNIT, 0o644)),
    ("4.1.1", More("/etc/systemd/system/kubelet.service.d/10-more.conf", 0o644)),
    ("4.1.2", Other(KUBELET_UNIT)),
    ("4.1.5", Mode(KUBELET_CONF, 0o644)),
    ("4.1.6", Other(KUBELET_CONF)),
    ("4.1.9", Mode(KUBELET, 0o644)),
    ("4.1.9", Text(KUBELET_UNIT, "0600", "0644")),
    ("4.1.10", Other(KUBELET)),
    ("4.2.1", Change::Cluster(|cluster| kubelet(cluster, "anonymous-auth", "true"))),
    ("4.2.1", Text(KUBELET, "enabled: false", "enabled: true")),
    ("4.2.2", Change::Cluster(|cluster| kubelet(cluster, "authorization-mode", "AlwaysAllow"))),
    ("4.2.2", Text(KUBELET, "mode: Webhook", "mode: AlwaysAllow")),
    ("4.2.3", Text(KUBELET, "clientCAFile", "gone")),
    ("4.2.6", Change::Cluster(|cluster| kubelet(cluster, "make-iptables-util-chains", "false"))),
    ("4.2.10", Change::Cluster(|cluster| cluster.pki.ca_key_on_nodes = false)),
    ("4.3.1", Change::Cluster(|cluster| push(&mut cluster.kube_proxy.extra_args, "metrics-bind-address", "0.0.0.0:1"))),
    ("4.3.1", Text("/etc/kfimg/addons/10-kube-proxy.json", "127.0.0.1:10249", "0.0.0.0:10249")),
];
