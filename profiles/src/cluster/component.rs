//! Components of a validated cluster: settings with their defaults filled in and their files read.

use super::site::{InputFile, SecretFile};
use crate::description::{Argument, CgroupDriver, EncryptionProvider, ExtraVolume, FeatureGates};
use std::collections::BTreeMap;
use std::time::Duration;

pub use crate::description::{ControllerManager, Restore, Scheduler};

/// etcd.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Etcd {
    /// Number of the etcd cluster's life, from 1.
    pub incarnation: u32,
    /// The member whose data this incarnation begins with.
    pub recover_from: Option<String>,
    /// The snapshot that this incarnation begins with; never together with `recover_from`.
    pub restore: Option<Restore>,
    /// Members that nobody waits for when this incarnation begins.
    pub without: Vec<String>,
    /// Members that may set aside data of another cluster.
    pub discard: Vec<String>,
    /// Size limit of the database in bytes.
    pub quota_backend_bytes: u64,
    /// Time after the incarnation's first render within which its cluster may be founded.
    pub bootstrap_window: Duration,
    /// Time between two snapshots.
    pub snapshot_interval: Duration,
    /// Number of snapshots that is kept.
    pub snapshot_retain: u32,
    /// More arguments.
    pub extra_args: Vec<Argument>,
}

/// How long is waited for what starts on a node.
#[derive(Clone, Copy, Debug, Hash)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the start of a static pod's container until its startup probe has succeeded.
    pub control_plane_component_health_check: Duration,
}

/// kube-apiserver.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct ApiServer {
    /// Admission plug-ins to switch on, `NodeRestriction` among them.
    pub admission_enable: Vec<String>,
    /// Admission plug-ins to switch off.
    pub admission_disable: Vec<String>,
    /// The user's `AdmissionConfiguration`, parsed.
    pub admission_config: Option<serde_json::Value>,
    /// The audit log.
    pub audit: Audit,
    /// Encryption in etcd.
    pub encryption: Encryption,
    /// Who is who.
    pub authentication: Authentication,
    /// `30000-32767`.
    pub service_node_port_range: String,
    /// `group/version` to `true` or `false`.
    pub runtime_config: BTreeMap<String, String>,
    /// Origins that browsers may call from.
    pub cors_allowed_origins: Vec<String>,
    /// How objects are stored, if not the default.
    pub storage_media_type: Option<String>,
    /// Host name in links.
    pub external_hostname: Option<String>,
    /// Which addresses of a node are tried, in order.
    pub kubelet_preferred_address_types: Vec<String>,
    /// More arguments.
    pub extra_args: Vec<Argument>,
    /// More volumes.
    pub extra_volumes: Vec<ExtraVolume>,
    /// Feature gates.
    pub feature_gates: FeatureGates,
}

/// The audit log.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Audit {
    /// The user's `Policy`, parsed; none: kfimg's own.
    pub policy: Option<serde_json::Value>,
    /// Days.
    pub max_age: u32,
    /// Number of logs.
    pub max_backup: u32,
    /// MiB.
    pub max_size: u32,
}

/// Encryption in etcd.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Encryption {
    /// The cipher.
    pub provider: EncryptionProvider,
    /// What is encrypted.
    pub resources: Vec<String>,
}

/// Who is who.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Authentication {
    /// Issuers of tokens.
    pub jwt: Vec<JwtIssuer>,
    /// The `jwt` entries of the user's own `AuthenticationConfiguration`, verbatim.
    pub user_jwt: Vec<serde_json::Value>,
    /// A token webhook.
    pub webhook: Option<TokenWebhook>,
}

/// An issuer of tokens.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct JwtIssuer {
    /// URL.
    pub issuer_url: String,
    /// Audience.
    pub client_id: String,
    /// Claim that names the user.
    pub username_claim: String,
    /// Prefix of user names.
    pub username_prefix: String,
    /// Claim that names the groups.
    pub groups_claim: Option<String>,
    /// Prefix of group names.
    pub groups_prefix: String,
    /// Claims that must be there.
    pub required_claims: BTreeMap<String, String>,
    /// Authorities of the issuer's server, PEM.
    pub certificate_authority: Option<InputFile>,
}

/// A token webhook.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct TokenWebhook {
    /// Kubeconfig file; it may hold a client key.
    pub config: SecretFile,
    /// How long an answer holds.
    pub cache_ttl: Duration,
    /// `v1` or `v1beta1`.
    pub version: String,
}

/// The kubelet.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Kubelet {
    /// Kept for the system.
    pub system_reserved: BTreeMap<String, String>,
    /// Kept for the kubelet and the runtime.
    pub kube_reserved: BTreeMap<String, String>,
    /// Most pods.
    pub max_pods: u32,
    /// Most processes in a pod.
    pub pod_pids_limit: u32,
    /// Hard eviction thresholds; empty: the kubelet's own.
    pub eviction_hard: BTreeMap<String, String>,
    /// Who manages control groups.
    pub cgroup_driver: CgroupDriver,
    /// Resolver file.
    pub resolv_conf: String,
    /// Grace at an orderly shutdown.
    pub shutdown_grace_period: Duration,
    /// The part for critical pods.
    pub shutdown_grace_period_critical_pods: Duration,
    /// Refuse control groups v1.
    pub fail_cgroup_v1: bool,
    /// Refuse swap.
    pub fail_swap_on: bool,
    /// Percent.
    pub image_gc_high_threshold_percent: u8,
    /// Percent.
    pub image_gc_low_threshold_percent: u8,
    /// Feature gates.
    pub feature_gates: FeatureGates,
    /// More arguments.
    pub extra_args: Vec<Argument>,
}

/// containerd.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Containerd {
    /// No AppArmor.
    pub disable_apparmor: bool,
    /// File system driver of images.
    pub snapshotter: String,
}
