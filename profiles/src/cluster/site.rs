//! Endpoint, networks, registry, certificates' settings, files of a validated cluster.

use crate::description::{Cni, EndpointMode, Flannel, KeyAlgorithm, ObjectStep, Resources};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The API endpoint.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Endpoint {
    /// Who holds the address.
    pub mode: EndpointMode,
    /// Its addresses; empty in mode `node` without an address of its own.
    pub addresses: Vec<IpAddr>,
    /// Its DNS name.
    pub name: Option<String>,
    /// VRRP virtual router id, set or derived; meaningful in mode `vip` only.
    pub virtual_router_id: u8,
    /// keepalived's image, if not the catalog's.
    pub keepalived_image: Option<String>,
}

/// Pod, service and node networks. Where there are two of a kind, they are of different families in the same order.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Networking {
    /// Pod ranges.
    pub pod_subnets: Vec<IpNet>,
    /// Service ranges.
    pub service_subnets: Vec<IpNet>,
    /// DNS domain.
    pub dns_domain: String,
    /// Bits of a node's IPv4 pod range.
    pub node_cidr_mask_size_ipv4: u8,
    /// Bits of a node's IPv6 pod range.
    pub node_cidr_mask_size_ipv6: u8,
    /// The network plug-in.
    pub cni: Cni,
    /// flannel's settings.
    pub flannel: Flannel,
}

impl Networking {
    /// Addresses of the `kubernetes` Service: the first of each service range.
    pub fn api_service_ips(&self) -> Vec<IpAddr> {
        self.service_subnets.iter().map(|net| nth_address(*net, 1)).collect()
    }

    /// Addresses of cluster DNS: the tenth of each service range.
    pub fn dns_ips(&self) -> Vec<IpAddr> {
        self.service_subnets.iter().map(|net| nth_address(*net, 10)).collect()
    }
}

/// The n-th address of a network; its last one where the network is smaller.
fn nth_address(net: IpNet, n: u32) -> IpAddr {
    match net {
        IpNet::V4(net) => {
            let last = u32::from(net.broadcast());
            IpAddr::V4(u32::from(net.network()).saturating_add(n).min(last).into())
        }
        IpNet::V6(net) => {
            let last = u128::from(net.broadcast());
            IpAddr::V6(u128::from(net.network()).saturating_add(n.into()).min(last).into())
        }
    }
}

/// The registry that mirrors the upstream ones.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Registry {
    /// Host name or address.
    pub host: String,
    /// TCP port, if not the scheme's own.
    pub port: Option<u16>,
    /// Path below which it keeps the mirror, without `/` at its ends.
    pub prefix: Option<String>,
    /// Address for hosts files: given, or found by `--resolve`.
    pub address: Option<IpAddr>,
    /// Authorities of its certificate, PEM.
    pub certificate_authority: Option<InputFile>,
    /// User name and password for pulling.
    pub credentials: Option<(String, SecretFile)>,
    /// No TLS.
    pub plain_http: bool,
}

impl Registry {
    /// `host` or `host:port`, as it stands in image references and URLs.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }

    /// Where on it the mirror lies: `host`, `host:port/prefix`.
    pub fn place(&self) -> String {
        let authority = self.authority();
        self.prefix.as_ref().map_or_else(|| authority.clone(), |prefix| format!("{authority}/{prefix}"))
    }

    /// A path of the mirror as one of the registry.
    pub fn path(&self, below: &str) -> String {
        self.prefix.as_ref().map_or_else(|| below.to_owned(), |prefix| format!("{prefix}/{below}"))
    }
}

/// Time servers and zone.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Time {
    /// NTP servers.
    pub servers: Vec<String>,
    /// Time zone name of the IANA database.
    pub timezone: String,
}

/// Certificates.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Pki {
    /// Window of leaves.
    pub certificate_validity: Duration,
    /// Window of authorities that kfimg makes.
    pub ca_validity: Duration,
    /// Algorithm of new keys.
    pub algorithm: KeyAlgorithm,
    /// Control planes carry the cluster authority's key.
    pub ca_key_on_nodes: bool,
    /// The brought authority of the cluster.
    pub kubernetes: Option<BroughtAuthority>,
    /// The brought authority of etcd.
    pub etcd: Option<BroughtAuthority>,
    /// The brought authority of the front proxy.
    pub front_proxy: Option<BroughtAuthority>,
    /// More names and addresses for the API server's certificate.
    pub api_server_sans: Vec<String>,
}

/// An authority that the user brought: PEM texts as read, not yet examined (crate `pki` does that).
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct BroughtAuthority {
    /// Certificates: the signing one first, the root last.
    pub certificate: InputFile,
    /// The signing one's key.
    pub key: SecretFile,
}

/// A file that the description names, as read.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct InputFile {
    /// The path as people wrote it.
    pub path: String,
    /// Its contents.
    pub content: String,
}

/// Like [`InputFile`], for secrets: `Debug` shows the path only.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct SecretFile {
    /// The path as people wrote it.
    pub path: String,
    content: String,
}

impl SecretFile {
    /// A secret that was read from `path`.
    pub fn new(path: String, content: String) -> Self {
        Self { path, content }
    }

    /// The secret.
    pub fn expose(&self) -> &str {
        &self.content
    }
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Cluster DNS.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Dns {
    /// Servers for names outside the cluster; empty: those of the node.
    pub upstream_nameservers: Vec<IpAddr>,
    /// Domains that other servers answer for.
    pub stub_domains: BTreeMap<String, Vec<IpAddr>>,
    /// Number of CoreDNS pods.
    pub replicas: u32,
    /// Resources of a CoreDNS pod; empty parts take the addon's own.
    pub resources: Resources,
    /// Address of the cache that every node has, if one is wanted.
    pub node_local_cache: Option<IpAddr>,
}

/// metrics-server.
#[derive(Clone, Copy, Debug, Hash)]
#[non_exhaustive]
pub struct MetricsServer {
    /// Number of pods.
    pub replicas: u32,
}

/// One file of the user's objects.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Manifest {
    /// The path as people wrote it.
    pub path: String,
    /// Its objects in order; lists are taken apart.
    pub objects: Vec<ManifestObject>,
}

/// One object of the user's.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct ManifestObject {
    /// Line in the file, from 1.
    pub line: usize,
    /// The object; `apiVersion`, `kind` and `metadata.name` are there.
    pub value: serde_json::Value,
}

/// Where the objects of one kind hold images.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct ImagePath {
    /// Their `apiVersion`; none: any.
    pub api_version: Option<String>,
    /// Their kind.
    pub kind: String,
    /// The way to the texts that are images.
    pub path: Vec<ObjectStep>,
}

/// A chart that `helm template` is to render.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Chart {
    /// Name of the release.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Folder or packed file.
    pub path: PathBuf,
    /// Files with values, in order.
    pub values: Vec<PathBuf>,
    /// The file of the description that names it.
    pub file: String,
    /// The line there, from 1.
    pub line: usize,
}
