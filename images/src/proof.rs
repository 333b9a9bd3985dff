//! The closed-world proof: whether everything that any node will ask for is in a bundle, for its architecture, and reached by it.
//!
//! [`prove`] joins what nodes ask for (an [`ImageList`] with its reasons, and what containerd itself asks for) with a [`Content`],
//! and names each gap with everybody who asks. It also tells the digest that each reference is pinned to. It changes nothing, asks
//! no network, and does not hash layers: that is [`crate::verify`]'s.

mod gap;
mod held;

use std::collections::{BTreeMap, BTreeSet};

use crate::component::Architecture;
use crate::content::Content;
use crate::digest::Digest;
use crate::layout::Descriptor;
use crate::list::ImageList;
use crate::platforms::{PlatformImage, pick};
use crate::reason::{Reason, Scope};
use crate::reference::Reference;

pub use gap::{Asker, Gap, Lack};
use held::{Absent, Held};

/// A node, as far as images matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name, as [`Scope::Node`] has it.
    pub name: String,
    /// Its roles, as [`Scope::Role`] has them.
    pub roles: Vec<String>,
    /// Its processor.
    pub architecture: Architecture,
    /// The sandbox image in its containerd's configuration, which is started for every pod.
    pub sandbox: Reference,
    /// How images reach it.
    pub way: Way,
}

/// How images reach a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a medium: the whole bundle is imported under the names in it, and nothing else is asked.
    Local,
    /// From a registry that the bundle is pushed to, or that serves it.
    Mirror {
        /// Host and port of that registry, as references write them.
        registry: String,
        /// The upstream hosts that the node's `hosts.toml` files lead to it.
        upstreams: BTreeSet<String>,
    },
    /// From the upstream registries: nothing closes that world.
    Upstream,
}

/// What a proof found.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// What is missing, sorted by reference; empty when the world is closed.
    pub gaps: Vec<Gap>,
    /// What each reference that somebody asks for is pinned to. A bundle for one architecture pins the platform's manifest, because
    /// registries refuse an index whose children are missing; one for several pins the index.
    pub pins: BTreeMap<Reference, Digest>,
}

impl Proof {
    /// Whether every image that any node will ask for is there.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.gaps.is_empty()
    }
}

/// Joins what nodes ask for with what a bundle holds. What is damaged in the bundle is a gap as well.
#[must_use]
pub fn prove(images: &ImageList, nodes: &[Node], content: &Content) -> Proof {
    let held = Held::new(content);
    let mut asked = images.clone();
    for node in nodes {
        asked.add(node.sandbox.clone(), Reason::sandbox(&node.name));
    }
    let only = only_architecture(content, nodes);
    let mut proof = Proof::default();
    for reference in asked.references() {
        let asking = Asking::new(asked.reasons(reference), nodes);
        if asking.0.is_empty() {
            continue;
        }
        let (lacks, pin) = judge(reference, &asking, &held, only);
        proof.gaps.extend(lacks.into_iter().map(|(lack, asked_by)| Gap {
            reference: reference.clone(),
            lack,
            asked_by,
        }));
        if let Some(pin) = pin {
            proof.pins.insert(reference.clone(), pin);
        }
    }
    proof
}

/// The architecture of a bundle for one: by its own word, else by the nodes.
fn only_architecture(content: &Content, nodes: &[Node]) -> Option<Architecture> {
    let all: BTreeSet<Architecture> = match content.manifest() {
        Some(manifest) => {
            let named = |one: &&Architecture| manifest.architectures.iter().any(|name| name == one.as_str());
            if manifest.architectures.len() != 1 {
                return None;
            }
            Architecture::ALL.iter().filter(named).copied().collect()
        }
        None => nodes.iter().map(|node| node.architecture).collect(),
    };
    all.first().copied().filter(|_| all.len() == 1)
}

/// The reasons for one image, each with the nodes that it is about. A reason that is about none is left out.
struct Asking<'a>(Vec<(Reason, Vec<&'a Node>)>);

impl<'a> Asking<'a> {
    fn new(reasons: Vec<Reason>, nodes: &'a [Node]) -> Self {
        let with_nodes = |reason: Reason| {
            let about = nodes.iter().filter(|node| node.is_in(&reason.scope)).collect::<Vec<_>>();
            (!about.is_empty()).then_some((reason, about))
        };
        Self(reasons.into_iter().filter_map(with_nodes).collect())
    }

    /// Who asks, as far as the nodes are of a kind.
    fn askers(&self, kind: impl Fn(&Node) -> bool) -> Vec<Asker> {
        let asker = |(reason, nodes): &(Reason, Vec<&Node>)| {
            let nodes: Vec<String> = nodes.iter().filter(|node| kind(node)).map(|node| node.name.clone()).collect();
            (!nodes.is_empty()).then(|| Asker { reason: reason.clone(), nodes })
        };
        self.0.iter().filter_map(asker).collect()
    }

