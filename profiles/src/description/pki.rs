//! Certificates: windows, algorithm, authorities that are brought along.

use super::values::{FilePath, GoDuration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Certificates. The words are kubeadm's (`ClusterConfiguration` v1beta4).
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Pki {
    /// Window of every certificate that is not an authority. Default `26280h` (3 years).
    pub certificate_validity_period: Option<GoDuration>,
    /// Window of the authorities that kfimg makes. Default `87600h` (10 years).
    pub ca_certificate_validity_period: Option<GoDuration>,
    /// Algorithm of new keys.
    pub encryption_algorithm: KeyAlgorithm,
    /// `false` keeps the cluster authority's key off every node; kubelets then cannot rotate their certificates.
    /// Default `true`: control planes carry it.
    pub ca_key_on_nodes: Option<bool>,
    /// The authority of the cluster, if you bring one.
    pub kubernetes: Option<CertificateAuthority>,
    /// The authority of etcd, if you bring one.
    pub etcd: Option<CertificateAuthority>,
    /// The authority of the front proxy, if you bring one.
    pub front_proxy: Option<CertificateAuthority>,
}

/// An authority that you bring along.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CertificateAuthority {
    /// PEM file: the certificate that signs, then the ones above it up to the root.
    pub certificate: FilePath,
    /// PEM file: the key of the first certificate (RSA or ECDSA).
    pub key: FilePath,
}

/// Algorithm of new keys.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256.
    #[default]
    #[serde(rename = "ECDSA-P256")]
    EcdsaP256,
    /// RSA with 2048 bits: slower by far, for clients that know nothing else.
    #[serde(rename = "RSA-2048")]
    Rsa2048,
}
