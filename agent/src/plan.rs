//! The plan that a node obeys: `/etc/kfimg/plan.json`, written by `kfimg render`, read by the agent at every boot.
//!
//! It says what the node is and what must hold, never how: the steps are the agent's. It carries no secret.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Where the plan lies on a node.
pub const PLAN_PATH: &str = "/etc/kfimg/plan.json";
/// The format that this program writes and reads.
pub const PLAN_VERSION: u32 = 1;
/// Seconds before the end of support of a Kubernetes version from which it is spoken of: the last two months, in which the project
/// corrects what is critical and nothing else (<https://kubernetes.io/releases/patch-releases/>).
pub const SUPPORT_ENDS_SOON: i64 = 60 * 86_400;

/// The plan of one node.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    /// Format of this file, [`PLAN_VERSION`].
    pub version: u32,
    /// Number of the render that last changed this node's content; a node refuses to go back.
    pub generation: u64,
    /// When that render was made, in seconds since 1970; a clock that stands before it is wrong.
    pub render_time: i64,
    /// The cluster.
    pub cluster: Cluster,
    /// This node.
    pub node: Node,
    /// Certificates of this node: the time within which all of them hold.
    pub certificates: Window,
    /// NTP servers to wait for; empty: the clock is taken as it is.
    pub time_servers: Vec<String>,
    /// What must be true before anything starts.
    pub preflight: Preflight,
    /// Images that this node runs, control plane first, each with its digest where it is known.
    pub images: Vec<Image>,
    /// Secrets to copy to `/run` for components that are not root.
    pub copies: Vec<SecretCopy>,
    /// etcd, on its members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etcd: Option<Etcd>,
    /// Members of etcd on other machines, on control planes without a member of their own: their API server waits for
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remote_etcd: Vec<Member>,
    /// Manifest of the API server, installed when the local etcd member is a voter, or remote members have a quorum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_server_manifest: Option<ManifestInstall>,
    /// Manifest of keepalived, installed with the API server's: a control plane that may not join has no claim to the endpoint's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepalived_manifest: Option<ManifestInstall>,
    /// Addons in the order in which they are applied, on control planes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addons: Option<Addons>,
    /// The partition for what lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_partition: Option<DataPartition>,
    /// URL that boot reports are posted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_url: Option<String>,
    /// Files of this payload that come from the boot server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetch: Vec<Fetch>,
    /// Secrets of this payload that travel sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

impl Plan {
    /// The manifests of the API server and of what offers it to others, which are installed together.
    pub fn api_manifests(&self) -> impl Iterator<Item = &ManifestInstall> {
        self.api_server_manifest.iter().chain(&self.keepalived_manifest)
    }

    /// All manifests that the agent installs.
    pub fn manifests(&self) -> impl Iterator<Item = &ManifestInstall> {
        self.etcd.iter().map(|etcd| &etcd.manifest).chain(self.api_manifests())
    }
}

/// A file that comes from the boot server. Nobody trusts the server: the digest says which file it is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fetch {
    /// Where it goes.
    pub path: String,
    /// Where it comes from.
    pub url: String,
    /// SHA-512 in hexadecimal.
    pub sha512: String,
    /// Bytes.
    pub size: u64,
}

/// Secrets that travel sealed: an age file whose text is a tar archive of regular files.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Sealed {
    /// Path of the age file.
    pub file: String,
    /// Paths of the files that the archive holds, and nothing else.
    pub paths: Vec<String>,
}

/// The cluster that a node belongs to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its identity, drawn once: two clusters of one name differ in it.
    pub uid: String,
    /// Number of the etcd cluster's life.
    pub incarnation: u32,
    /// Kubernetes version, such as `v1.36.3`.
    pub kubernetes_version: String,
    /// The last second since 1970 at which the Kubernetes project corrects this minor version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_end: Option<i64>,
}

/// The node itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Node {
    /// Host name and Node name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its addresses, the main one first.
    pub addresses: Vec<IpAddr>,
    /// Ethernet addresses that the machine must have, lower case with colons; empty: any machine may take this payload.
    pub macs: Vec<String>,
    /// Its machine-id.
    pub machine_id: String,
}

/// Role of a node, in Kubernetes' words.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the API server.
    ControlPlane,
    /// Runs etcd alone.
    Etcd,
    /// Runs pods.
    Worker,
}

