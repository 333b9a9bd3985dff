//! What people write: the cluster description, `apiVersion: kfimg/v1alpha1`, `kind: Cluster`.
//!
//! These types mirror the YAML and hold defaults; the words are kubeadm's and Kubernetes'. They check the form of a
//! single value only. What values mean together is checked in [`crate::check`], and only a [`crate::cluster::Cluster`]
//! may be rendered.

mod control_plane;
mod delivery;
mod endpoint;
mod etcd;
mod kubelet;
mod networking;
mod node;
mod objects;
mod pki;
mod site;
pub mod values;

pub use control_plane::{
    Admission, ApiServer, Argument, Audit, Authentication, Component, ControllerManager, Encryption,
    EncryptionProvider, ExtraVolume, JwtIssuer, PathType, Scheduler, Timeouts, TokenWebhook,
};
pub use delivery::{Channel, Delivery, Guestinfo, GuestinfoTransport, PayloadFormat, Pxe};
pub use endpoint::{Endpoint, EndpointMode, Vip};
pub use etcd::{Etcd, Restore, Snapshot};
pub use kubelet::{CgroupDriver, Containerd, Kubelet};
pub use networking::{Cni, Flannel, FlannelBackend, Host, KubeProxy, Networking, ProxyMode};
pub use node::{
    Architecture, Bond, BondMode, DataDisk, Effect, Filesystem, Node, NodeNetwork, Role, SystemExtension, Taint, Vlan,
};
pub use objects::{Chart, ImagePath, ObjectPath, ObjectPathError, ObjectStep};
pub use pki::{CertificateAuthority, KeyAlgorithm, Pki};
pub use site::{
    Addons, CloudProvider, Dns, Headlamp, MetricsServer, NodeLocalCache, Registry, Reporting, Resources, Time, User,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use values::{FilePath, KubernetesVersion};

/// The only `apiVersion` that this program reads.
pub const API_VERSION: &str = "kfimg/v1alpha1";
/// The only `kind` that this program reads.
pub const KIND: &str = "Cluster";

/// Feature gates of one component: name to on or off.
pub type FeatureGates = BTreeMap<String, bool>;

/// The description of one cluster.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Description {
    /// Always `kfimg/v1alpha1`.
    pub api_version: String,
    /// Always `Cluster`.
    pub kind: String,
    /// Name of the cluster: an RFC 1123 label. It names the state folder and the kubeconfig's context.
    pub cluster_name: Option<String>,
    /// Kubernetes version, such as `v1.36.3`.
    pub kubernetes_version: Option<KubernetesVersion>,
    /// The address under which people and machines outside reach the API.
    pub control_plane_endpoint: Endpoint,
    /// Pod and service networks, DNS domain, network plug-in.
    pub networking: Networking,
    /// Settings that every node has unless it says otherwise. Takes every key of a node but `name`, `role`, `address`,
    /// `mac`, `uuid` and `serial`.
    pub node_defaults: Node,
    /// The machines. Merged by name; `$patch: delete` removes one, `- $patch: replace` replaces the list.
    pub nodes: Vec<Node>,
    /// The registry that mirrors the upstream ones. Without it nodes ask the upstream registries by name.
    pub registry: Option<Registry>,
    /// The nodes' clocks.
    pub time: Time,
    /// Certificates: their windows, algorithm and authorities.
    pub pki: Pki,
    /// etcd: its members, its limits, its snapshots, and with whose data it begins.
    pub etcd: Etcd,
    /// kube-apiserver: who may come in, what is logged, what is encrypted.
    pub api_server: ApiServer,
    /// kube-controller-manager: what it gets beside what kfimg sets.
    pub controller_manager: ControllerManager,
    /// kube-scheduler: what it gets beside what kfimg sets.
    pub scheduler: Scheduler,
    /// How long is waited for static pods.
    pub timeouts: Timeouts,
    /// The kubelet of every node.
    pub kubelet: Kubelet,
    /// The container runtime of every node.
    pub containerd: Containerd,
    /// kube-proxy: how services are realised.
    pub kube_proxy: KubeProxy,
    /// Cluster DNS (CoreDNS).
    pub dns: Dns,
    /// Optional addons.
    pub addons: Addons,
    /// Who else knows the machines: `external`, a cloud controller manager of your own under `manifests` or `charts`. Nodes then
    /// wait for it before pods run on them.
    pub cloud_provider: Option<CloudProvider>,
    /// Files with Kubernetes objects of your own, applied after the addons in this order.
    pub manifests: Vec<FilePath>,
    /// Helm charts, applied after `manifests` in this order. Rendering needs the program `helm` and no network.
    pub charts: Vec<Chart>,
    /// Where custom objects of `manifests` and `charts` hold images: what these rules find is in the list of images, in
    /// the bundle, and pinned as the images of pods are.
    pub image_paths: Vec<ImagePath>,
    /// People who may log in at the console or by SSH, as a last resort.
    pub users: Vec<User>,
    /// Where nodes report how far their boot has come.
    pub report: Reporting,
    /// How payloads reach the machines.
    pub delivery: Delivery,
    /// Accept `extraArgs` that the reviewed table calls unsafe. Arguments that can lose data stay refused.
    pub allow_unsafe_args: bool,
}
