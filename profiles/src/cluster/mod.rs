//! The validated cluster: every default filled in, every file read, every cross check passed.
//!
//! Only [`crate::load`] makes one, so whoever holds a `Cluster` need not check it again. Nothing here reads files, draws
//! keys or knows how content is written on a node.

mod component;
mod delivery;
mod node;
mod site;

pub use component::{
    ApiServer, Audit, Authentication, Containerd, ControllerManager, Encryption, Etcd, JwtIssuer, Kubelet, Restore,
    Scheduler, Timeouts, TokenWebhook,
};
pub use delivery::{DEFAULT_CHANNELS, Delivery};
pub use node::{DataDisk, DiskChoice, Node, NodeAddress, NodeNetwork, SystemExtension};
pub use site::{
    BroughtAuthority, Chart, Dns, Endpoint, ImagePath, InputFile, Manifest, ManifestObject, MetricsServer, Networking,
    Pki, Registry, SecretFile, Time,
};

use crate::description::values::KubernetesVersion;
use crate::description::{CloudProvider, EndpointMode, Host, KubeProxy, Role, User};

/// TCP port of the API, everywhere.
pub const API_PORT: u16 = 6443;
/// TCP port of etcd for clients.
pub const ETCD_CLIENT_PORT: u16 = 2379;
/// TCP port of etcd for its peers.
pub const ETCD_PEER_PORT: u16 = 2380;
/// TCP port of etcd's metrics and health, on loopback.
pub const ETCD_METRICS_PORT: u16 = 2381;
/// TCP port on which the etcd guards of the members answer each other.
pub const GUARD_PORT: u16 = 2382;

/// A validated cluster.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Cluster {
    /// Name: an RFC 1123 label.
    pub name: String,
    /// Kubernetes version of every component.
    pub version: KubernetesVersion,
    /// The API endpoint.
    pub endpoint: Endpoint,
    /// Pod, service and node networks.
    pub networking: Networking,
    /// More lines for hosts files.
    pub hosts: Vec<Host>,
    /// The machines in the order of the description; at least one control plane.
    pub nodes: Vec<Node>,
    /// The registry that mirrors the upstream ones.
    pub registry: Option<Registry>,
    /// Time servers and zone.
    pub time: Time,
    /// Certificates.
    pub pki: Pki,
    /// etcd.
    pub etcd: Etcd,
    /// kube-apiserver.
    pub api_server: ApiServer,
    /// kube-controller-manager.
    pub controller_manager: ControllerManager,
    /// kube-scheduler.
    pub scheduler: Scheduler,
    /// How long is waited for static pods.
    pub timeouts: Timeouts,
    /// The kubelet.
    pub kubelet: Kubelet,
    /// containerd.
    pub containerd: Containerd,
    /// kube-proxy.
    pub kube_proxy: KubeProxy,
    /// Cluster DNS.
    pub dns: Dns,
    /// metrics-server, if wanted.
    pub metrics_server: Option<MetricsServer>,
    /// Headlamp, a web console, is wanted.
    pub headlamp: bool,
    /// A cloud controller manager of the user's initialises Nodes.
    pub cloud_provider: Option<CloudProvider>,
    /// The user's objects, in order.
    pub manifests: Vec<Manifest>,
    /// Charts whose objects are not among the manifests yet, in order.
    pub charts: Vec<Chart>,
    /// Where objects of the user's hold images, beside the places that Kubernetes knows.
    pub image_paths: Vec<ImagePath>,
    /// Who may log in.
    pub users: Vec<User>,
    /// URL that boot reports are posted to.
    pub report_url: Option<String>,
    /// How payloads reach the machines.
    pub delivery: Delivery,
}

impl Cluster {
    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The control planes, in order.
    pub fn control_planes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.role == Role::ControlPlane)
    }

    /// The members of etcd, in order: the `etcd` nodes, or the control planes where there are none.
    pub fn etcd_members(&self) -> impl Iterator<Item = &Node> {
        let role = if self.nodes.iter().any(|node| node.role == Role::Etcd) { Role::Etcd } else { Role::ControlPlane };
        self.nodes.iter().filter(move |node| node.role == role)
    }

    /// Whether a node is a member of etcd.
    pub fn is_etcd_member(&self, node: &Node) -> bool {
        self.etcd_members().any(|member| member.name == node.name)
    }

    /// `https://<endpoint>:6443`, as the administrator's kubeconfig and links name it: the endpoint's name, else its
    /// address, else the first control plane's address.
    pub fn endpoint_url(&self) -> String {
        match (&self.endpoint.name, self.endpoint.addresses.first()) {
            (Some(name), _) => format!("https://{name}:{API_PORT}"),
            (None, Some(address)) => https_url(*address, API_PORT),
            (None, None) => {
                self.control_planes().next().map_or_else(String::new, |node| https_url(node.ip(), API_PORT))
            }
        }
    }

    /// Whether keepalived holds the endpoint's address.
    pub fn has_vip(&self) -> bool {
        self.endpoint.mode == EndpointMode::Vip
    }
}

/// `https://<address>:<port>` with brackets around an IPv6 address.
pub fn https_url(address: std::net::IpAddr, port: u16) -> String {
    format!("https://{}", std::net::SocketAddr::new(address, port))
}
