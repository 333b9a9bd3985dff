//! Members of a cluster in folders of a test: the real agent, the real etcd, and a stand-in for the kubelet.

#![allow(clippy::unwrap_used, unreachable_pub)]

pub mod certificates;
pub mod cluster;
pub mod kubelet;
pub mod node;
