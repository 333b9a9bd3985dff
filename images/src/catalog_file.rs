//! A catalog as it stands in `images/catalog/v1.NN.yaml`: a serde mirror, unknown keys refused.
//!
//! It checks shapes only; [`crate::catalog`] checks what the values mean.

use jiff::civil::Date;
use serde::Deserialize;

use crate::component::{Architecture, Component, HostPart};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CatalogFile {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) kubernetes_minor: String,
    pub(crate) tested_patch: u32,
    pub(crate) support: SupportLine,
    pub(crate) images: Vec<ImageLine>,
    pub(crate) host_parts: Vec<HostPartLine>,
}

/// How long upstream corrects this minor version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SupportLine {
    /// The last day.
    pub(crate) end: Date,
    pub(crate) source: String,
}

/// One image.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ImageLine {
    pub(crate) component: Component,
    pub(crate) repository: String,
    /// May be `v{kubernetesVersion}`.
    pub(crate) tag: String,
    pub(crate) architectures: Vec<Architecture>,
    pub(crate) source: String,
}

/// One host program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct HostPartLine {
    pub(crate) part: HostPart,
    /// May be `{kubernetesVersion}`.
    pub(crate) version: String,
    /// With `{version}` and `{architecture}`.
    pub(crate) url: String,
    pub(crate) checksum: ChecksumLine,
    pub(crate) architectures: Vec<Architecture>,
    pub(crate) source: String,
}

/// Where upstream publishes the digest of a host program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ChecksumLine {
    pub(crate) algorithm: ChecksumAlgorithm,
    /// With `{version}` and `{architecture}`.
    pub(crate) url: String,
}

/// The algorithms that upstream projects publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChecksumAlgorithm {
    Sha256,
    Sha512,
}
