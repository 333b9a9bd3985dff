//! The nodes' payloads: content of all nodes, numbers for what changed, files for both.
//!
//! A node whose inputs are those of the former output keeps its payload without its content being made again.

use super::payload::Format;
use super::reporter::Reporter;
use super::seal::Sealing;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;
use crate::output::{NodeRecord, Secrecy, Staging};
use crate::report::Sample;
use crate::steps::Steps;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use kfimg_ignition::content::{ClusterContent, Context, Fetched, NodeContent, Question, Stamp};
use kfimg_ignition::tree::NodeTree;
use kfimg_images::stop::Stop;
use kfimg_images::{Catalog, ImageList, Pins};
use kfimg_pki::{Credentials, Generations, KeyAlgorithm, State, inventory};
use kfimg_profiles::cluster::{Cluster, Node};
use kfimg_profiles::description::Role;
use rayon::prelude::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};
use std::collections::{BTreeMap, BTreeSet};

/// One render's nodes.
pub(super) struct Rendering<'a> {
    cluster: &'a Cluster,
    credentials: &'a Credentials,
    content: ClusterContent<'a>,
}

/// Where the payloads go.
pub(super) struct Target<'a> {
    pub(super) format: Format<'a>,
    /// Who can open the payloads' secrets; without it they travel as they are.
    pub(super) sealing: Option<&'a Sealing>,
    pub(super) staging: &'a Staging,
    /// Whether another payload is wished for.
    pub(super) stop: &'a Stop,
    pub(super) console: &'a Console,
}

/// One node, before it has a number.
enum Item<'a> {
    /// Its inputs are those of the former output.
    Same(&'a Node, NodeRecord),
    /// Its content is new, or may be.
    Made(Box<Made<'a>>),
}

struct Made<'a> {
    node: &'a Node,
    content: NodeContent,
    /// Without the number, which is not known yet.
    record: NodeRecord,
    /// What the node fetches from the boot server.
    fetched: Vec<Fetched>,
}

impl<'a> Rendering<'a> {
    /// What is the same for all nodes; etcd may be founded until `bootstrap_not_after`.
    pub(super) fn new(
        cluster: &'a Cluster,
        credentials: &'a Credentials,
        pins: Pins,
        bootstrap_not_after: i64,
    ) -> Result<Self, Failure> {
        let uid = credentials.cluster_uid();
        let content = ClusterContent::pinned(cluster, catalog(cluster)?, pins, uid, bootstrap_not_after)?;
        Ok(Self { cluster, credentials, content })
    }

    /// What a person should look at in the user's manifests.
    pub(super) fn questions(&self) -> &[Question] {
        self.content.questions()
    }

