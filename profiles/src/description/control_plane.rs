//! The components of the control plane. etcd is in [`super::etcd`].

use super::FeatureGates;
use super::values::{FilePath, GoDuration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A command line argument, as in kubeadm (`Arg`, v1beta4).
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Argument {
    /// Name of the flag without leading dashes.
    pub name: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

/// A folder or file of the node that a static pod sees, as in kubeadm (`HostPathMount`, v1beta4).
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExtraVolume {
    /// Name of the volume: an RFC 1123 label.
    pub name: String,
    /// Path on the node.
    pub host_path: String,
    /// Path in the container.
    pub mount_path: String,
    /// `true`: the component can read it and not write. Default `true`.
    pub read_only: Option<bool>,
    /// What must be there, or is made.
    #[serde(default)]
    pub path_type: PathType,
}

/// Type of a `hostPath` volume, in Kubernetes' words.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum PathType {
    /// A folder that exists.
    #[default]
    Directory,
    /// A folder, made when it is missing.
    DirectoryOrCreate,
    /// A file that exists.
    File,
    /// A file, made when it is missing.
    FileOrCreate,
}

/// What every component can say.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Component {
    /// Command line arguments; each is held against the reviewed table.
    pub extra_args: Vec<Argument>,
    /// Folders and files of the node for the static pod.
    pub extra_volumes: Vec<ExtraVolume>,
    /// Feature gates: name to `true` or `false`.
    pub feature_gates: FeatureGates,
}

/// kube-scheduler.
pub type Scheduler = Component;

/// kube-controller-manager.
pub type ControllerManager = Component;

/// How long is waited for what starts on a node, in kubeadm's words (`Timeouts`, v1beta4).
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Timeouts {
    /// How long a static pod may take until its startup probe succeeds, rounded up to ten seconds; then the kubelet starts it anew.
    /// Give more where processors or disks are slow. Default `4m`.
    pub control_plane_component_health_check: Option<GoDuration>,
}

/// kube-apiserver.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiServer {
    /// More names and addresses for its certificate.
    #[serde(rename = "certSANs")]
    pub cert_sans: Vec<String>,
    /// Admission plug-ins.
    pub admission: Admission,
    /// The audit log.
    pub audit: Audit,
    /// Encryption of secrets in etcd.
    pub encryption: Encryption,
    /// Who is who, beside client certificates and service accounts.
    pub authentication: Authentication,
    /// Range of node ports. Default `30000-32767`.
    pub service_node_port_range: Option<String>,
    /// API groups and versions to switch on or off, such as `batch/v1: true`.
    pub runtime_config: BTreeMap<String, String>,
    /// Origins that browsers may call from (regular expressions).
    pub cors_allowed_origins: Vec<String>,
    /// How objects are stored in etcd. Default `application/vnd.kubernetes.protobuf`.
    pub storage_media_type: Option<String>,
    /// Host name in links that the API server makes.
    pub external_hostname: Option<String>,
    /// Which addresses of a node are tried to reach its kubelet, first one first. Default `InternalIP`, `ExternalIP`,
    /// `Hostname`.
    pub kubelet_preferred_address_types: Vec<String>,
    /// Command line arguments; each is held against the reviewed table.
    pub extra_args: Vec<Argument>,
    /// Folders and files of the node for the static pod.
    pub extra_volumes: Vec<ExtraVolume>,
    /// Feature gates: name to `true` or `false`.
    pub feature_gates: FeatureGates,
}

/// Admission plug-ins.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Admission {
    /// Plug-ins beside the API server's own defaults and `NodeRestriction`.
    pub enable: Vec<String>,
    /// Plug-ins to switch off that the API server has on by itself.
    pub disable: Vec<String>,
    /// File with an `AdmissionConfiguration`.
    pub config: Option<FilePath>,
}

/// The audit log. CIS 1.2.16 to 1.2.19 set the least values.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Audit {
    /// File with an audit `Policy`; left out, kfimg's own policy logs who did what, without contents of secrets.
    pub policy: Option<FilePath>,
    /// Days that a log is kept. Default 30.
    pub max_age: Option<u32>,
    /// Number of logs that are kept. Default 10.
    pub max_backup: Option<u32>,
    /// Size of a log in MiB. Default 100.
    pub max_size: Option<u32>,
}

/// Encryption of secrets in etcd.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Encryption {
    /// The cipher of Secrets in etcd.
    pub provider: EncryptionProvider,
    /// Resources that are encrypted. Default `secrets`.
    pub resources: Vec<String>,
}

/// Cipher of the encryption in etcd.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EncryptionProvider {
    /// XSalsa20 and Poly1305.
    #[default]
    Secretbox,
    /// AES-CBC with PKCS#7 padding.
    Aescbc,
    /// No cipher: secrets lie readable in etcd and its snapshots.
    Identity,
}

/// Who is who, beside client certificates and service accounts.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Authentication {
    /// Issuers of tokens (OpenID Connect), rendered as `jwt` of an `AuthenticationConfiguration`.
    pub jwt: Vec<JwtIssuer>,
    /// File with an `AuthenticationConfiguration` of your own; its `jwt` is merged, its `anonymous` must not widen ours.
    pub config: Option<FilePath>,
    /// A token webhook, such as one for LDAP.
    pub webhook: Option<TokenWebhook>,
}

/// An issuer of tokens.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct JwtIssuer {
    /// Name of the issuer in this description.
    pub name: String,
    /// URL of the issuer, `https://…`.
    #[serde(rename = "issuerURL")]
    pub issuer_url: String,
    /// The client id that tokens must be made for.
    #[serde(rename = "clientID")]
    pub client_id: String,
    /// Claim that names the user. Default `sub`.
    pub username_claim: Option<String>,
    /// Prefix of user names. Default the issuer's URL and `#`; an empty text for none.
    pub username_prefix: Option<String>,
    /// Claim that names the groups.
    pub groups_claim: Option<String>,
    /// Prefix of group names.
    pub groups_prefix: Option<String>,
    /// Claims that a token must have, with their values.
    pub required_claims: BTreeMap<String, String>,
    /// PEM file with the authorities of the issuer's server.
    pub certificate_authority: Option<FilePath>,
}

/// A token webhook.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TokenWebhook {
    /// Kubeconfig file that says how to reach it.
    pub config: FilePath,
    /// How long an answer holds. Default `2m`.
    #[serde(rename = "cacheTTL")]
    pub cache_ttl: Option<GoDuration>,
    /// Version of its `TokenReview`: `v1` or `v1beta1`. Default `v1`.
    pub version: Option<String>,
}
