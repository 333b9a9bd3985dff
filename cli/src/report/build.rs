//! The model from a cluster and what its render gave.

use super::model::{
    Certificate, Cluster as Head, End, Endpoint, File, FileKind, Group, Image, Node as Machine, Report, Size,
};
use super::support;
use crate::names::{natural, ranges};
use crate::output::{FileRecord, Manifest, NodeRecord};
use jiff::Timestamp;
use kfimg_ignition::tree::{Entry, NodeTree};
use kfimg_images::ImageList;
use kfimg_pki::Row;
use kfimg_profiles::cluster::{Cluster, DataDisk, DiskChoice, Node, NodeNetwork};
use kfimg_profiles::description::{Architecture, Cni, EndpointMode, Filesystem, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// Parts of a payload without a limit are told from so many bytes on.
const TOLD: u64 = 4096;

/// What a page is made of.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) cluster: &'a Cluster,
    /// Without its list of files.
    pub(crate) manifest: &'a Manifest,
    /// The files of the output by their paths.
    pub(crate) files: &'a BTreeMap<String, FileRecord>,
    /// When the newest payload was rendered first.
    pub(crate) rendered: Timestamp,
    /// Every certificate of the cluster.
    pub(crate) certificates: &'a [Row],
    /// What the nodes of [`samples`] get, by name.
    pub(crate) samples: BTreeMap<String, Sample>,
}

/// What one node gets.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) role: Role,
    pub(crate) tree: NodeTree,
    pub(crate) images: ImageList,
}

/// The nodes whose content the page shows: every control plane and member of etcd, and the first of each kind of worker.
pub(crate) fn samples(cluster: &Cluster) -> Vec<&Node> {
    kinds(cluster).into_iter().filter_map(|nodes| nodes.into_iter().next()).collect()
}

