//! Which nodes are alike, so that a page of a thousand workers shows a few kinds of them.

use crate::names::natural;
use kfimg_profiles::cluster::{Cluster, DataDisk, DiskChoice, Node, NodeNetwork};
use kfimg_profiles::description::{Architecture, Filesystem, Role, Taint};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Workers are shown as at most so many kinds, whatever somebody labels them with.
const MOST: usize = 12;

/// Names and values.
pub(super) type Settings = Vec<(&'static str, String)>;

/// Nodes that are alike: one control plane or member of etcd, or workers.
#[derive(Debug)]
pub(super) struct Kind<'a> {
    /// In the order in which people count; never empty.
    pub(super) nodes: Vec<&'a Node>,
    /// What all of them have in common.
    pub(super) settings: Settings,
}

impl<'a> Kind<'a> {
    fn new(mut nodes: Vec<&'a Node>) -> Self {
        nodes.sort_by(|one, other| natural(&one.name, &other.name));
        let mut common = nodes.first().map(|node| settings(node)).unwrap_or_default();
        for node in &nodes {
            let own = settings(node);
            common.retain(|setting| own.contains(setting));
        }
        Self { nodes, settings: common }
    }

    /// What one of the nodes has and the others have not.
    pub(super) fn own(&self, node: &Node) -> String {
        let own = settings(node).into_iter().filter(|setting| !self.settings.contains(setting));
        own.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("; ")
    }
}

/// The nodes whose content the page shows: the first of each kind.
pub(crate) fn samples(cluster: &Cluster) -> Vec<&Node> {
    kinds(cluster).into_iter().filter_map(|kind| kind.nodes.into_iter().next()).collect()
}

/// Control planes and members of etcd, each alone, in the order of the description; then kinds of workers.
pub(super) fn kinds(cluster: &Cluster) -> Vec<Kind<'_>> {
    let role = |role| cluster.nodes.iter().filter(move |node| node.role == role);
    let alone = [Role::ControlPlane, Role::Etcd].into_iter().flat_map(role).map(|node| Kind::new(vec![node]));
    alone.chain(workers(&role(Role::Worker).collect::<Vec<_>>())).collect()
}

/// Workers by their settings; by fewer of them where that makes too many kinds.
fn workers<'a>(nodes: &[&'a Node]) -> Vec<Kind<'a>> {
    const SHARPER: [fn(&str) -> bool; 3] = [|_| true, |name| name != "Labels", |name| name == "Processor"];
    let by = |is_counted: fn(&str) -> bool| -> Vec<Vec<&'a Node>> {
        let mut found: BTreeMap<Settings, usize> = BTreeMap::new();
        let mut kinds: Vec<Vec<&Node>> = Vec::new();
        for node in nodes {
            let counted = settings(node).into_iter().filter(|(name, _)| is_counted(name)).collect();
            let index = *found.entry(counted).or_insert(kinds.len());
            match kinds.get_mut(index) {
                Some(kind) => kind.push(node),
                None => kinds.push(vec![node]),
            }
        }
        kinds
    };
    let mut kinds = Vec::new();
    for is_counted in SHARPER {
        kinds = by(is_counted);
        if kinds.len() <= MOST {
            break;
        }
    }
    kinds.into_iter().map(Kind::new).collect()
}

/// What may differ between nodes of a role, apart from who they are.
fn settings(node: &Node) -> Settings {
    let pairs = |map: &BTreeMap<String, String>| {
        map.iter()
            .map(|(key, value)| if value.is_empty() { key.clone() } else { format!("{key}={value}") })
            .collect::<Vec<_>>()
            .join(", ")
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

fn taint(taint: &Taint) -> String {
    let value = if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
    format!("{}{value}:{:?}", taint.key, taint.effect)
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

/// `a, b`.
pub(super) fn joined(items: &[impl Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
