//! flannel: the pods' network. It gives each node's pod range to the other nodes; it knows no network policies.
//!
//! Sources: flannel v0.28.4 `Documentation/kube-flannel.yml` and `configuration.md`, `pkg/ipmatch/match.go`.

use super::Site;
use super::object::{Owner, Texts, json, list, rule, texts};
use super::workload::{
    Workload, config_volume, confined, everywhere, host_path, mount, pod, resources, variable, variable_of_field,
};
use crate::content::ContentError;
use k8s_openapi::api::core::v1::{Container, EnvVar, Namespace, PodSpec, SecurityContext};
use kfimg_images::Component;
use kfimg_profiles::cluster::{API_PORT, Networking};
use kfimg_profiles::description::FlannelBackend;
use serde::Serialize;
use serde_json::{Value, json};

const NAME: &str = "flannel";
const OWNER: Owner = Owner { addon: NAME, namespace: "kube-flannel" };
/// Name and selector as upstream has them, so that its documentation fits.
const DAEMON_SET: &str = "kube-flannel-ds";
const CONFIG_MAP: &str = "kube-flannel-cfg";
/// Where containers see the ConfigMap.
const CONFIG_FOLDER: &str = "/etc/kube-flannel";
const CNI_CONFIG_FOLDER: &str = "/etc/cni/net.d";
const CNI_PLUGIN_FOLDER: &str = "/opt/cni/bin";

pub(super) fn objects(site: &Site<'_>) -> Result<Vec<Value>, ContentError> {
    let networking = &site.cluster.networking;
    let config = Texts::from([
        ("cni-conf.json".to_owned(), format!("{:#}\n", cni_configuration(networking))),
        ("net-conf.json".to_owned(), format!("{:#}\n", json(&NetConf::new(networking)))),
    ]);
    Ok(vec![
        namespace(),
        OWNER.service_account(NAME),
        OWNER.cluster_role(
            NAME,
            vec![rule("", ["nodes"], ["get", "list", "watch"]), rule("", ["nodes/status"], ["patch"])],
        ),
        OWNER.cluster_role_binding(NAME, NAME, OWNER.account_subject(NAME)),
        OWNER.config_map(CONFIG_MAP, config.clone()),
        Workload { owner: OWNER, name: DAEMON_SET, selector: ("app", NAME), config: Some(config), pod: daemon(site) }
            .daemon_set(),
    ])
}

/// The namespace admits pods on the node's network.
fn namespace() -> Value {
    let mut metadata = OWNER.cluster_metadata(OWNER.namespace);
    metadata.labels.get_or_insert_default().extend(texts([("pod-security.kubernetes.io/enforce", "privileged")]));
    json(&Namespace { metadata, ..Namespace::default() })
}

fn daemon(site: &Site<'_>) -> PodSpec {
    PodSpec {
        init_containers: Some(vec![install_plugin(site), install_configuration(site)]),
        containers: vec![flanneld(site)],
        host_network: Some(true),
        tolerations: Some(everywhere()),
        volumes: Some(vec![
            // What the init container copies keeps this mode (CIS 1.1.9).
            config_volume("config", CONFIG_MAP, 0o600),
            host_path("cni-config", CNI_CONFIG_FOLDER, Some("DirectoryOrCreate")),
            host_path("cni-plugin", CNI_PLUGIN_FOLDER, Some("DirectoryOrCreate")),
            host_path("run", "/run/flannel", Some("DirectoryOrCreate")),
            host_path("xtables-lock", "/run/xtables.lock", Some("FileOrCreate")),
        ]),
        ..pod(NAME, "system-node-critical")
    }
}

fn install_plugin(site: &Site<'_>) -> Container {
    let destination = format!("{CNI_PLUGIN_FOLDER}/flannel");
    Container {
        name: "install-cni-plugin".to_owned(),
        image: Some(site.image(Component::FlannelCniPlugin)),
        command: Some(list(["cp", "-f", "/flannel", &destination])),
        security_context: Some(confined([])),
        volume_mounts: Some(vec![mount("cni-plugin", CNI_PLUGIN_FOLDER, false)]),
        ..Container::default()
    }
}

