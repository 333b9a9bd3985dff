//! From a validated cluster to what it needs. The only file that knows both vocabularies.
//!
//! It reads no files: `kfimg-profiles` has read the brought authorities already.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use kfimg_profiles::cluster::{self, BroughtAuthority, Cluster};
use kfimg_profiles::description;

use crate::incarnations::Beginning;
use crate::key::KeyAlgorithm;
use crate::request::{BroughtCa, LeafSpec, Node, Policy, Request, Role};
use crate::secret::Secret;
use crate::table::Ca;
use crate::x509::San;

/// Everything that a cluster needs.
pub fn request(cluster: &Cluster) -> Request {
    let members: BTreeSet<&str> = cluster.etcd_members().map(|node| node.name.as_str()).collect();
    let pki = &cluster.pki;
    let brought = [(Ca::Kubernetes, &pki.kubernetes), (Ca::Etcd, &pki.etcd), (Ca::FrontProxy, &pki.front_proxy)];
    Request {
        cluster: cluster.name.clone(),
        api_server_names: api_server_names(cluster),
        nodes: cluster.nodes.iter().map(|node| subject(node, members.contains(node.name.as_str()))).collect(),
        policy: Policy {
            algorithm: match pki.algorithm {
                description::KeyAlgorithm::EcdsaP256 => KeyAlgorithm::EcdsaP256,
                description::KeyAlgorithm::Rsa2048 => KeyAlgorithm::Rsa2048,
            },
            ca_window: pki.ca_validity,
            leaf_window: pki.certificate_validity,
            ca_key_on_nodes: pki.ca_key_on_nodes,
        },
        brought: brought
            .into_iter()
            .filter_map(|(ca, authority)| Some((ca, brought_ca(authority.as_ref()?))))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// How the cluster's incarnation of etcd begins.
pub fn beginning(cluster: &Cluster) -> Beginning {
    let etcd = &cluster.etcd;
    Beginning {
        recover_from: etcd.recover_from.clone(),
        restore: etcd.restore.as_ref().map(|restore| restore.node.clone()),
        without: etcd.without.iter().cloned().collect(),
    }
}

/// Every certificate that a cluster needs.
pub fn leaves(cluster: &Cluster) -> Vec<LeafSpec> {
    request(cluster).leaves()
}

fn subject(node: &cluster::Node, etcd_member: bool) -> Node {
    Node {
        name: node.name.clone(),
        role: match node.role {
            description::Role::ControlPlane => Role::ControlPlane,
            description::Role::Etcd => Role::Etcd,
            description::Role::Worker => Role::Worker,
        },
        etcd_member,
        addresses: node.ips().collect(),
    }
}

/// Names and addresses that reach any API server: the Service, the endpoint, the extras.
fn api_server_names(cluster: &Cluster) -> BTreeSet<San> {
    let domain = &cluster.networking.dns_domain;
    let service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(str::to_owned);
    let names = service
        .into_iter()
        .chain([format!("kubernetes.default.svc.{domain}")])
        .chain(cluster.endpoint.name.clone())
        .map(San::Dns);
    let addresses = cluster.networking.api_service_ips().into_iter().chain(cluster.endpoint.addresses.iter().copied());
    let extras = cluster.pki.api_server_sans.iter().map(|extra| name_or_address(extra));
    names.chain(addresses.map(San::Ip)).chain(extras).collect()
}

fn name_or_address(text: &str) -> San {
    text.parse::<IpAddr>().map_or_else(|_| San::Dns(text.to_owned()), San::Ip)
}

fn brought_ca(authority: &BroughtAuthority) -> BroughtCa {
    BroughtCa {
        source: format!("{} and {}", authority.certificate.path, authority.key.path),
        chain_pem: authority.certificate.content.clone().into_bytes(),
        key_pem: Secret::new(authority.key.expose().to_owned()),
    }
}
