//! The digest of everything that a node's content is made from: equal inputs give equal content, so that a render need not
//! write what it would only find unchanged.
//!
//! It is no part of a payload and says nothing about content that was written by another version of the program.

use super::{ClusterContent, Context};
use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};

/// Digest of the sources of all crates that decide what a node gets.
const SOURCES: &str = env!("KFIMG_CONTENT_SOURCES");

/// SHA-256 behind the interface of the standard library's hashers.
#[derive(Default)]
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// The digest of what all nodes of a cluster have in common, SHA-256.
pub(super) fn of_cluster(content: &ClusterContent<'_>) -> [u8; 32] {
    let mut hasher = Sha256Hasher::default();
    SOURCES.hash(&mut hasher);
    content.hash(&mut hasher);
    hasher.0.finalize().into()
}

/// The digest of a node's context, SHA-256.
pub(super) fn of_node(context: &Context<'_>) -> [u8; 32] {
    let mut hasher = Sha256Hasher::default();
    context.cluster_digest.hash(&mut hasher);
    context.node.hash(&mut hasher);
    context.credentials.hash(&mut hasher);
    hasher.0.finalize().into()
}
