//! What a place brings: registry, time servers, users, DNS, addons, where to report.

use super::values::{FilePath, Ip};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The registry that mirrors the upstream ones.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Registry {
    /// Host name or address. Must be said where there is a registry.
    pub host: String,
    /// TCP port. Default 443, with `plainHTTP` 80.
    pub port: Option<u16>,
    /// Path on the registry below which the mirror lies, such as a project: what `kfimg bundle push --prefix` was given.
    pub prefix: Option<String>,
    /// Address for the nodes' hosts files, where no DNS server knows the name.
    pub address: Option<Ip>,
    /// PEM file with the authorities of its certificate, beside the system's and the cluster's own.
    pub certificate_authority: Option<FilePath>,
    /// User name for pulling.
    pub username: Option<String>,
    /// File with the password for pulling.
    pub password_file: Option<FilePath>,
    /// `true`: no TLS. Anyone on the way can then give your nodes other images.
    #[serde(rename = "plainHTTP")]
    pub plain_http: bool,
}

/// Time.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Time {
    /// NTP servers: names or addresses.
    pub servers: Vec<String>,
    /// Time zone of the nodes' clocks for people. Default `UTC`.
    pub timezone: Option<String>,
}

/// Someone who may log in.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct User {
    /// Login name.
    pub name: String,
    /// Keys for SSH, one line each.
    pub ssh_authorized_keys: Vec<String>,
    /// Password for the console, as a crypt(3) hash such as `mkpasswd` prints.
    pub password_hash: Option<String>,
    /// Groups beside the user's own.
    pub groups: Vec<String>,
    /// May become root by `sudo` without a password.
    pub sudo: bool,
}

/// Cluster DNS.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Dns {
    /// Servers for names outside the cluster. Left out, those of the node (`/etc/resolv.conf`).
    pub upstream_nameservers: Vec<Ip>,
    /// Domains that other servers answer for.
    pub stub_domains: BTreeMap<String, Vec<Ip>>,
    /// Number of CoreDNS pods. Default 2, on a single node 1.
    pub replicas: Option<u32>,
    /// Resources of a CoreDNS pod.
    pub resources: Resources,
    /// A cache on every node, which pods ask first.
    pub node_local_cache: NodeLocalCache,
}

/// A cache of names on every node (NodeLocal DNSCache). Pods ask it, and cluster DNS when it does not answer.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct NodeLocalCache {
    /// `true`: it runs, and pods ask it. Default `false`.
    pub enabled: Option<bool>,
    /// The address that it has on every node, of the services' first family. Default `169.254.20.10`, with IPv6
    /// `fd6b:6669:6d67::10`.
    pub address: Option<Ip>,
}

/// Resources of a container, in Kubernetes quantities.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Resources {
    /// What the scheduler keeps for it: `cpu`, `memory`.
    pub requests: BTreeMap<String, String>,
    /// What it may not exceed: `cpu`, `memory`.
    pub limits: BTreeMap<String, String>,
}

/// Optional addons.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Addons {
    /// metrics-server: `kubectl top` and horizontal autoscaling.
    pub metrics_server: MetricsServer,
    /// Headlamp: a web console.
    pub headlamp: Headlamp,
}

/// Headlamp. Whoever opens it logs in with a token of their own; it has no rights by itself.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Headlamp {
    /// `true`: it is installed. Default `false`.
    pub enabled: Option<bool>,
}

/// metrics-server.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct MetricsServer {
    /// `true`: it is installed. Default `true`.
    pub enabled: Option<bool>,
    /// Number of pods. Default 1.
    pub replicas: Option<u32>,
}

/// Where nodes report.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Reporting {
    /// URL that boot reports are posted to.
    pub url: Option<String>,
}

/// Who else knows the machines, beside kubelet and controller-manager.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CloudProvider {
    /// A cloud controller manager that runs in the cluster.
    External,
}
