//! etcd: its limits, its snapshots, and with whose data it begins.

use super::Argument;
use super::values::{ByteSize, GoDuration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// etcd.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Etcd {
    /// Number of members that this topology has; another number of nodes is refused. Left out, any odd number.
    pub members: Option<u32>,
    /// `true`: members are machines of their own, of role `etcd`; without any, control planes do not become members.
    pub dedicated: bool,
    /// Number of the etcd cluster's life. Default 1. The next one begins a new etcd cluster on purpose, with the data of
    /// `recoverFrom` or `restore`; it never goes back.
    pub incarnation: Option<u32>,
    /// The member whose data this incarnation begins with; all others copy them. For a quorum that is lost.
    pub recover_from: Option<String>,
    /// The snapshot that this incarnation begins with. For data that are lost.
    pub restore: Option<Restore>,
    /// Members whose disks are gone, or that stay off: this incarnation begins without waiting for them.
    pub without: Vec<String>,
    /// Members that may set aside data of another cluster, which they keep otherwise.
    pub discard: Vec<String>,
    /// Accept members whose data does not outlast a boot (no `dataDisk`).
    pub allow_volatile_data: bool,
    /// Size limit of the database. Default `8Gi`.
    pub quota_backend_bytes: Option<ByteSize>,
    /// Time after an incarnation's first render within which its cluster may be founded. Default `8760h` (a year).
    pub bootstrap_window: Option<GoDuration>,
    /// Regular snapshots on the data partition.
    pub snapshot: Snapshot,
    /// Command line arguments; each is held against the reviewed table.
    pub extra_args: Vec<Argument>,
}

/// A snapshot to begin an incarnation with.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Restore {
    /// The member that has the file. It begins the cluster, the others copy its data.
    pub node: String,
    /// Absolute path of the file on that member, such as one below `/var/lib/kfimg/snapshots`.
    pub file: String,
    /// SHA-256 of the file as `sha256sum` prints it; left out, any snapshot that is whole is taken.
    pub sha256: Option<String>,
}

/// Regular snapshots of etcd.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Snapshot {
    /// Time between two snapshots. Default `6h`.
    pub interval: Option<GoDuration>,
    /// Number of snapshots that are kept; older ones are removed. Default 12.
    pub retain: Option<u32>,
}
