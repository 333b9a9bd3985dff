//! Payloads for machines without kfimg's Kubernetes: the rendered one, without everything that makes a node of it.
//!
//! Network, containerd, sysctls and host names stay, so that both sides stand on the same ground.

use kfimg_lab::{Cluster, Error, Result};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The network that kfimg's clusters have, as kfimg applies it.
pub(crate) const FLANNEL: &str = "/etc/kfimg/addons/20-flannel.json";
/// Beginnings of paths that only kfimg's nodes have.
const OURS: &[&str] = &[
    "/etc/kubernetes",
    "/etc/kfimg/plan",
    "/etc/systemd/system/kfimg-",
    "/etc/systemd/system/kubelet.",
    "/etc/tmpfiles.d/kfimg-etcd",
    "/etc/tmpfiles.d/kfimg-manifests",
];
/// With it containerd believes the mirror. kubeadm would take it for an authority of its own that lacks a key.
const AUTHORITY: &str = "/etc/kubernetes/pki/ca.crt";

/// The payload of a node without Kubernetes, and with these units of systemd instead. Without units it can pull images.
pub(crate) fn bare(cluster: &Cluster, node: &str, units: &[(&str, &str)]) -> Result<PathBuf> {
    let text = fs_err::read(cluster.payload(node))?;
    let mut payload: Value = serde_json::from_slice(&text).map_err(|error| Error::unusable(node, error))?;
    for kind in ["files", "directories", "links"] {
        if let Some(entries) = payload["storage"][kind].as_array_mut() {
            entries.retain(|entry| {
                units.is_empty() && entry["path"] == AUTHORITY
                    || !begins(entry["path"].as_str(), OURS) && !entry["path"].to_string().contains(".wants/kfimg-")
            });
        }
    }
    let units_of = |(name, text): &(&str, &str)| json!({"name": name, "contents": text, "enabled": true});
    payload["systemd"]["units"] = units.iter().map(units_of).collect();
    let file = cluster.lab().folder().join(format!("{node}-bare-{}.json", units.len()));
    fs_err::write(&file, payload.to_string())?;
    Ok(file)
}

fn begins(text: Option<&str>, beginnings: &[&str]) -> bool {
    text.is_some_and(|text| beginnings.iter().any(|beginning| text.starts_with(beginning)))
}
