//! Outputs as `kfimg render` writes them, as small as tests need.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes an output of a cluster with these workers and these files.
pub(crate) fn output(folder: &Path, nodes: &[&str], files: &[(&str, &str)]) {
    let mut records = BTreeMap::new();
    for (path, text) in files {
        let place = folder.join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
        let sha256 = HEXLOWER.encode(&Sha256::digest(text));
        records.insert(*path, serde_json::json!({ "sha256": sha256, "size": text.len() }));
    }
    let node = serde_json::json!({ "role": "worker", "generation": 3, "content": "", "inputs": "", "images": [] });
    let nodes: BTreeMap<&str, &serde_json::Value> = nodes.iter().map(|name| (*name, &node)).collect();
    let manifest = serde_json::json!({
        "format": "kfimg/output/v1", "cluster": "demo", "nodes": nodes, "files": records,
    });
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
}
