//! What the page shows. How it looks is not known here.

use jiff::Timestamp;
use kfimg_ignition::cis::{Kind, State};
use kfimg_profiles::description::{EndpointMode, Role};

/// One render, as people look at it.
#[derive(Debug)]
pub(crate) struct Report {
    /// Name, version, numbers.
    pub(super) cluster: Cluster,
    /// Facts for a first look, each with its name.
    pub(super) facts: Vec<Fact>,
    /// Where the API is reached.
    pub(super) endpoint: Endpoint,
    /// The site's registry, as images name it.
    pub(super) registry: Option<String>,
    /// Machines, each alone or with others of its kind.
    pub(super) groups: Vec<Group>,
    /// Certificates, alike ones together.
    pub(super) certificates: Vec<Certificate>,
    /// What ends, the first one first.
    pub(super) ends: Vec<End>,
    /// Images and who needs them.
    pub(super) images: Vec<Image>,
    /// The benchmark; none where a tree could not be judged.
    pub(super) cis: Option<Cis>,
}

/// Something to know, with its name.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) text: String,
    /// When it ends, and how many days before that it is near.
    pub(super) end: Option<(Timestamp, i64)>,
}

/// Name, version, numbers.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) kubernetes: String,
    pub(super) kfimg: String,
    pub(super) generation: u64,
    /// When the newest payload was rendered first.
    pub(super) rendered: Timestamp,
}

/// Where the API is reached.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) mode: EndpointMode,
    /// `192.168.49.150:6443`.
    pub(super) address: String,
    /// How it works, in a few words.
    pub(super) note: String,
}

/// Machines of one kind: one control plane or member of etcd, or all workers with the same settings.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) role: Role,
    /// In the order in which people count; never empty.
    pub(super) nodes: Vec<Node>,
    pub(super) is_etcd_member: bool,
    /// Labels, taints, disk and the like, each with its name, as far as all of them have it.
    pub(super) settings: Vec<(&'static str, String)>,
    /// What the first of them gets.
    pub(super) files: Vec<File>,
}

/// One machine.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) addresses: Vec<String>,
    /// By what the machine is known: MAC, UUID, serial number.
    pub(super) hardware: Vec<String>,
    /// What it has and others of its group have not.
    pub(super) own: String,
    pub(super) generation: u64,
    /// How large its payload is; what has a limit first.
    pub(super) sizes: Vec<Size>,
}

/// How large a part of a payload is.
#[derive(Clone, Debug)]
pub(super) struct Size {
    /// What brings it to the machine: `VMware guestinfo`.
    pub(super) channel: &'static str,
    /// Name of the part: `guestinfo.userdata`, `ignition.json`.
    pub(super) part: String,
    /// What it takes, in bytes.
    pub(super) bytes: u64,
    /// What its channel takes, in bytes, where it has a limit.
    pub(super) limit: Option<u64>,
}

impl Size {
    /// How much of the limit it takes, rounded up; 0 without a limit.
    pub(super) fn percent(&self) -> u64 {
        self.limit.map_or(0, |limit| (self.bytes * 100).div_ceil(limit.max(1)))
    }
}

/// One file of a node, without its contents.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) kind: FileKind,
    pub(super) mode: u32,
    pub(super) owner: String,
    pub(super) is_secret: bool,
}

/// What lies at a path.
#[derive(Debug)]
pub(super) enum FileKind {
    /// A file of so many bytes.
    File(u64),
    Folder,
    /// A link to somewhere.
    Link(String),
}

/// Certificates of one name with the same window.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) name: String,
    pub(super) is_authority: bool,
    /// Who holds it, for people; empty for who is no node.
    pub(super) holders: String,
    pub(super) count: usize,
    /// Of the first one.
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) names: Vec<String>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

/// Something that ends.
#[derive(Debug)]
pub(super) struct End {
    pub(super) what: String,
    pub(super) when: Timestamp,
    /// How many days before that it is near.
    pub(super) soon: i64,
    pub(super) remedy: &'static str,
    /// Whether it is the version's support.
    pub(super) is_support: bool,
}

/// An image and who needs it.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) reference: String,
    pub(super) reasons: Vec<String>,
    pub(super) nodes: String,
}

/// The benchmark over what the nodes get, without anybody's waivers.
#[derive(Debug)]
pub(super) struct Cis {
    /// The nodes that were judged.
    pub(super) judged: Vec<String>,
    /// How many automated checks came out how, by role.
    pub(super) totals: Vec<(Role, Vec<(State, usize)>)>,
    /// The checks in the order of the benchmark.
    pub(super) rows: Vec<CisRow>,
}

/// One check.
#[derive(Debug)]
pub(super) struct CisRow {
    /// `1.2.15`.
    pub(super) id: &'static str,
    /// What must hold.
    pub(super) title: &'static str,
    /// Whether a program can judge it.
    pub(super) kind: Kind,
    /// The worst of all nodes.
    pub(super) state: State,
    /// What was found on control planes, members of etcd apart, and workers; `None` where there are none.
    pub(super) states: [Option<State>; 3],
    /// What is not as required.
    pub(super) findings: Vec<String>,
}
