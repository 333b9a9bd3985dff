//! kube-proxy: realises Services on every node.
//!
//! It reaches the API through the node's own haproxy at `127.0.0.1:6443`, never through a Service: it is what makes
//! Services work.

use super::Site;
use super::object::{KUBE_SYSTEM, Owner, Texts};
use super::workload::{Workload, config_volume, everywhere, host_path, mount, pod, variable_of_field};
use crate::content::{ContentError, yaml};
use k8s_openapi::api::core::v1::{Container, PodSpec, SecurityContext};
use kfimg_images::Component;
use kfimg_profiles::cluster::{API_PORT, Cluster};
use kfimg_profiles::description::{FeatureGates, ProxyMode};
use serde::Serialize;
use serde_json::{Value, json};

const NAME: &str = "kube-proxy";
const OWNER: Owner = Owner::in_kube_system(NAME);
/// Entries of the ConfigMap, under kubeadm's names.
const CONFIG_FILE: &str = "config.conf";
const KUBECONFIG_FILE: &str = "kubeconfig.conf";
/// Where the container sees them.
const CONFIG_FOLDER: &str = "/var/lib/kube-proxy";
/// Where a pod finds its account's token and the cluster's authority.
const ACCOUNT_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// TCP ports on every node: metrics on loopback, and health, which load balancers of other people ask.
pub(super) const PORTS: [u16; 2] = [10249, 10256];

pub(super) fn objects(site: &Site<'_>) -> Result<Vec<Value>, ContentError> {
    let config = Texts::from([
        (CONFIG_FILE.to_owned(), yaml::document(CONFIG_FILE, &configuration(site.cluster))?),
        (KUBECONFIG_FILE.to_owned(), yaml::document(KUBECONFIG_FILE, &kubeconfig())?),
    ]);
    let account = OWNER.account_subject(NAME);
    Ok(vec![
        OWNER.service_account(NAME),
        OWNER.cluster_role_binding("kfimg:node-proxier", "system:node-proxier", account),
        OWNER.config_map(NAME, config.clone()),
        Workload { owner: OWNER, name: NAME, selector: ("k8s-app", NAME), config: Some(config), pod: proxy(site) }
            .daemon_set(),
    ])
}

fn proxy(site: &Site<'_>) -> PodSpec {
    let own = [format!("--config={CONFIG_FOLDER}/{CONFIG_FILE}"), "--hostname-override=$(NODE_NAME)".to_owned()];
    let extra =
        site.cluster.kube_proxy.extra_args.iter().map(|argument| format!("--{}={}", argument.name, argument.value));
    let container = Container {
        name: NAME.to_owned(),
        image: Some(site.image(Component::KubeProxy)),
        command: Some(["/usr/local/bin/kube-proxy".to_owned()].into_iter().chain(own).chain(extra).collect()),
        env: Some(vec![variable_of_field("NODE_NAME", "spec.nodeName")]),
        // It writes the node's /proc/sys/net, which is read-only in any other container; no capability opens it.
        security_context: Some(SecurityContext { privileged: Some(true), ..SecurityContext::default() }),
        volume_mounts: Some(vec![
            mount("config", CONFIG_FOLDER, true),
            mount("xtables-lock", "/run/xtables.lock", false),
            mount("lib-modules", "/lib/modules", true),
        ]),
        ..Container::default()
    };
    PodSpec {
        containers: vec![container],
        host_network: Some(true),
        tolerations: Some(everywhere()),
        volumes: Some(vec![
            config_volume("config", NAME, 0o600),
            host_path("xtables-lock", "/run/xtables.lock", Some("FileOrCreate")),
            host_path("lib-modules", "/lib/modules", None),
        ]),
        ..pod(NAME, "system-node-critical")
    }
}

/// The fields of `KubeProxyConfiguration` (kubeproxy.config.k8s.io/v1alpha1) that kfimg sets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KubeProxyConfiguration<'a> {
    api_version: &'static str,
    kind: &'static str,
    bind_address: &'static str,
    client_connection: ClientConnection,
    #[serde(rename = "clusterCIDR")]
    cluster_cidr: String,
    #[serde(skip_serializing_if = "Conntrack::is_empty")]
    conntrack: Conntrack,
    detect_local_mode: &'static str,
    #[serde(skip_serializing_if = "FeatureGates::is_empty")]
    feature_gates: &'a FeatureGates,
    metrics_bind_address: &'static str,
    mode: &'static str,
}

#[derive(Serialize)]
struct ClientConnection {
    kubeconfig: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conntrack {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_core: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<u32>,
}

impl Conntrack {
    fn is_empty(&self) -> bool {
        self.max_per_core.is_none() && self.min.is_none()
    }
}

fn configuration(cluster: &Cluster) -> KubeProxyConfiguration<'_> {
    let pods = &cluster.networking.pod_subnets;
    let settings = &cluster.kube_proxy;
    KubeProxyConfiguration {
        api_version: "kubeproxy.config.k8s.io/v1alpha1",
        kind: "KubeProxyConfiguration",
        // No socket is bound to it: it only says which family comes first where the Node does not tell.
        bind_address: if pods.first().is_some_and(|net| net.network().is_ipv6()) { "::" } else { "0.0.0.0" },
        client_connection: ClientConnection { kubeconfig: format!("{CONFIG_FOLDER}/{KUBECONFIG_FILE}") },
        cluster_cidr: pods.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        conntrack: Conntrack { max_per_core: settings.conntrack_max_per_core, min: settings.conntrack_min },
        detect_local_mode: "ClusterCIDR",
        feature_gates: &settings.feature_gates,
        // CIS 4.3.1. Every node has this address, also one with IPv6 only.
        metrics_bind_address: "127.0.0.1:10249",
        mode: match settings.mode {
            ProxyMode::Nftables => "nftables",
            ProxyMode::Iptables => "iptables",
            ProxyMode::Ipvs => "ipvs",
        },
    }
}

/// The account's own token and authority, the node's own haproxy.
fn kubeconfig() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "default", "cluster": {
            "certificate-authority": format!("{ACCOUNT_FOLDER}/ca.crt"),
            "server": format!("https://127.0.0.1:{API_PORT}"),
        }}],
        "users": [{"name": "default", "user": {"tokenFile": format!("{ACCOUNT_FOLDER}/token")}}],
        "contexts": [{"name": "default", "context": {
            "cluster": "default", "namespace": KUBE_SYSTEM, "user": "default",
        }}],
        "current-context": "default",
    })
}
