//! What the values of a description mean together: names, addresses, ranges, versions, roles, windows.
//!
//! The form of a single value was judged when it was decoded; files that the description names are judged by
//! [`crate::resolve`]. One file a topic; each check is stable by its code and says what to write instead.

mod addresses;
mod authentication;
mod components;
mod control_plane;
mod delivery;
mod disks;
mod dns;
mod encryption;
mod endpoint;
mod etcd;
mod extension;
mod gateways;
mod identity;
mod interfaces;
mod kernel;
mod kubelet;
mod labels;
mod machines;
mod manifests;
mod names;
mod networks;
mod objects;
mod pki;
mod ranges;
mod recovery;
mod recovery_notes;
mod registry;
mod reporting;
mod syntax;
mod time;
mod timeouts;
mod unique;
mod users;
mod version;

pub use version::{UpgradeError, check_upgrade};

use crate::description::{Description, Node, Role};
use crate::document::Path;
use crate::problem::Report;
use crate::resolve::nodes::effective;

/// What is checked.
pub(crate) struct Subject<'a> {
    description: &'a Description,
    machines: Vec<Machine<'a>>,
}

/// A node as written and as it is after `nodeDefaults`.
pub(crate) struct Machine<'a> {
    index: usize,
    own: &'a Node,
    node: Node,
}

type Check = fn(&Subject<'_>, &mut Report);

/// All checks, in the order in which people think about a cluster.
const CHECKS: [Check; 33] = [
    identity::check,
    version::check,
    machines::check,
    names::check,
    unique::check,
    addresses::check,
    gateways::check,
    networks::check,
    ranges::check,
    endpoint::check,
    etcd::check,
    recovery::check,
    recovery_notes::check,
    interfaces::check,
    disks::check,
    extension::check,
    labels::check,
    kernel::check,
    control_plane::check,
    timeouts::check,
    authentication::check,
    components::check,
    kubelet::check,
    pki::check,
    registry::check,
    time::check,
    users::check,
    dns::check,
    manifests::check,
    objects::check,
    reporting::check,
    delivery::check,
    components::check_extra_volumes,
];

/// Runs every check.
pub(crate) fn check(description: &Description, report: &mut Report) {
    let machine = |(index, own)| Machine { index, own, node: effective(own, &description.node_defaults) };
    let machines = description.nodes.iter().enumerate().map(machine).collect();
    let subject = Subject { description, machines };
    for check in CHECKS {
        check(&subject, report);
    }
}

impl<'a> Subject<'a> {
    /// `nodeDefaults` and the nodes as written, for what is judged where it stands.
    fn parts(&self) -> impl Iterator<Item = (Path, &'a Node)> {
        let defaults = (Path::root().key("nodeDefaults"), &self.description.node_defaults);
        let nodes = self.description.nodes.iter().enumerate();
        std::iter::once(defaults).chain(nodes.map(|(index, node)| (Path::root().key("nodes").index(index), node)))
    }

    /// The control planes.
    fn control_planes(&self) -> impl Iterator<Item = &Machine<'a>> {
        self.with_role(Role::ControlPlane)
    }

    /// Whether etcd has machines of its own.
    fn has_etcd_nodes(&self) -> bool {
        self.with_role(Role::Etcd).next().is_some()
    }

    /// The members of etcd: the nodes with that role, or the control planes where there are none.
    fn etcd_members(&self) -> impl Iterator<Item = &Machine<'a>> {
        self.with_role(if self.has_etcd_nodes() { Role::Etcd } else { Role::ControlPlane })
    }

    fn with_role(&self, role: Role) -> impl Iterator<Item = &Machine<'a>> {
        self.machines.iter().filter(move |machine| machine.node.role == Some(role))
    }
}

impl Machine<'_> {
    /// The path of a setting of the node: `address`, `network.gateway`.
    fn at(&self, setting: &str) -> Path {
        below(Path::root().key("nodes").index(self.index), setting)
    }

    /// The path of a setting that stands at the node (`is_own`) or in `nodeDefaults`.
    fn at_origin(&self, is_own: bool, setting: &str) -> Path {
        if is_own { self.at(setting) } else { below(Path::root().key("nodeDefaults"), setting) }
    }

    /// The name in quotes, else its place in the list.
    fn shown(&self) -> String {
        self.node.name.as_ref().map_or_else(|| format!("node {}", self.index + 1), |name| format!("`{name}`"))
    }
}

/// `` `a` ``, `` `a` and `b` ``, `` `a` and 4 other nodes ``.
fn and_others(machines: &[&Machine<'_>]) -> String {
    match machines {
        [] => String::new(),
        [one] => one.shown(),
        [one, other] => format!("{} and {}", one.shown(), other.shown()),
        [one, rest @ ..] => format!("{} and {} other nodes", one.shown(), rest.len()),
    }
}

/// `one` for one machine, `many` for more.
fn number<'a>(machines: &[&Machine<'_>], one: &'a str, many: &'a str) -> &'a str {
    if machines.len() == 1 { one } else { many }
}

/// The path of a setting below another one.
fn below(path: Path, setting: &str) -> Path {
    setting.split('.').fold(path, |path, key| path.key(key))
}

/// The path of a setting of the description.
fn at(setting: &str) -> Path {
    below(Path::root(), setting)
}