    /// Every image that any node will ask for, with the reasons.
    fn images(&self, steps: &Steps) -> Result<ImageList, Failure> {
        let asked = |context: &Context<'_>| {
            let images = NodeContent::new(context)?.images().clone();
            steps.done().map(|()| images)
        };
        let lists: Vec<ImageList> =
            self.cluster.nodes.par_iter().map(|node| self.with_context(node, asked)).collect::<Result<_, _>>()?;
        let mut all = ImageList::new();
        lists.into_iter().for_each(|list| all.merge(list));
        Ok(all)
    }

    /// What one node gets, under the number that its record has.
    pub(super) fn sample(&self, node: &Node, stamp: Stamp) -> Result<Sample, Failure> {
        let reporter = self.reporter(node)?;
        self.with_context(node, |context| {
            let content = content_of(context, reporter.as_ref())?;
            let images = content.images().clone();
            Ok(Sample { role: node.role, tree: content.stamp(stamp)?, images })
        })
    }

    /// Writes every node's payload; nodes that did not change keep theirs byte for byte.
    pub(super) fn write(
        &self,
        target: &Target<'_>,
        generations: &mut Generations,
        now: Timestamp,
    ) -> Result<BTreeMap<String, NodeRecord>, Failure> {
        let Target { console, stop, .. } = *target;
        let preparing = Steps::new(console, "making content of nodes", self.cluster.nodes.len()).until(stop);
        let prepare = |node| {
            let item = self.prepare(node, target, generations)?;
            preparing.done().map(|()| item)
        };
        let items: Vec<Item<'_>> = self.cluster.nodes.par_iter().map(prepare).collect::<Result<_, _>>()?;
        drop(preparing);
        let contents: Vec<_> =
            items.iter().map(|item| (item.node().name.clone(), item.record().content.clone())).collect();
        let numbers = generations.assign(&contents, now);
        let stamp = |node: &Node| {
            let generation = numbers.get(&node.name).copied().unwrap_or_default();
            let rendered_at = generations.rendered_at(generation).unwrap_or(now);
            Stamp { generation, render_time: rendered_at.as_second() }
        };
        write_fetched(&items, target.staging)?;
        let payloads = items.into_iter().map(|item| (stamp(item.node()), item)).collect::<Vec<_>>();
        let writing = Steps::new(console, "writing payloads", payloads.len()).until(stop);
        let write = |(stamp, item)| {
            let record = self.payload(item, stamp, target)?;
            writing.done().map(|()| record)
        };
        payloads.into_par_iter().map(write).collect()
    }

    /// Makes a node's content, unless the former output was made from the same inputs and is what the state knows.
    fn prepare(&self, node: &'a Node, target: &Target<'_>, generations: &Generations) -> Result<Item<'a>, Failure> {
        let (former, reporter) = (target.former(node), self.reporter(node)?);
        self.with_context(node, |context| {
            let inputs = target.inputs(context, reporter.as_ref());
            let same = former.filter(|former| {
                former.inputs == inputs
                    && generations.is_current(&node.name, former.generation, &former.content)
                    && former.fetched.iter().all(|path| target.staging.can_keep(path, FETCHED))
            });
            match same {
                Some(former) => Ok(Item::Same(node, former.clone())),
                None => Ok(Item::Made(Box::new(made(node, context, target, (inputs, reporter))?))),
            }
        })
    }

    fn payload(&self, item: Item<'a>, stamp: Stamp, target: &Target<'_>) -> Result<(String, NodeRecord), Failure> {
        let name = item.node().name.clone();
        let former = target.former(item.node()).filter(|former| item.record().is_payload_of(former, stamp.generation));
        if let Some(former) = former
            && target.staging.keep_all(&target.format.paths(&name), Secrecy::Secret)?
        {
            return Ok((name, NodeRecord { inputs: item.record().inputs.clone(), ..former.clone() }));
        }
        let Made { node, content, record, .. } = match item {
            Item::Made(made) => *made,
            // The former payload was changed or taken away.
            Item::Same(node, former) => {
                let reporter = self.reporter(node)?;
                self.with_context(node, |context| made(node, context, target, (former.inputs, reporter)))?
            }
        };
        for (path, content) in target.format.files(node, &content.stamp(stamp)?) {
            target.staging.write(&path, &content, Secrecy::Secret)?;
        }
        Ok((name, NodeRecord { generation: stamp.generation, ..record }))
    }

    fn reporter(&self, node: &Node) -> Result<Option<Reporter>, Failure> {
        Reporter::of(self.cluster.report_url.as_deref(), self.credentials, &node.name)
    }

    fn with_context<T>(
        &self,
        node: &Node,
        use_context: impl FnOnce(&Context<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let credentials = self.credentials.node(&node.name)?;
        self.content.with_context(node, &credentials, use_context)
    }
}

impl<'a> Target<'a> {
    /// The digest of all that a node's payload is made from.
    fn inputs(&self, context: &Context<'_>, reporter: Option<&Reporter>) -> String {
        let content = HEXLOWER.encode(&context.digest());
        let sealing = self.sealing.map(|sealing| format!("-{}", sealing.fingerprint()));
        let reporter = reporter.map(|reporter| format!("-{}", reporter.sha256()));
        [Some(content), sealing, reporter].into_iter().flatten().collect()
    }

    /// The former record of a node, if the former output is of the same format.
    fn former(&self, node: &Node) -> Option<&'a NodeRecord> {
        let manifest = self.staging.former()?;
        let is_same_format = manifest.ignition_version == self.format.version.to_string();
        manifest.nodes.get(&node.name).filter(|_| is_same_format)
    }
}

impl<'a> Item<'a> {
    fn node(&self) -> &'a Node {
        match self {
            Self::Same(node, _) => node,
            Self::Made(made) => made.node,
        }
    }

    fn record(&self) -> &NodeRecord {
        match self {
            Self::Same(_, record) => record,
            Self::Made(made) => &made.record,
        }
    }
}

/// What a node gets, with the token that its reports carry.
fn content_of(context: &Context<'_>, reporter: Option<&Reporter>) -> Result<NodeContent, Failure> {
    let content = NodeContent::new(context)?;
    Ok(match reporter {
        Some(reporter) => content.report_as(reporter.token()),
        None => content,
    })
}

