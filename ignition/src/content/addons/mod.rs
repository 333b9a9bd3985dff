//! Addons and the user's own objects: what the agent of a control plane applies once the API answers.
//!
//! Each addon is one file here and one file on the node: `/etc/kfimg/addons/NN-<name>.json`, a `v1` `List` that the agent
//! applies object by object (server-side apply), in the order of the table [`ADDONS`], then the user's files, then
//! `90-node-roles.json`. How objects are applied, awaited and pruned is the agent's business.

mod cluster_rbac;
mod coredns;
mod corefile;
mod flannel;
mod headlamp;
mod kube_proxy;
mod metrics_server;
mod node_local_dns;
mod node_roles;
mod object;
#[cfg(test)]
mod tests;
mod user;
mod workload;

pub(super) use user::rules;

use super::{Content, ContentError, Context, Question, yaml};
use kfimg_images::{Catalog, Component, ImageList, Pins, Place, Reason, Scope, discover};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::Cni;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Folder of the lists on a control plane.
const FOLDER: &str = "/etc/kfimg/addons";

/// What addons depend on: nothing of the single node, so that all control planes apply the same objects.
#[derive(Clone, Copy)]
struct Site<'a> {
    cluster: &'a Cluster,
    catalog: &'a Catalog,
    pins: &'a Pins,
}

impl Site<'_> {
    /// The image of a component, as a container names it.
    fn image(&self, component: Component) -> String {
        self.pins.pin(&self.catalog.image(component, self.cluster.version.patch)).to_string()
    }

    /// How many nodes may run pods.
    fn kubernetes_nodes(&self) -> usize {
        self.cluster.nodes.iter().filter(|node| node.is_kubernetes_node()).count()
    }
}

/// An addon that kfimg renders.
struct Addon {
    /// Two digits that begin the file's name; addons are applied in this order.
    order: u8,
    name: &'static str,
    applies: fn(&Cluster) -> bool,
    /// Its objects; what others need comes first.
    objects: fn(&Site<'_>) -> Result<Vec<Value>, ContentError>,
}

/// The addons in the order in which they are applied. Numbers from 50 on are the user's, [`NODE_ROLES`] is the last.
const ADDONS: &[Addon] = &[
    Addon { order: 0, name: "cluster-rbac", applies: |_| true, objects: cluster_rbac::objects },
    Addon {
        order: 10,
        name: "kube-proxy",
        applies: |cluster| !cluster.kube_proxy.disabled,
        objects: kube_proxy::objects,
    },
    Addon {
        order: 20,
        name: "flannel",
        applies: |cluster| cluster.networking.cni == Cni::Flannel,
        objects: flannel::objects,
    },
    Addon { order: 30, name: "coredns", applies: |_| true, objects: coredns::objects },
    Addon {
        order: 35,
        name: "node-local-dns",
        applies: |cluster| cluster.dns.node_local_cache.is_some(),
        objects: node_local_dns::objects,
    },
    Addon {
        order: 40,
        name: "metrics-server",
        applies: |cluster| cluster.metrics_server.is_some(),
        objects: metrics_server::objects,
    },
    Addon { order: 45, name: "headlamp", applies: |cluster| cluster.headlamp, objects: headlamp::objects },
];

/// Labels of Nodes. They come last: the agent waits for Nodes, never makes or removes one (see [`node_roles`]).
const NODE_ROLES: Addon = Addon { order: 90, name: "node-roles", applies: |_| true, objects: node_roles::objects };

impl Addon {
    fn list(&self, site: &Site<'_>) -> Result<List, ContentError> {
        let items = (self.objects)(site)?;
        let mut images = ImageList::new();
        for found in items.iter().flat_map(|item| discover(item).images) {
            let (Place::Container(container)
            | Place::InitContainer(container)
            | Place::EphemeralContainer(container)
            | Place::ImageVolume(container)
            | Place::Field(container)) = &found.place;
            images.add(found.reference, Reason::addon(self.name, container, Scope::EveryNode));
        }
        let path = format!("{FOLDER}/{:02}-{}.json", self.order, self.name);
        Ok(List { path, items, images, questions: Vec::new(), secret: false })
    }
}

/// One file of objects.
struct List {
    path: String,
    items: Vec<Value>,
    images: ImageList,
    /// What a person should look at.
    questions: Vec<Question>,
    /// Whether it holds a `Secret`; then it holds nothing else.
    secret: bool,
}

/// All files in the order in which they are applied.
fn lists(site: &Site<'_>) -> Result<Vec<List>, ContentError> {
    let mut lists = Vec::new();
    let rules = user::rules(&site.cluster.image_paths);
    let user = user::User { rules: &rules, pins: site.pins };
    for addon in ADDONS.iter().filter(|addon| (addon.applies)(site.cluster)) {
        lists.push(addon.list(site)?);
    }
    for (index, manifest) in site.cluster.manifests.iter().enumerate() {
        let objects: Vec<(usize, &Value)> =
            manifest.objects.iter().map(|object| (object.line, &object.value)).collect();
        lists.extend(user.lists(index + 1, &manifest.path, &objects)?);
    }
    lists.push(NODE_ROLES.list(site)?);
    Ok(lists)
}

/// The addons of a cluster, rendered once for all of its nodes.
#[derive(Debug)]
pub(super) struct Addons {
    files: Vec<File>,
    images: ImageList,
    questions: Vec<Question>,
    digest: [u8; 32],
}

/// One list as it lies on a control plane.
#[derive(Debug)]
struct File {
    path: String,
    text: String,
    secret: bool,
}

impl Addons {
    /// Renders them.
    ///
    /// # Errors
    /// [`ContentError::Image`] for a malformed image in an object of the user's.
    pub(super) fn new(cluster: &Cluster, catalog: &Catalog, pins: &Pins) -> Result<Self, ContentError> {
        let (mut files, mut images, mut questions) = (Vec::new(), ImageList::new(), Vec::new());
        for List { path, items, images: asked, questions: open, secret } in lists(&Site { cluster, catalog, pins })? {
            let text = yaml::json(&path, &json!({"apiVersion": "v1", "kind": "List", "items": items}))?;
            images.merge(asked);
            questions.extend(open);
            files.push(File { path, text, secret });
        }
        let mut hash = Sha256::new();
        for text in files.iter().map(|file| &file.text).chain([&images.to_text_with_reasons()]) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        Ok(Self { files, images, questions, digest: hash.finalize().into() })
    }

    /// What a person should look at in the user's files.
    pub(super) fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// SHA-256 of all files and images.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// Writes the lists, for a control plane.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    for File { path, text, secret } in &context.addons.files {
        if *secret {
            content.tree.secret(path, text.as_str())?;
        } else {
            content.tree.file(path, 0o600, text.as_str())?;
        }
        content.addons.push(path.clone());
    }
    Ok(())
}

/// Notes the images of the addons, for every node that runs pods.
pub(super) fn write_images(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    content.images.merge(context.addons.images.clone());
    if !context.cluster.kube_proxy.disabled {
        content.free_ports.extend(kube_proxy::PORTS);
    }
    if context.cluster.dns.node_local_cache.is_some() {
        content.free_ports.extend(node_local_dns::PORTS);
    }
    Ok(())
}
