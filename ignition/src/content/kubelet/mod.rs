//! The kubelet: its configuration, its kubeconfig and its unit.
//!
//! On etcd nodes it stands alone: it runs static pods, has no kubeconfig and opens no port to anybody.

mod configuration;
mod service;

use super::pod::MANIFEST_DIR;
use super::{Content, ContentError, Context, certificates, yaml};
use configuration::KubeletConfiguration;
use kfimg_pki::Kubeconfig;
use kfimg_profiles::cluster::{API_PORT, Node, https_url};
use kfimg_profiles::description::Role;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const UNIT: &str = "kubelet.service";
/// Where a payload may put the configuration (`/var` may be mounted later).
const SOURCE: &str = "/etc/kubernetes/kubelet-config.yaml";
/// kubeadm's place, where the kubelet and kube-bench look. The unit copies it there.
const CONFIG: &str = "/var/lib/kubelet/config.yaml";
const KUBECONFIG: &str = "/etc/kubernetes/kubelet.conf";
const LOGIND: &str = "/etc/systemd/logind.conf.d/10-kfimg.conf";
/// TCP port of the kubelet's own server, and of its health on loopback.
const PORT: u16 = 10250;
const HEALTH_PORT: u16 = 10248;

/// Writes all of it.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let configuration = KubeletConfiguration::new(context);
    content.tree.file(SOURCE, 0o600, yaml::document(SOURCE, &configuration)?)?;
    content.tree.directory(MANIFEST_DIR, 0o700)?;
    let unit = service::text(context).finish(UNIT)?;
    content.tree.unit(UNIT, &unit, Some("multi-user.target"))?;
    content.tree.file(LOGIND, 0o644, logind(context))?;
    content.free_ports.insert(HEALTH_PORT);
    if context.node.is_kubernetes_node() {
        content.free_ports.insert(PORT);
        content.tree.file(KUBECONFIG, 0o600, kubeconfig(context)?)?;
    }
    Ok(())
}

/// The client certificate is a file of the payload, named here. Once the kubelet has rotated it, it takes
/// `/var/lib/kubelet/pki/kubelet-client-current.pem` instead while that holds (`fileStore.Current` of client-go), so
/// that a payload that is applied at every boot never puts an older certificate before a newer one.
fn kubeconfig(context: &Context<'_>) -> Result<String, ContentError> {
    let user = format!("system:node:{}", context.node.name);
    let client = certificates::KUBELET_CLIENT;
    let server = server(context.node);
    let config =
        Kubeconfig::with_files(&context.cluster.name, &server, &user, certificates::CA, client, client).to_yaml();
    match config {
        Ok(text) => Ok(text.expose().to_owned()),
        Err(error) => Err(ContentError::Format { path: KUBECONFIG.to_owned(), reason: error.to_string() }),
    }
}

/// The node's own API server on a control plane, else haproxy on loopback.
fn server(node: &Node) -> String {
    let address = match node.role {
        Role::ControlPlane => node.ip(),
        _ if node.ips().all(|ip| ip.is_ipv6()) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    https_url(address, API_PORT)
}

/// As long as the kubelet delays a shutdown; it would write such a file itself and reload logind.
fn logind(context: &Context<'_>) -> String {
    let seconds = context.cluster.kubelet.shutdown_grace_period.as_secs() + 1;
    format!("[Login]\nInhibitDelayMaxSec={seconds}\n")
}
