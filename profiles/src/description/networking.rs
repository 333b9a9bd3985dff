//! Networks of the cluster: pods, services, DNS domain, network plug-in, kube-proxy.

use super::FeatureGates;
use super::control_plane::Argument;
use super::values::{Ip, Networks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Networks of the cluster. IPv4, IPv6, or both with a comma between; every range then needs both families.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Networking {
    /// Range of the pods' addresses. Default `10.244.0.0/16`.
    pub pod_subnet: Option<Networks>,
    /// Range of the services' addresses. Default `10.96.0.0/16`.
    pub service_subnet: Option<Networks>,
    /// Network of the machines. An address without a prefix length takes it from here; addresses must lie in it.
    pub node_subnet: Option<Networks>,
    /// DNS domain of the cluster. Default `cluster.local`.
    pub dns_domain: Option<String>,
    /// Bits of each node's own part of an IPv4 pod range. Default 24.
    #[serde(rename = "nodeCIDRMaskSizeIPv4")]
    pub node_cidr_mask_size_ipv4: Option<u8>,
    /// Bits of each node's own part of an IPv6 pod range. Default 64.
    #[serde(rename = "nodeCIDRMaskSizeIPv6")]
    pub node_cidr_mask_size_ipv6: Option<u8>,
    /// The network plug-in.
    pub cni: Cni,
    /// Settings of flannel.
    pub flannel: Flannel,
    /// More lines for every node's hosts file.
    pub hosts: Vec<Host>,
}

/// The network plug-in.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cni {
    /// Rendered by kfimg.
    #[default]
    Flannel,
    /// You bring one under `manifests`.
    None,
}

/// flannel.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Flannel {
    /// How packets travel between nodes.
    pub backend: FlannelBackend,
    /// MTU of the pods' interfaces. Left out, flannel derives it from the node's interface.
    pub mtu: Option<u32>,
}

/// flannel's way between nodes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum FlannelBackend {
    /// VXLAN: works on every network.
    #[default]
    #[serde(rename = "vxlan")]
    Vxlan,
    /// Routes to the nodes: all nodes on one layer-2 network.
    #[serde(rename = "host-gw")]
    HostGw,
}

/// A line of the hosts file.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Host {
    /// An address.
    pub address: Ip,
    /// The names that stand for it.
    pub names: Vec<String>,
}

/// kube-proxy.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KubeProxy {
    /// `true`: none is rendered; you bring a replacement under `manifests`.
    pub disabled: bool,
    /// How services are realised.
    pub mode: ProxyMode,
    /// Conntrack entries per core; 0 leaves the kernel's limit.
    pub conntrack_max_per_core: Option<u32>,
    /// Least number of conntrack entries; 0 leaves the kernel's limit.
    pub conntrack_min: Option<u32>,
    /// Feature gates: name to `true` or `false`.
    pub feature_gates: FeatureGates,
    /// Command line arguments; each is held against the reviewed table.
    pub extra_args: Vec<Argument>,
}

/// How kube-proxy realises services.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ProxyMode {
    /// nftables: needs kernel 5.13 or newer.
    #[default]
    Nftables,
    /// iptables.
    Iptables,
    /// IPVS: deprecated from Kubernetes 1.35 on.
    Ipvs,
}