/// Names and values.
type Settings = Vec<(&'static str, String)>;

/// Control planes and members of etcd, each alone, in the order of the description; then workers by their settings.
fn kinds(cluster: &Cluster) -> Vec<Vec<&Node>> {
    let role = |role| cluster.nodes.iter().filter(move |node| node.role == role);
    let mut kinds: Vec<Vec<&Node>> =
        [Role::ControlPlane, Role::Etcd].into_iter().flat_map(role).map(|node| vec![node]).collect();
    let mut found: BTreeMap<Settings, usize> = BTreeMap::new();
    for node in role(Role::Worker) {
        let index = *found.entry(settings(node)).or_insert(kinds.len());
        match kinds.get_mut(index) {
            Some(nodes) => nodes.push(node),
            None => kinds.push(vec![node]),
        }
    }
    kinds.iter_mut().for_each(|nodes| nodes.sort_by(|one, other| natural(&one.name, &other.name)));
    kinds
}

/// What may differ between nodes of a role, apart from who they are.
fn settings(node: &Node) -> Settings {
    let pairs = |map: &BTreeMap<String, String>| {
        map.iter()
            .map(|(key, value)| if value.is_empty() { key.clone() } else { format!("{key}={value}") })
            .collect::<Vec<_>>()
            .join(", ")
    };
    let taint = |taint: &kfimg_profiles::description::Taint| {
        let value = if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
        format!("{}{value}:{:?}", taint.key, taint.effect)
    };
    let architecture = match node.architecture {
        Architecture::Amd64 => "amd64",
        Architecture::Arm64 => "arm64",
    };
    let settings = [
        ("Labels", pairs(&node.labels)),
        ("Taints", node.taints.iter().map(taint).collect::<Vec<_>>().join(", ")),
        ("Processor", architecture.to_owned()),
        ("Network", network(&node.network)),
        ("Data disk", node.data_disk.as_ref().map_or_else(|| "none: /var lies on the root".to_owned(), disk)),
        ("Kernel settings", pairs(&node.sysctls)),
        ("Kernel modules", node.kernel_modules.join(", ")),
    ];
    settings.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn network(network: &NodeNetwork) -> String {
    let mut parts = vec![network.address_interface()];
    parts.extend(network.bond.as_ref().map(|_| "bond".to_owned()));
    parts.extend(network.dhcp.then(|| "DHCP".to_owned()));
    parts.extend(network.mtu.map(|mtu| format!("MTU {mtu}")));
    parts.extend((!network.gateways.is_empty()).then(|| format!("gateway {}", joined(&network.gateways))));
    parts.extend((!network.nameservers.is_empty()).then(|| format!("DNS {}", joined(&network.nameservers))));
    parts.join(", ")
}

fn disk(disk: &DataDisk) -> String {
    let gibibytes = |bytes: u64| format!("{} GiB", bytes >> 30);
    let filesystem = match disk.filesystem {
        Filesystem::Ext4 => "ext4",
        Filesystem::Xfs => "XFS",
    };
    match &disk.choice {
        DiskChoice::Path(path) => format!("{path}, {filesystem}"),
        DiskChoice::Size { min, max: None } => format!("the blank one of at least {}, {filesystem}", gibibytes(*min)),
        DiskChoice::Size { min, max: Some(max) } => {
            format!("the blank one of {} to {}, {filesystem}", gibibytes(*min), gibibytes(*max))
        }
    }
}

fn joined(items: &[impl Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Report {
    /// The page of one render.
    pub(crate) fn new(mut inputs: Inputs<'_>) -> Self {
        let (cluster, manifest) = (inputs.cluster, inputs.manifest);
        let certificates = certificates(inputs.certificates);
        let ends = ends(cluster, &certificates);
        let images = images(cluster, manifest, &inputs.samples);
        let cis = super::cis::judged(&inputs.samples, inputs.rendered);
        let files = inputs.files;
        let group = |nodes: Vec<&Node>| group(cluster, (manifest, files), &mut inputs.samples, &nodes);
        let groups: Vec<Group> = kinds(cluster).into_iter().map(group).collect();
        Self {
            facts: facts(cluster, &groups, &ends),
            endpoint: endpoint(cluster),
            registry: cluster.registry.as_ref().map(|registry| registry.authority()),
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

fn group(
    cluster: &Cluster,
    (manifest, files): (&Manifest, &BTreeMap<String, FileRecord>),
    samples: &mut BTreeMap<String, Sample>,
    nodes: &[&Node],
) -> Group {
    let first = nodes[0];
    let tree = samples.remove(&first.name).map(|sample| sample.tree).unwrap_or_default();
    Group {
        role: first.role,
        is_etcd_member: cluster.is_etcd_member(first),
        settings: settings(first),
        files: tree.entries().map(|(path, entry)| file(path.as_str(), entry)).collect(),
        nodes: nodes
            .iter()
            .map(|node| machine(node, manifest.nodes.get(&node.name), sizes(cluster, files, &node.name)))
            .collect(),
    }
}

fn machine(node: &Node, record: Option<&NodeRecord>, sizes: Vec<Size>) -> Machine {
    let hardware = [
        node.mac.as_ref().map(|mac| format!("MAC {mac}")),
        node.uuid.as_ref().map(|uuid| format!("UUID {uuid}")),
        node.serial.as_ref().map(|serial| format!("serial {serial}")),
    ];
    Machine {
        name: node.name.clone(),
        addresses: node.addresses.iter().map(ToString::to_string).collect(),
        hardware: hardware.into_iter().flatten().collect(),
        generation: record.map_or(0, |record| record.generation),
        sizes,
    }
}

/// The parts of a node's payload with their sizes; those with a limit first, the fullest before the others.
fn sizes(cluster: &Cluster, files: &BTreeMap<String, FileRecord>, node: &str) -> Vec<Size> {
    let below = |folder: String| {
        let parts = files.range(folder.clone()..).take_while(move |(path, _)| path.starts_with(&folder));
        parts.filter_map(|(path, record)| Some((path.rsplit_once('/')?.1, record.size)))
    };
    let delivery = &cluster.delivery;
    let values = below(format!("vmware/{node}/")).map(|(part, bytes)| (part, bytes, Some(delivery.guestinfo_limit)));
    let others = below(format!("nodes/{node}/")).map(|(part, bytes)| {
        let is_limited = matches!(part, "ignition.json" | "user-data");
        (part, bytes, delivery.user_data_limit.filter(|_| is_limited))
    });
    let mut sizes: Vec<Size> = values
        .chain(others)
        .filter(|(_, bytes, limit)| limit.is_some() || *bytes >= TOLD)
        .map(|(part, bytes, limit)| Size { part: part.to_owned(), bytes, limit })
        .collect();
    sizes.sort_by_key(|size| (size.limit.is_none(), std::cmp::Reverse(size.percent())));
    sizes
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

fn facts(cluster: &Cluster, groups: &[Group], ends: &[End]) -> Settings {
    let members = cluster.etcd_members().count();
    let etcd = match members {
        1 => "1 member: its disk is the cluster".to_owned(),
        members => format!(
            "{members} members, one life ({}) that bears the loss of {}",
            cluster.etcd.incarnation,
            (members - 1) / 2
        ),
    };
    let networking = &cluster.networking;
    let plugin = if networking.cni == Cni::Flannel { "flannel" } else { "a plug-in of yours" };
    let all = groups.iter().flat_map(|group| &group.nodes);
    let limited = all.flat_map(|node| node.sizes.iter().map(move |size| (node, size)));
    let largest = limited.filter(|(_, size)| size.limit.is_some()).max_by_key(|(_, size)| size.percent());
    let payload = largest.map(|(node, size)| format!("{} % of {} ({})", size.percent(), size.part, node.name));
    let time = match cluster.time.servers.as_slice() {
        [] => "the machines' own clocks".to_owned(),
        servers => servers.join(", "),
    };
    let first = ends.first().map(|end| format!("{}: {}", end.when.strftime("%Y-%m-%d"), end.what));
    let registry = cluster.registry.as_ref().map_or_else(
        || "none: nodes ask the upstream ones, or a medium".to_owned(),
        |registry| format!("{}{}", registry.authority(), if registry.plain_http { ", without TLS" } else { "" }),
    );
    [
        ("API", Some(endpoint(cluster).address)),
        ("etcd", Some(etcd)),
        ("Pods", Some(format!("{} by {plugin}", joined(&networking.pod_subnets)))),
        ("Services", Some(format!("{}, {}", joined(&networking.service_subnets), networking.dns_domain))),
        ("Registry", Some(registry)),
        ("Time", Some(time)),
        ("Largest payload", payload),
        ("First end", first),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.map(|value| (name, value)))
    .collect()
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

/// What ends and when: the version's support, the first certificates of each day, authorities.
fn ends(cluster: &Cluster, certificates: &[Certificate]) -> Vec<End> {
    let minor = format!("{}.{}", cluster.version.major, cluster.version.minor);
    let support = support::end(cluster.version).map(|when| End {
        what: format!("the Kubernetes project's support of {minor}"),
        when,
        remedy: "render the next minor version, boot the nodes one after the other",
    });
    let mut ends: Vec<End> = support.into_iter().collect();
    let mut leaves: BTreeMap<String, (Timestamp, usize)> = BTreeMap::new();
    for certificate in certificates {
        if certificate.is_authority {
            let what = format!("the authority {}", certificate.name);
            ends.push(End {
                what,
                when: certificate.not_after,
                remedy: "no certificate outlasts it: plan a successor",
            });
            continue;
        }
        let day = certificate.not_after.strftime("%Y-%m-%d").to_string();
        let (first, count) = leaves.entry(day).or_insert((certificate.not_after, 0));
        *first = (*first).min(certificate.not_after);
        *count += certificate.count;
    }
    ends.extend(leaves.into_values().map(|(when, count)| End {
        what: if count == 1 { "1 certificate".to_owned() } else { format!("{count} certificates") },
        when,
        remedy: "kfimg pki renew, kfimg render, boot the nodes one after the other",
    }));
    ends.sort_by(|one, other| (one.when, &one.what).cmp(&(other.when, &other.what)));
    ends
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
        let counted = roles.into_iter().map(|(role, count)| super::page::counted(role, count)).collect::<Vec<_>>();
        Image { reference, reasons: reasons.into_iter().collect(), nodes: counted.join(", ") }
    };
    all.into_iter().map(image).collect()
}
