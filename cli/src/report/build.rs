//! The model from a cluster and what its render gave.

use super::ends::{day, ends};
use super::kinds::{Kind, joined, kinds};
use super::model::{
    Certificate, Cluster as Head, End, Endpoint, Fact, File, FileKind, Group, Image, Node as Machine, Report,
};
use super::page::{counted, kibibytes};
use super::sizes::{Files, Limits, sizes};
use crate::names::ranges;
use crate::output::Manifest;
use jiff::Timestamp;
use kfimg_ignition::tree::{Entry, NodeTree};
use kfimg_images::ImageList;
use kfimg_pki::Row;
use kfimg_profiles::cluster::{Cluster, Node};
use kfimg_profiles::description::{Cni, EndpointMode, Role};
use std::collections::{BTreeMap, BTreeSet};

/// What a page is made of.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) cluster: &'a Cluster,
    /// Without its list of files.
    pub(crate) manifest: &'a Manifest,
    /// The files of the output by their paths.
    pub(crate) files: &'a Files,
    /// What channels take.
    pub(crate) limits: Limits,
    /// How the secrets of payloads are sealed, in words; none: they are not.
    pub(crate) sealed: Option<&'a str>,
    /// When the newest payload was rendered first.
    pub(crate) rendered: Timestamp,
    /// Every certificate of the cluster.
    pub(crate) certificates: &'a [Row],
    /// What the nodes of [`super::samples`] get, by name.
    pub(crate) samples: BTreeMap<String, Sample>,
}

/// What one node gets.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) role: Role,
    pub(crate) tree: NodeTree,
    pub(crate) images: ImageList,
}

impl Report {
    /// The page of one render.
    pub(crate) fn new(mut inputs: Inputs<'_>) -> Self {
        let (cluster, manifest) = (inputs.cluster, inputs.manifest);
        let certificates = certificates(inputs.certificates);
        let ends = ends(cluster.version, &certificates);
        let images = images(cluster, manifest, &inputs.samples);
        let cis = super::cis::judged(&inputs.samples, inputs.rendered);
        let groups: Vec<Group> = kinds(cluster).iter().map(|kind| group(&mut inputs, kind)).collect();
        Self {
            facts: facts(&inputs, &groups, &ends),
            endpoint: endpoint(cluster),
            registry: cluster.registry.as_ref().map(|registry| registry.place()),
            groups,
            certificates,
            ends,
            images,
            cis,
            cluster: Head {
                name: cluster.name.clone(),
                uid: manifest.cluster_uid.clone(),
                kubernetes: manifest.kubernetes_version.clone(),
                kfimg: manifest.kfimg_version.clone(),
                generation: manifest.generation,
                rendered: inputs.rendered,
            },
        }
    }
}

fn group(inputs: &mut Inputs<'_>, kind: &Kind<'_>) -> Group {
    let first = kind.nodes[0];
    let tree = inputs.samples.remove(&first.name).map(|sample| sample.tree).unwrap_or_default();
    Group {
        role: first.role,
        is_etcd_member: inputs.cluster.is_etcd_member(first),
        settings: kind.settings.clone(),
        files: tree.entries().map(|(path, entry)| file(path.as_str(), entry)).collect(),
        nodes: kind.nodes.iter().map(|node| machine(inputs, node, kind.own(node))).collect(),
    }
}

fn machine(inputs: &Inputs<'_>, node: &Node, own: String) -> Machine {
    let record = inputs.manifest.nodes.get(&node.name);
    let hardware = [
        node.mac.as_ref().map(|mac| format!("MAC {mac}")),
        node.uuid.as_ref().map(|uuid| format!("UUID {uuid}")),
        node.serial.as_ref().map(|serial| format!("serial {serial}")),
    ];
    Machine {
        name: node.name.clone(),
        addresses: node.addresses.iter().map(ToString::to_string).collect(),
        hardware: hardware.into_iter().flatten().collect(),
        own,
        generation: record.map_or(0, |record| record.generation),
        sizes: sizes(inputs.limits, inputs.files, &node.name, record),
    }
}

fn file(path: &str, entry: &Entry) -> File {
    let (kind, mode, owner, is_secret) = match entry {
        Entry::File(file) => {
            (FileKind::File(file.content.len() as u64), file.mode, file.owner.to_string(), file.secret)
        }
        Entry::Directory(folder) => (FileKind::Folder, folder.mode, folder.owner.to_string(), false),
        Entry::Link(link) => (FileKind::Link(link.target.clone()), 0o777, "0:0".to_owned(), false),
    };
    File { path: path.to_owned(), kind, mode, owner, is_secret }
}

fn endpoint(cluster: &Cluster) -> Endpoint {
    let address = cluster.endpoint_url().trim_start_matches("https://").to_owned();
    let note = match cluster.endpoint.mode {
        EndpointMode::Vip => {
            format!("virtual address, held by keepalived (VRRP {})", cluster.endpoint.virtual_router_id)
        }
        EndpointMode::External => "a load balancer that somebody else runs".to_owned(),
        EndpointMode::Node => "the control plane itself, without another address".to_owned(),
    };
    Endpoint { mode: cluster.endpoint.mode, address, note }
}

