//! The closed-world proof of a description against a bundle, and its words for people and programs.
//!
//! What is proven is decided in crate `images`; here stands what a description says of its nodes.

use super::render::{catalog, role};
use crate::console::Console;
use crate::failure::Failure;
use kfimg_ignition::content::upstream_hosts;
use kfimg_images::component::Architecture;
use kfimg_images::content::Content;
use kfimg_images::proof::{self, Gap, Node, Proof, Way};
use kfimg_images::{Component, ImageList};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description;
use serde::Serialize;

/// Proves that a bundle holds every image that any node will ask for, and that nodes reach it: through the registry of the
/// description, else from a medium with the bundle on it. `images` are those of the cluster, by their tags.
///
/// # Errors
/// As [`catalog`] and [`upstream_hosts`]. What is missing is no error here: see [`tell`].
pub(super) fn prove(cluster: &Cluster, images: &ImageList, content: &Content) -> Result<Proof, Failure> {
    let catalog = catalog(cluster)?;
    let upstreams = upstream_hosts(cluster, catalog)?;
    let sandbox = catalog.image(Component::Pause, cluster.version.patch);
    let way = match &cluster.registry {
        Some(registry) => Way::Mirror { registry: registry.authority(), upstreams },
        None => Way::Local,
    };
    let node = |node: &kfimg_profiles::cluster::Node| Node {
        name: node.name.clone(),
        roles: vec![role(node.role).to_owned()],
        architecture: architecture(node.architecture),
        sandbox: sandbox.clone(),
        way: way.clone(),
    };
    let nodes: Vec<Node> = cluster.nodes.iter().map(node).collect();
    Ok(proof::prove(images, &nodes, content))
}

/// The same in the words of images.
pub(super) fn architecture(described: description::Architecture) -> Architecture {
    match described {
        description::Architecture::Amd64 => Architecture::Amd64,
        description::Architecture::Arm64 => Architecture::Arm64,
    }
}

/// Prints every gap with everybody who asks: as text, or as JSON on standard output.
///
/// # Errors
/// [`Failure::Unproven`] when there is a gap.
pub(super) fn tell(proof: &Proof, console: &Console) -> Result<(), Failure> {
    if console.is_json() && !proof.is_closed() {
        console.json(&Gaps { gaps: gaps(proof) })?;
    }
    judge(proof, console)
}

/// As [`tell`], where JSON has the gaps already.
///
/// # Errors
/// [`Failure::Unproven`] when there is a gap.
pub(super) fn judge(proof: &Proof, console: &Console) -> Result<(), Failure> {
    if !console.is_json() {
        proof.gaps.iter().for_each(|gap| console.error(&gap.to_string()));
    }
    let summary = match proof.gaps.len() {
        0 => return Ok(()),
        1 => "1 image that nodes will ask for is not there for all of them".to_owned(),
        gaps => format!("{gaps} images that nodes will ask for are not there for all of them"),
    };
    Err(Failure::Unproven { summary })
}

/// The gaps for programs.
pub(super) fn gaps(proof: &Proof) -> Vec<GapJson> {
    proof.gaps.iter().map(GapJson::new).collect()
}

#[derive(Serialize)]
struct Gaps {
    gaps: Vec<GapJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GapJson {
    image: String,
    problem: String,
    asked_by: Vec<AskerJson>,
}

#[derive(Serialize)]
struct AskerJson {
    reason: String,
    nodes: Vec<String>,
}

impl GapJson {
    fn new(gap: &Gap) -> Self {
        let asker =
            |asker: &proof::Asker| AskerJson { reason: asker.reason.cause.to_string(), nodes: asker.nodes.clone() };
        Self {
            image: gap.reference.to_string(),
            problem: gap.lack.to_string(),
            asked_by: gap.asked_by.iter().map(asker).collect(),
        }
    }
}