fn made<'a>(
    node: &'a Node,
    context: &Context<'_>,
    target: &Target<'_>,
    (inputs, reporter): (String, Option<Reporter>),
) -> Result<Made<'a>, Failure> {
    let sealed = |content: NodeContent| match target.sealing {
        Some(sealing) => content.seal(&sealing.seal()),
        None => Ok(content),
    };
    let content = content_of(context, reporter.as_ref())?;
    // What travels is what has to fit.
    let is_too_large = || target.format.is_too_large(node, &sealed(content.clone())?);
    let (content, fetched) = match &target.format.delivery.boot_server {
        Some(url) if content.has_addons() && is_too_large()? => content.split(url)?,
        _ => (content, Vec::new()),
    };
    let content = sealed(content)?;
    let record = NodeRecord {
        role: role(node.role).to_owned(),
        generation: 0,
        content: HEXLOWER.encode(&content.digest()),
        inputs,
        images: content.images().references().map(ToString::to_string).collect(),
        fetched: fetched.iter().map(|file| file.path.clone()).collect(),
        report_token_sha256: reporter.map(|reporter| reporter.sha256().to_owned()),
    };
    Ok(Made { node, content, record, fetched })
}

/// Who reaches the boot server reads these files; none of them is a secret.
const FETCHED: Secrecy = Secrecy::Public;

/// Writes what nodes fetch, each file once: control planes fetch the same.
fn write_fetched(items: &[Item<'_>], staging: &Staging) -> Result<(), Failure> {
    let made = items.iter().filter_map(|item| if let Item::Made(made) = item { Some(&made.fetched) } else { None });
    let contents: BTreeMap<&String, &Vec<u8>> = made.flatten().map(|file| (&file.path, &file.content)).collect();
    let paths: BTreeSet<&String> = items.iter().flat_map(|item| &item.record().fetched).collect();
    for path in paths {
        match contents.get(path) {
            Some(content) => staging.write(path, content, FETCHED)?,
            None => drop(staging.keep(path, FETCHED)?),
        }
    }
    Ok(())
}

/// Every image that a cluster asks for, with the reasons. Keys are drawn for the purpose and thrown away.
pub(crate) fn images(cluster: &Cluster, console: &Console) -> Result<ImageList, Failure> {
    let steps = Steps::new(console, "asking nodes for images", cluster.nodes.len()).until(&stop_on_signals());
    with_scratch_keys(cluster, |rendering| rendering.images(&steps))
}

/// Hands each node's tree to `judge`, several at a time, in the order of the description, with keys that are thrown away. What
/// `prepare` makes of the first control plane's tree is there for all.
pub(crate) fn judge<C: Sync, T: Send>(
    cluster: &Cluster,
    prepare: impl FnOnce(&NodeTree) -> C,
    judge: impl Fn(&NodeTree, &C) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    with_scratch_keys(cluster, |rendering| {
        let tree = |context: &Context<'_>| {
            Ok(NodeContent::new(context)?.stamp(Stamp { generation: 1, render_time: Timestamp::now().as_second() })?)
        };
        let Some(first) = cluster.control_planes().next() else { return Ok(Vec::new()) };
        let common = prepare(&rendering.with_context(first, tree)?);
        let nodes = cluster.nodes.par_iter();
        nodes.map(|node| judge(&rendering.with_context(node, tree)?, &common)).collect()
    })
}

/// A rendering with keys that nobody keeps.
fn with_scratch_keys<T>(
    cluster: &Cluster,
    use_rendering: impl FnOnce(&Rendering<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let now = Timestamp::now();
    let scratch = tempfile::tempdir().map_err(Failure::io("creating a folder in", &std::env::temp_dir()))?;
    let state = State::open(&scratch.path().join("state"), &cluster.name, now)?;
    let mut request = inventory::request(cluster);
    // Nobody sees these keys: the fast ones do, and a thousand RSA keys would take a minute.
    request.policy.algorithm = KeyAlgorithm::EcdsaP256;
    let (state, _) = state.ensure(&request, now)?;
    let credentials = state.credentials();
    use_rendering(&Rendering::new(cluster, &credentials, Pins::none(), 0)?)
}

/// What a person should look at in the user's manifests: likely images, and such as change with time.
pub(crate) fn questions(cluster: &Cluster) -> Result<Vec<Question>, Failure> {
    Ok(ClusterContent::new(cluster, catalog(cluster)?, "", 0)?.questions().to_vec())
}

/// The catalog of a cluster's Kubernetes version.
pub(crate) fn catalog(cluster: &Cluster) -> Result<&'static Catalog, Failure> {
    let minor = (cluster.version.major, cluster.version.minor);
    Catalog::for_version(minor)
        .ok_or_else(|| Failure::Usage(format!("there is no catalog of images for Kubernetes {}", cluster.version)))
}

/// `images.txt`: every image of every node, one a line, sorted.
pub(super) fn image_lines(records: &BTreeMap<String, NodeRecord>) -> String {
    let images: BTreeSet<&String> = records.values().flat_map(|record| &record.images).collect();
    images.into_iter().map(|image| format!("{image}\n")).collect()
}

/// A role as reasons and records name it.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::ControlPlane => "control-plane",
        Role::Etcd => "etcd",
        Role::Worker => "worker",
    }
}
