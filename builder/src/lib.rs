//! The machine template: base system, container runtime and kubelet as one read-only, verified image.
//!
//! It is the same for every node and every site; only payloads differ. This crate sees no private key and no inventory.
