//! What the data partition remembers of earlier boots: which cluster, which node, which payload.
//!
//! etcd's own memory is the guard's affair; see `guard` and `etcd`.

use super::Findings;
use super::codes::{DATA_OF_ANOTHER_CLUSTER, DATA_OF_ANOTHER_NODE, GENERATION_LOWER, KEPT_STATE};
use crate::failure::Failure;
use crate::files;
use crate::plan::Plan;
use crate::root::Root;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The client certificate that the kubelet renews by itself. From another cluster it only earns refusals, and the kubelet
/// would not go back to the payload's.
const KUBELET_CLIENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// `/var/lib/kfimg/generation.json`: the last payload that passed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    /// Identity of the cluster.
    uid: String,
    /// Name of the cluster, for messages.
    cluster: String,
    /// Name of the node.
    node: String,
    /// Number of its render.
    generation: u64,
}

/// Compares the plan with what ran here before.
pub(super) fn check(root: &Root, plan: &Plan, findings: &mut Findings) {
    match read(&path(root)) {
        Ok(Some(kept)) => compare(&kept, plan, findings),
        Ok(None) => {}
        Err(reason) => findings.add(&KEPT_STATE, reason),
    }
}

fn compare(kept: &Kept, plan: &Plan, findings: &mut Findings) {
    let Kept { cluster, node, generation, uid } = kept;
    if *uid != plan.cluster.uid {
        let message = format!("node {node} of cluster {cluster} ({uid}) ran here, not of {}", plan.cluster.name);
        return findings.add(&DATA_OF_ANOTHER_CLUSTER, message);
    }
    if *node != plan.node.name {
        let message = format!("{node} ran here, and this is the payload of {}", plan.node.name);
        findings.add(&DATA_OF_ANOTHER_NODE, message);
    } else if *generation > plan.generation {
        let message = format!("generation {generation} ran here, and this payload is generation {}", plan.generation);
        findings.add(&GENERATION_LOWER, message);
    }
}

/// Removes what another cluster left to the kubelet, then records this payload: in this order, so that a power cut
/// between the two removes it at the next boot.
pub(super) fn record(root: &Root, plan: &Plan) -> Result<(), Failure> {
    let path = path(root);
    let now = Kept {
        uid: plan.cluster.uid.clone(),
        cluster: plan.cluster.name.clone(),
        node: plan.node.name.clone(),
        generation: plan.generation,
    };
    let kept = read(&path).map_err(|reason| Failure::new(&KEPT_STATE, reason))?;
    if kept.as_ref() == Some(&now) {
        return Ok(());
    }
    if kept.is_none_or(|kept| kept.uid != now.uid) {
        files::remove(&root.at(KUBELET_CLIENT))?;
    }
    Ok(write(&path, &now)?)
}

fn path(root: &Root) -> PathBuf {
    root.state().join("generation.json")
}

/// [`None`]: nothing ran here. Unknown fields of a newer agent do not hide the number.
fn read(path: &Path) -> Result<Option<Kept>, String> {
    match fs_err::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| format!("{}: {error}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn write(path: &Path, kept: &Kept) -> std::io::Result<()> {
    fs_err::create_dir_all(path.parent().unwrap_or(path))?;
    files::replace(path, &serde_json::to_vec(kept)?)
}