fn install_configuration(site: &Site<'_>) -> Container {
    let (source, destination) =
        (format!("{CONFIG_FOLDER}/cni-conf.json"), format!("{CNI_CONFIG_FOLDER}/10-flannel.conflist"));
    Container {
        name: "install-cni".to_owned(),
        image: Some(site.image(Component::Flannel)),
        command: Some(list(["cp", "-f", &source, &destination])),
        security_context: Some(confined([])),
        volume_mounts: Some(vec![mount("cni-config", CNI_CONFIG_FOLDER, false), mount("config", CONFIG_FOLDER, true)]),
        ..Container::default()
    }
}

fn flanneld(site: &Site<'_>) -> Container {
    Container {
        name: "kube-flannel".to_owned(),
        image: Some(site.image(Component::Flannel)),
        command: Some(list(["/opt/bin/flanneld"])),
        args: Some(arguments(&site.cluster.networking)),
        env: Some(environment()),
        resources: Some(resources(&texts([("cpu", "100m"), ("memory", "50Mi")]), &Texts::new())),
        security_context: Some(SecurityContext {
            // The image chooses between its two iptables by a link in its own root when it is first called.
            read_only_root_filesystem: None,
            ..confined(["NET_ADMIN", "NET_RAW"])
        }),
        volume_mounts: Some(vec![
            mount("config", CONFIG_FOLDER, true),
            mount("run", "/run/flannel", false),
            mount("xtables-lock", "/run/xtables.lock", false),
        ]),
        ..Container::default()
    }
}

/// By default flannel takes the interface of the default route, which a closed network need not have; so it is told the
/// node's address. Where that is of IPv6 and there are both families, `--iface` alone finds nothing.
fn arguments(networking: &Networking) -> Vec<String> {
    let mut arguments = list(["--ip-masq", "--kube-subnet-mgr", "--iface=$(NODE_IP)"]);
    let ipv6_first = networking.pod_subnets.first().is_some_and(|net| net.network().is_ipv6());
    if ipv6_first && networking.pod_subnets.len() > 1 {
        arguments.push("--public-ipv6=$(NODE_IP)".to_owned());
    }
    arguments
}

/// It reaches the API through the node's own haproxy: Services may wait for the network.
fn environment() -> Vec<EnvVar> {
    vec![
        variable_of_field("NODE_NAME", "spec.nodeName"),
        variable_of_field("NODE_IP", "status.hostIP"),
        variable("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
        variable("KUBERNETES_SERVICE_PORT", &API_PORT.to_string()),
    ]
}

/// flannel's `net-conf.json` (`pkg/subnet/config.go`).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NetConf {
    #[serde(rename = "EnableIPv4")]
    enable_ipv4: bool,
    #[serde(rename = "EnableIPv6")]
    enable_ipv6: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(rename = "IPv6Network", skip_serializing_if = "Option::is_none")]
    ipv6_network: Option<String>,
    backend: Backend,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Backend {
    #[serde(rename = "Type")]
    kind: &'static str,
}

impl NetConf {
    fn new(networking: &Networking) -> Self {
        let of_family = |ipv6: bool| {
            let nets = &networking.pod_subnets;
            nets.iter().find(|net| net.network().is_ipv6() == ipv6).map(ToString::to_string)
        };
        let (network, ipv6_network) = (of_family(false), of_family(true));
        let kind = match networking.flannel.backend {
            FlannelBackend::Vxlan => "vxlan",
            FlannelBackend::HostGw => "host-gw",
        };
        Self {
            enable_ipv4: network.is_some(),
            enable_ipv6: ipv6_network.is_some(),
            network,
            ipv6_network,
            backend: Backend { kind },
        }
    }
}

/// What containerd calls for each pod: the flannel plug-in, which hands over to `bridge`, and host ports.
///
/// A given MTU is set here and not on the backend: it means the pods' interfaces, and `host-gw` has no such setting.
fn cni_configuration(networking: &Networking) -> Value {
    let mut delegate = json!({"hairpinMode": true, "isDefaultGateway": true});
    if let Some(mtu) = networking.flannel.mtu {
        delegate["mtu"] = mtu.into();
    }
    json!({
        "name": "cbr0",
        "cniVersion": "0.3.1",
        "plugins": [
            {"type": "flannel", "delegate": delegate},
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}
