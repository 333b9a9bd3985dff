//! What a cluster needs, in this crate's own words.
//!
//! It does not read a cluster description; [`crate::inventory`] fills it from one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::key::KeyAlgorithm;
use crate::secret::Secret;
use crate::table::{Ca, Holder, LEAVES, Leaf, Names};
use crate::x509::San;

const DAY: u64 = 24 * 60 * 60;

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Runs the control plane.
    ControlPlane,
    /// Runs an etcd member and nothing of Kubernetes.
    Etcd,
    /// Runs workloads.
    Worker,
}

/// One node as certificates see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name in Kubernetes.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Whether it runs an etcd member.
    pub etcd_member: bool,
    /// Its own addresses.
    pub addresses: Vec<IpAddr>,
}

/// How new certificates are made. Certificates that exist keep what they were made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Algorithm of new keys.
    pub algorithm: KeyAlgorithm,
    /// How long a new authority lasts.
    pub ca_window: Duration,
    /// How long a new leaf lasts.
    pub leaf_window: Duration,
    /// Whether control planes carry the cluster CA's key.
    pub ca_key_on_nodes: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            algorithm: KeyAlgorithm::EcdsaP256,
            ca_window: Duration::from_secs(3650 * DAY),
            leaf_window: Duration::from_secs(1095 * DAY),
            ca_key_on_nodes: true,
        }
    }
}

/// An authority of somebody's own, as the PEM texts that they gave.
#[derive(Clone, Debug)]
pub struct BroughtCa {
    /// Where they came from, for messages: `ca.pem and ca.key`.
    pub source: String,
    /// The issuing certificate first, then each one's issuer, the root last.
    pub chain_pem: Vec<u8>,
    /// The issuing certificate's key: PKCS#8, PKCS#1 or SEC 1, not encrypted.
    pub key_pem: Secret,
}

/// Everything that one cluster needs.
#[derive(Clone, Debug)]
pub struct Request {
    /// The cluster's name.
    pub cluster: String,
    /// Names and addresses that every API server answers to, beyond its node's own.
    pub api_server_names: BTreeSet<San>,
    /// Every node.
    pub nodes: Vec<Node>,
    /// How new certificates are made.
    pub policy: Policy,
    /// Authorities that people bring; the others are drawn.
    pub brought: BTreeMap<Ca, BroughtCa>,
}

/// One certificate that must exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafSpec {
    /// The node that holds it; none for the administrator's.
    pub node: Option<String>,
    /// Which certificate.
    pub leaf: Leaf,
    /// Its subject alternative names.
    pub names: BTreeSet<San>,
}

impl LeafSpec {
    /// The subject's common name.
    pub fn common_name(&self) -> String {
        self.leaf.profile().common_name.on_node(self.node.as_deref().unwrap_or_default())
    }

    /// What messages call it: `apiserver of master-1`.
    pub fn label(&self) -> String {
        match &self.node {
            Some(node) => format!("{} of {node}", self.leaf.file_stem()),
            None => self.leaf.file_stem().to_owned(),
        }
    }
}

impl Request {
    /// A cluster for tests: control planes `master-1`… (with etcd) and workers `worker-1`…, dual stack.
    pub fn fake(control_planes: u8, workers: u16) -> Self {
        let address = |number: u16| {
            let [high, low] = number.to_be_bytes();
            let six = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number);
            vec![IpAddr::V4(Ipv4Addr::new(10, 1, high, low)), IpAddr::V6(six)]
        };
        let masters = (1..=u16::from(control_planes)).map(|number| Node {
            name: format!("master-{number}"),
            role: Role::ControlPlane,
            etcd_member: true,
            addresses: address(number),
        });
        let workers = (1..=workers).map(|number| Node {
            name: format!("worker-{number}"),
            role: Role::Worker,
            etcd_member: false,
            addresses: address(0x100 + number),
        });
        let service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        Self {
            cluster: "fake".to_owned(),
            api_server_names: service.map(|name| San::Dns(name.to_owned())).into_iter().collect(),
            nodes: masters.chain(workers).collect(),
            policy: Policy::default(),
            brought: BTreeMap::new(),
        }
    }

    /// Every certificate that must exist, by node in the order given; the administrator's last.
    pub fn leaves(&self) -> Vec<LeafSpec> {
        let held = self.nodes.iter().flat_map(|node| {
            LEAVES.iter().filter(|row| node.holds(row.holder)).map(|row| LeafSpec {
                node: Some(node.name.clone()),
                leaf: row.leaf,
                names: self.names(node, row.names),
            })
        });
        let admin = LeafSpec { node: None, leaf: Leaf::Admin, names: BTreeSet::new() };
        held.chain([admin]).collect()
    }

    fn names(&self, node: &Node, names: Names) -> BTreeSet<San> {
        let own = [San::Dns(node.name.clone())].into_iter().chain(node.addresses.iter().copied().map(San::Ip));
        match names {
            Names::None => BTreeSet::new(),
            Names::Kubelet => own.collect(),
            Names::EtcdMember => own.chain(loopback()).collect(),
            Names::ApiServer => own.chain(loopback()).chain(self.api_server_names.iter().cloned()).collect(),
        }
    }
}

impl Node {
    fn holds(&self, holder: Holder) -> bool {
        match holder {
            Holder::Administrator => false,
            Holder::ControlPlane => self.role == Role::ControlPlane,
            Holder::EtcdMember => self.etcd_member,
            Holder::Kubelet => self.role != Role::Etcd,
        }
    }
}

fn loopback() -> [San; 3] {
    [
        San::Dns("localhost".to_owned()),
        San::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        San::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ]
}