fn facts(inputs: &Inputs<'_>, groups: &[Group], ends: &[End]) -> Vec<Fact> {
    let cluster = inputs.cluster;
    let networking = &cluster.networking;
    let plugin = if networking.cni == Cni::Flannel { "flannel" } else { "a plug-in of yours" };
    let time = match cluster.time.servers.as_slice() {
        [] => "the machines' own clocks".to_owned(),
        servers => servers.join(", "),
    };
    let registry = cluster.registry.as_ref().map_or_else(
        || "none: nodes ask the upstream ones, or a medium".to_owned(),
        |registry| format!("{}{}", registry.place(), if registry.plain_http { ", without TLS" } else { "" }),
    );
    let fact = |name, text| Some(Fact { name, text, end: None });
    let first = ends.first().map(|end| Fact {
        name: "First end",
        text: format!("{}: {}", day(end.when), end.what),
        end: Some((end.when, end.soon)),
    });
    let facts = [
        fact("API", endpoint(cluster).address),
        fact("etcd", etcd(cluster)),
        fact("Registry", registry),
        fact("Pods", format!("{} by {plugin}", joined(&networking.pod_subnets))),
        fact("Services", format!("{}, {}", joined(&networking.service_subnets), networking.dns_domain)),
        fact("Time", time),
        fact("Secrets in payloads", inputs.sealed.unwrap_or("plain: who reads a payload is that node").to_owned()),
        largest(groups).and_then(|text| fact("Largest payload", text)),
        first,
    ];
    facts.into_iter().flatten().collect()
}

fn etcd(cluster: &Cluster) -> String {
    let incarnation = match cluster.etcd.incarnation {
        1 => String::new(),
        number => format!("; incarnation {number}"),
    };
    match cluster.etcd_members().count() {
        1 => format!("1 member: its disk is the cluster{incarnation}"),
        members => format!("{members} members, go on without {}{incarnation}", (members - 1) / 2),
    }
}

/// The part of a payload that is nearest to its limit.
fn largest(groups: &[Group]) -> Option<String> {
    let all = groups.iter().flat_map(|group| &group.nodes);
    let sizes = all.flat_map(|node| node.sizes.iter().map(move |size| (node, size)));
    let limited = sizes.filter_map(|(node, size)| Some((node, size, size.limit?)));
    let (node, size, limit) = limited.max_by_key(|(_, size, _)| size.percent())?;
    let (bytes, limit, percent) = (kibibytes(size.bytes), kibibytes(limit), size.percent());
    Some(format!("{}: {bytes} of {limit} ({percent} %) by {}", node.name, size.channel))
}

/// Certificates of one name and window together; authorities first.
fn certificates(rows: &[Row]) -> Vec<Certificate> {
    let mut found: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let subject = row.authority.then_some(&row.subject);
        found
            .entry((!row.authority, row.node.is_some(), &row.name, row.not_before, row.not_after, subject))
            .or_default()
            .push(row);
    }
    let alike = found.into_values().map(|rows| {
        let first = rows[0];
        let holders: Vec<&str> = rows.iter().filter_map(|row| row.node.as_deref()).collect();
        Certificate {
            name: first.name.clone(),
            is_authority: first.authority,
            holders: ranges(&holders),
            count: rows.len(),
            subject: first.subject.clone(),
            issuer: first.issuer.clone(),
            names: first.names.clone(),
            not_before: first.not_before,
            not_after: first.not_after,
        }
    });
    alike.collect()
}

/// Images with everything that asks for them, and by how many nodes of which role.
fn images(cluster: &Cluster, manifest: &Manifest, samples: &BTreeMap<String, Sample>) -> Vec<Image> {
    let mut all: BTreeMap<String, (BTreeSet<String>, BTreeMap<Role, usize>)> = BTreeMap::new();
    for node in &cluster.nodes {
        let record = manifest.nodes.get(&node.name);
        for image in record.into_iter().flat_map(|record| &record.images) {
            *all.entry(image.clone()).or_default().1.entry(node.role).or_default() += 1;
        }
    }
    for sample in samples.values() {
        for reference in sample.images.references() {
            let reasons = sample.images.reasons(reference).into_iter().map(|reason| reason.cause.to_string());
            all.entry(reference.to_string()).or_default().0.extend(reasons);
        }
    }
    let image = |(reference, (reasons, roles)): (String, (BTreeSet<String>, BTreeMap<Role, usize>))| {
        let counted = roles.into_iter().map(|(role, count)| counted(role, count)).collect::<Vec<_>>();
        Image { reference, reasons: reasons.into_iter().collect(), nodes: counted.join(", ") }
    };
    all.into_iter().map(image).collect()
}
