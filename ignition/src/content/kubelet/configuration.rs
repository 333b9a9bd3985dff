//! `KubeletConfiguration` (kubelet.config.k8s.io/v1beta1): the fields that kfimg sets, and no other.
//!
//! Ids in comments are those of CIS 1.12. What is not here has the kubelet's own default.

use crate::content::{Context, certificates, tls};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::{CgroupDriver, Taint};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// The file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KubeletConfiguration<'a> {
    api_version: &'static str,
    kind: &'static str,
    authentication: Authentication,
    authorization: Authorization,
    cgroup_driver: CgroupDriver,
    #[serde(rename = "clusterDNS", skip_serializing_if = "Vec::is_empty")]
    cluster_dns: Vec<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_domain: Option<&'a str>,
    container_runtime_endpoint: &'static str,
    enable_server: bool,
    /// 4.2.8
    #[serde(rename = "eventRecordQPS")]
    event_record_qps: u32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    eviction_hard: &'a BTreeMap<String, String>,
    fail_cgroup_v1: bool,
    fail_swap_on: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    feature_gates: &'a BTreeMap<String, bool>,
    #[serde(rename = "imageGCHighThresholdPercent")]
    image_gc_high_threshold_percent: u8,
    #[serde(rename = "imageGCLowThresholdPercent")]
    image_gc_low_threshold_percent: u8,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    kube_reserved: &'a BTreeMap<String, String>,
    /// 4.2.6
    #[serde(rename = "makeIPTablesUtilChains")]
    make_iptables_util_chains: bool,
    /// Images come from the site's own registry or the disk: several at a time.
    max_parallel_image_pulls: u32,
    max_pods: u32,
    /// A threshold of the description takes the place of the same default one, not of all of them.
    merge_default_eviction_settings: bool,
    /// 4.2.13
    pod_pids_limit: u32,
    protect_kernel_defaults: bool,
    /// 4.2.4
    read_only_port: u16,
    #[serde(skip_serializing_if = "<[Taint]>::is_empty")]
    register_with_taints: &'a [Taint],
    resolv_conf: &'a str,
    /// 4.2.10
    rotate_certificates: bool,
    /// 4.2.14
    seccomp_default: bool,
    serialize_image_pulls: bool,
    shutdown_grace_period: String,
    shutdown_grace_period_critical_pods: String,
    static_pod_path: &'static str,
    /// 4.2.5
    streaming_connection_idle_timeout: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    system_reserved: &'a BTreeMap<String, String>,
    /// 4.2.9
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert_file: Option<&'static str>,
    /// 4.2.12
    tls_cipher_suites: &'static [&'static str],
    tls_min_version: &'static str,
    /// 4.2.9
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_private_key_file: Option<&'static str>,
    /// The default lies on the read-only root.
    volume_plugin_dir: &'static str,
}

/// Who may ask the kubelet.
#[derive(Serialize)]
struct Authentication {
    /// 4.2.1
    anonymous: Switch,
    webhook: Switch,
    /// 4.2.3
    x509: X509,
}

#[derive(Serialize)]
struct Switch {
    enabled: bool,
}

#[derive(Serialize)]
struct X509 {
    #[serde(rename = "clientCAFile", skip_serializing_if = "Option::is_none")]
    client_ca_file: Option<&'static str>,
}

#[derive(Serialize)]
struct Authorization {
    /// 4.2.2
    mode: &'static str,
}

impl<'a> KubeletConfiguration<'a> {
    /// The configuration of a node. Without an API server there is nobody to ask who may do what; the kubelet then
    /// knows only the mode `AlwaysAllow`, and so its server is off.
    pub(super) fn new(context: &Context<'a>) -> Self {
        let Context { cluster, node, .. } = *context;
        let joins = node.is_kubernetes_node();
        let settings = &cluster.kubelet;
        Self {
            api_version: "kubelet.config.k8s.io/v1beta1",
            kind: "KubeletConfiguration",
            authentication: Authentication {
                anonymous: Switch { enabled: false },
                webhook: Switch { enabled: joins },
                x509: X509 { client_ca_file: joins.then(|| certificates::client_ca(context.credentials)) },
            },
            authorization: Authorization { mode: if joins { "Webhook" } else { "AlwaysAllow" } },
            cgroup_driver: settings.cgroup_driver,
            cluster_dns: if joins { name_servers(cluster) } else { Vec::new() },
            cluster_domain: joins.then_some(&cluster.networking.dns_domain),
            container_runtime_endpoint: "unix:///run/containerd/containerd.sock",
            enable_server: joins,
            event_record_qps: 50,
            eviction_hard: &settings.eviction_hard,
            fail_cgroup_v1: settings.fail_cgroup_v1,
            fail_swap_on: settings.fail_swap_on,
            feature_gates: &settings.feature_gates,
            image_gc_high_threshold_percent: settings.image_gc_high_threshold_percent,
            image_gc_low_threshold_percent: settings.image_gc_low_threshold_percent,
            kube_reserved: &settings.kube_reserved,
            make_iptables_util_chains: true,
            max_parallel_image_pulls: 4,
            max_pods: settings.max_pods,
            merge_default_eviction_settings: true,
            pod_pids_limit: settings.pod_pids_limit,
            protect_kernel_defaults: true,
            read_only_port: 0,
            register_with_taints: if joins { &node.taints } else { &[] },
            resolv_conf: &settings.resolv_conf,
            // Without the authority's key on the control planes nobody would sign the next certificate.
            rotate_certificates: joins && cluster.pki.ca_key_on_nodes,
            seccomp_default: true,
            serialize_image_pulls: false,
            shutdown_grace_period: go_duration(settings.shutdown_grace_period),
            shutdown_grace_period_critical_pods: go_duration(settings.shutdown_grace_period_critical_pods),
            static_pod_path: super::MANIFEST_DIR,
            streaming_connection_idle_timeout: "4h",
            system_reserved: &settings.system_reserved,
            tls_cert_file: joins.then_some(certificates::KUBELET_SERVING_CERTIFICATE),
            tls_cipher_suites: &tls::CIPHER_SUITES,
            tls_min_version: tls::MIN_VERSION,
            tls_private_key_file: joins.then_some(certificates::KUBELET_SERVING_KEY),
            volume_plugin_dir: "/var/lib/kubelet/volume-plugins",
        }
    }
}

/// Whom pods ask for names: cluster DNS, of each family; where every node has a cache, that one, and cluster DNS while it is
/// away. A resolver file holds three servers at most.
fn name_servers(cluster: &Cluster) -> Vec<IpAddr> {
    let of_cluster = cluster.networking.dns_ips();
    match cluster.dns.node_local_cache {
        Some(cache) => std::iter::once(cache).chain(of_cluster.into_iter().take(1)).collect(),
        None => of_cluster,
    }
}

/// In Go's notation.
fn go_duration(duration: Duration) -> String {
    format!("{}ms", duration.as_millis()).replace("000ms", "s")
}