    fn nodes(&self) -> impl Iterator<Item = &'a Node> {
        self.0.iter().flat_map(|(_, nodes)| nodes.iter().copied())
    }

    fn architectures(&self) -> BTreeSet<Architecture> {
        self.nodes().map(|node| node.architecture).collect()
    }
}

impl Node {
    fn is_in(&self, scope: &Scope) -> bool {
        match scope {
            Scope::EveryNode => true,
            Scope::Role(role) => self.roles.contains(role),
            Scope::Node(name) => *name == self.name,
        }
    }

    fn reaches(&self, host: &str) -> bool {
        match &self.way {
            Way::Local => true,
            Way::Mirror { upstreams, .. } => upstreams.contains(host),
            Way::Upstream => false,
        }
    }

    /// Whether images of that host are asked for at the mirror by their own name, where no bundle brings them.
    fn is_mirrored_by(&self, host: &str) -> bool {
        matches!(&self.way, Way::Mirror { registry, .. } if registry == host)
    }
}

type Lacks = Vec<(Lack, Vec<Asker>)>;

/// What is wrong with one image, and what it is pinned to.
fn judge(
    reference: &Reference,
    asking: &Asking<'_>,
    held: &Held<'_>,
    only: Option<Architecture>,
) -> (Lacks, Option<Digest>) {
    let host = reference.host();
    let own = asking.askers(|node| node.is_mirrored_by(host));
    if !own.is_empty() {
        return (vec![(Lack::Own, own)], None);
    }
    let mut lacks = Vec::new();
    let unreached = asking.askers(|node| !node.reaches(host));
    if !unreached.is_empty() {
        lacks.push((Lack::Unreached, unreached));
    }
    let found = match Found::look_up(reference, held) {
        Ok(found) => found,
        Err(lack) => {
            lacks.push((lack, asking.askers(|_| true)));
            return (lacks, None);
        }
    };
    let wanted = asking.architectures();
    let lacking: BTreeSet<Architecture> = wanted.iter().copied().filter(|one| found.pick(*one).is_none()).collect();
    if !lacking.is_empty() {
        let askers = asking.askers(|node| lacking.contains(&node.architecture));
        let platforms = found.images.iter().map(|image| image.platform.to_string()).collect();
        lacks.push((Lack::Architecture { wanted: lacking.into_iter().collect(), found: platforms }, askers));
    }
    // One manifest is pinned for all nodes, so it must be the right one for all of them.
    let only = only.filter(|only| wanted.iter().all(|one| one == only));
    let pinned = found.pinned(reference, only);
    let picked: Vec<Descriptor> = wanted.iter().filter_map(|one| found.pick(*one).cloned()).collect();
    match held.absent(pinned.as_ref(), &picked) {
        Ok(absent) => lacks.extend(absences(absent, asking)),
        Err(reason) => lacks.push((Lack::Unreadable(reason), asking.askers(|_| true))),
    }
    (lacks, pinned.map(|descriptor| descriptor.digest))
}

/// What stands for a reference, and the images below it.
struct Found {
    root: Descriptor,
    images: Vec<PlatformImage>,
}

impl Found {
    fn look_up(reference: &Reference, held: &Held<'_>) -> Result<Self, Lack> {
        let root = held.find(reference).map_err(Lack::Unreadable)?.ok_or(Lack::Missing)?;
        let images = held.images(&root).map_err(Lack::Unreadable)?;
        Ok(Self { root, images })
    }

    /// What a node of an architecture starts.
    fn pick(&self, architecture: Architecture) -> Option<&Descriptor> {
        pick(&self.root, &self.images, architecture)
    }

    /// What the reference is pinned to; one that has a digest is pinned already.
    fn pinned(&self, reference: &Reference, only: Option<Architecture>) -> Option<Descriptor> {
        match only {
            Some(only) if reference.digest().is_none() => self.pick(only).cloned(),
            _ => Some(self.root.clone()),
        }
    }
}

/// What is missing is missing for all; what a delta leaves out, for nodes that have nothing but a medium.
fn absences(absent: Absent, asking: &Asking<'_>) -> Lacks {
    let everybody = asking.askers(|_| true);
    let local = asking.askers(|node| node.way == Way::Local);
    let mut lacks = Vec::new();
    if !absent.missing.is_empty() {
        lacks.push((Lack::Incomplete(absent.missing.into_iter().collect()), everybody));
    }
    if !absent.elsewhere.is_empty() && !local.is_empty() {
        lacks.push((Lack::LeftOut(absent.elsewhere.into_iter().collect()), local));
    }
    lacks
}

#[cfg(test)]
mod tests;
