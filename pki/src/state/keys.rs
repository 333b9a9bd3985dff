//! Everything that a state holds, in memory.
//!
//! It does not say who may have what; [`crate::credentials`] does.

use std::collections::BTreeMap;

use crate::credentials::Credential;
use crate::key::PrivateKey;
use crate::secret::Secret;
use crate::table::{Ca, Leaf};
use crate::x509::authority::Authority;

/// Authorities, certificates and common keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    pub(crate) authorities: BTreeMap<Ca, Authority>,
    /// Newest first.
    pub(crate) service_account: Vec<ServiceAccountKey>,
    /// Newest first.
    pub(crate) encryption: Vec<EncryptionKeyPair>,
    pub(crate) administrator: BTreeMap<Leaf, Credential>,
    pub(crate) nodes: BTreeMap<String, BTreeMap<Leaf, Credential>>,
}

/// A key that signs service-account tokens.
#[derive(Clone, Debug)]
pub(crate) struct ServiceAccountKey {
    pub(crate) name: String,
    pub(crate) private_pem: Secret,
    pub(crate) public_pem: String,
    /// SHA-256 of the public key.
    pub(crate) fingerprint: String,
}

/// A key for encryption at rest with its name in `EncryptionConfiguration`.
#[derive(Clone, Debug)]
pub(crate) struct EncryptionKeyPair {
    pub(crate) name: String,
    pub(crate) base64: Secret,
}

impl Keys {
    /// The certificate of a node, or of the administrator.
    pub(crate) fn leaf(&self, node: Option<&str>, leaf: Leaf) -> Option<&Credential> {
        match node {
            Some(node) => self.nodes.get(node)?.get(&leaf),
            None => self.administrator.get(&leaf),
        }
    }

    /// The certificates of a node, or of the administrator, to add to.
    pub(crate) fn leaves_mut(&mut self, node: Option<&str>) -> &mut BTreeMap<Leaf, Credential> {
        match node {
            Some(node) => self.nodes.entry(node.to_owned()).or_default(),
            None => &mut self.administrator,
        }
    }
}

impl ServiceAccountKey {
    pub(crate) fn new(name: String, key: &PrivateKey) -> Self {
        Self { name, private_pem: key.to_pem(), public_pem: key.public_pem(), fingerprint: key.public_fingerprint() }
    }
}