/// A span of time, in seconds since 1970.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Window {
    /// The first second.
    pub not_before: i64,
    /// The last second.
    pub not_after: i64,
}

/// What must be true before anything starts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Preflight {
    /// TCP ports that must be free.
    pub free_ports: Vec<u16>,
    /// Kernel modules that must be loaded or built in.
    pub kernel_modules: Vec<String>,
    /// Kernel settings that must have these values.
    pub sysctls: std::collections::BTreeMap<String, String>,
    /// Least memory in bytes.
    pub memory_bytes: u64,
    /// Least free space of `/var` in bytes.
    pub data_bytes: u64,
    /// Least version of containerd.
    pub containerd: String,
    /// Whether control groups v1 are refused.
    pub require_cgroup_v2: bool,
}

/// An image that the node runs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Image {
    /// Reference as manifests name it: with its digest where it is pinned.
    pub reference: String,
    /// Digest of its manifest or index, `sha256:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Image {
    /// The digest that it is pinned to: its own, else that of its reference.
    pub fn pin(&self) -> Option<&str> {
        self.digest.as_deref().or_else(|| self.reference.split_once('@').map(|(_, digest)| digest))
    }
}

/// A file to copy to `/run`, where only its component may read it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SecretCopy {
    /// Path on the node.
    pub source: String,
    /// Path of the copy, below `/run/kfimg/<component>/`. The folders above it belong to the component, mode 0700.
    pub destination: String,
    /// User id that owns the copy; its mode is 0400.
    pub uid: u32,
}

/// A manifest that the agent installs when its time has come.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ManifestInstall {
    /// Where it waits.
    pub source: String,
    /// Where the kubelet finds it.
    pub destination: String,
}

/// etcd of a member. See the etcd guard in the design.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Etcd {
    /// All members, this one among them, in the order of the description.
    pub members: Vec<Member>,
    /// The manifest without any `--initial-*` flag, as JSON; the guard adds them.
    pub manifest: ManifestInstall,
    /// Folder of the data.
    pub data_dir: String,
    /// Folder of the marker outside the data.
    pub marker_dir: String,
    /// The cluster may be founded until this second since 1970.
    pub bootstrap_not_after: i64,
    /// The member whose data the new incarnation starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recover_from: Option<String>,
    /// The snapshot that the new incarnation starts from. Never together with `recoverFrom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// Members whose disks are gone for good.
    pub without: Vec<String>,
    /// Members whose foreign data may be set aside.
    pub discard: Vec<String>,
    /// Snapshots.
    pub snapshot: Snapshot,
}

/// One member of etcd.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Member {
    /// Its name: the node's.
    pub name: String,
    /// `https://…:2380`.
    #[serde(rename = "peerURL")]
    pub peer_url: String,
    /// `https://…:2379`.
    #[serde(rename = "clientURL")]
    pub client_url: String,
    /// `https://…:2382`, where its guard answers.
    #[serde(rename = "guardURL")]
    pub guard_url: String,
}

/// A snapshot to start a new incarnation from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Restore {
    /// Name of the member that has the file and becomes the first.
    pub node: String,
    /// Path of the file on that member.
    pub file: String,
    /// SHA-256 of the file, hexadecimal, as `sha256sum` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Regular snapshots of etcd.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Snapshot {
    /// Folder.
    pub dir: String,
    /// Seconds between two.
    pub interval_seconds: u64,
    /// Number that is kept.
    pub retain: u32,
}

/// Addons and the user's own objects.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Addons {
    /// Kubeconfig to apply them with.
    pub kubeconfig: String,
    /// Files, each a `v1` `List`, in order.
    pub files: Vec<String>,
}

/// The partition for what lasts. Its disk is named, or chosen by its size; Ignition makes one on a named disk before the
/// agent runs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DataPartition {
    /// GPT name of the partition.
    pub label: String,
    /// Where it is mounted.
    pub mount_point: String,
    /// File system of a new one.
    pub filesystem: String,
    /// Path of the disk, where the description names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
    /// Least size of the disk in bytes, where the disk is chosen by size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_disk_bytes: Option<u64>,
    /// Greatest size of the disk in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_disk_bytes: Option<u64>,
}
