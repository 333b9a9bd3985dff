//! The agent's plan of a node, and the digest that a generation stands for.

use super::{Content, Context, On};
use crate::tree::{NodeTree, TreeError};
use kfimg_agent::plan::{
    Addons, Cluster, DataPartition, Etcd, Image, ManifestInstall, Member, Node, PLAN_PATH, PLAN_VERSION, Plan,
    Preflight, Restore, Role, Snapshot, Window,
};
use kfimg_images::{Cause, ImageList, Reference};
use kfimg_profiles::cluster::{DiskChoice, ETCD_CLIENT_PORT, ETCD_PEER_PORT, GUARD_PORT, https_url};
use kfimg_profiles::description;
use sha2::{Digest, Sha256};

/// Number and time of the render that last changed a node's content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// The number.
    pub generation: u64,
    /// The time in seconds since 1970.
    pub render_time: i64,
}

/// Least memory of a control plane and of other nodes, in bytes: what kubeadm's preflight asks of the first (1700 MiB,
/// `cmd/kubeadm/app/constants`), and room for the kubelet, the runtime and a few pods.
const CONTROL_PLANE_MEMORY: u64 = 1_700 << 20;
const OTHER_MEMORY: u64 = 700 << 20;
/// Least free space of `/var` in bytes: the images of the node's own components and room for logs.
const DATA_BYTES: u64 = 4 << 30;

/// The plan without number and time.
pub(super) fn plan(context: &Context<'_>, content: &Content) -> Plan {
    let Context { cluster, node, .. } = *context;
    let control_plane = node.role == description::Role::ControlPlane;
    Plan {
        version: PLAN_VERSION,
        generation: 0,
        render_time: 0,
        cluster: Cluster {
            name: cluster.name.clone(),
            uid: context.uid.to_owned(),
            incarnation: cluster.etcd.incarnation,
            kubernetes_version: cluster.version.to_string(),
            support_end: Some(context.catalog.support().end.as_second()),
        },
        node: this_node(context),
        certificates: certificates(context),
        time_servers: cluster.time.servers.clone(),
        preflight: preflight(context, content, control_plane),
        images: images(&content.images),
        copies: content.copies.clone(),
        etcd: context.is_etcd_member().then(|| etcd(context)),
        remote_etcd: if control_plane && !context.is_etcd_member() { members(context) } else { Vec::new() },
        api_server_manifest: control_plane.then(super::api_server::install),
        keepalived_manifest: On::VipHolders.includes(context).then(super::keepalived::install),
        addons: control_plane
            .then(|| Addons { kubeconfig: super::kubeconfig::ADMIN_PATH.to_owned(), files: content.addons.clone() }),
        data_partition: data_partition(context),
        report_url: cluster.report_url.clone(),
        fetch: Vec::new(),
        sealed: None,
    }
}

/// SHA-256 over the tree and the plan without number and time.
pub(super) fn digest(tree: &NodeTree, plan: &Plan) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(tree.digest());
    hash.update(text(plan));
    hash.finalize().into()
}

/// Puts the plan into the tree.
pub(super) fn write(tree: &mut NodeTree, plan: Plan, stamp: Stamp) -> Result<(), TreeError> {
    let plan = Plan { generation: stamp.generation, render_time: stamp.render_time, ..plan };
    tree.file(PLAN_PATH, 0o600, text(&plan))
}

fn text(plan: &Plan) -> String {
    let text = serde_json::to_string_pretty(plan).expect("a plan has no maps with keys other than text");
    text + "\n"
}

fn this_node(context: &Context<'_>) -> Node {
    let node = context.node;
    let bond = node.network.bond.iter().flat_map(|bond| &bond.macs);
    Node {
        name: node.name.clone(),
        role: match node.role {
            description::Role::ControlPlane => Role::ControlPlane,
            description::Role::Etcd => Role::Etcd,
            description::Role::Worker => Role::Worker,
        },
        addresses: node.ips().collect(),
        macs: node.mac.iter().chain(bond).map(ToString::to_string).collect(),
        machine_id: super::identity::machine_id(context.uid, &node.name),
    }
}

fn certificates(context: &Context<'_>) -> Window {
    let (not_before, not_after) = super::certificates::window(context.credentials);
    Window { not_before, not_after }
}

fn preflight(context: &Context<'_>, content: &Content, control_plane: bool) -> Preflight {
    Preflight {
        free_ports: content.free_ports.iter().copied().collect(),
        kernel_modules: content.kernel_modules.iter().cloned().collect(),
        sysctls: content.sysctls.clone(),
        memory_bytes: if control_plane { CONTROL_PLANE_MEMORY } else { OTHER_MEMORY },
        data_bytes: DATA_BYTES,
        containerd: "2.0.0".to_owned(),
        require_cgroup_v2: context.cluster.kubelet.fail_cgroup_v1,
    }
}

/// The images of the node's own pods first: without them nothing starts.
fn images(list: &ImageList) -> Vec<Image> {
    let is_own = |reference: &&Reference| {
        list.reasons(reference).iter().any(|reason| matches!(reason.cause, Cause::StaticPod { .. } | Cause::Sandbox))
    };
    let (own, others): (Vec<_>, Vec<_>) = list.references().partition(is_own);
    let image = |reference: &Reference| {
        let digest = reference.digest().map(ToString::to_string);
        Image { reference: reference.to_string(), digest }
    };
    own.into_iter().chain(others).map(image).collect()
}

fn members(context: &Context<'_>) -> Vec<Member> {
    let member = |node: &kfimg_profiles::cluster::Node| Member {
        name: node.name.clone(),
        peer_url: https_url(node.ip(), ETCD_PEER_PORT),
        client_url: https_url(node.ip(), ETCD_CLIENT_PORT),
        guard_url: https_url(node.ip(), GUARD_PORT),
    };
    context.cluster.etcd_members().map(member).collect()
}

fn etcd(context: &Context<'_>) -> Etcd {
    let written = &context.cluster.etcd;
    Etcd {
        members: members(context),
        manifest: super::etcd::install(),
        data_dir: super::etcd::DATA_DIR.to_owned(),
        marker_dir: "/var/lib/kfimg/etcd".to_owned(),
        bootstrap_not_after: context.bootstrap_not_after,
        recover_from: written.recover_from.clone(),
        restore: written.restore.as_ref().map(restore),
        without: written.without.clone(),
        discard: written.discard.clone(),
        snapshot: Snapshot {
            dir: "/var/lib/kfimg/snapshots".to_owned(),
            interval_seconds: written.snapshot_interval.as_secs(),
            retain: written.snapshot_retain,
        },
    }
}

/// The hash as `sha256sum` prints it, however people wrote it.
fn restore(written: &kfimg_profiles::cluster::Restore) -> Restore {
    let sha256 = written.sha256.as_ref().map(|hash| hash.to_ascii_lowercase());
    Restore { node: written.node.clone(), file: written.file.clone(), sha256 }
}

fn data_partition(context: &Context<'_>) -> Option<DataPartition> {
    let disk = context.node.data_disk.as_ref()?;
    let (named, min_disk_bytes, max_disk_bytes) = match &disk.choice {
        DiskChoice::Path(path) => (Some(path.clone()), None, None),
        DiskChoice::Size { min, max } => (None, Some(*min), *max),
    };
    Some(DataPartition {
        label: super::data_disk::LABEL.to_owned(),
        mount_point: super::data_disk::MOUNT_POINT.to_owned(),
        filesystem: super::data_disk::filesystem(disk.filesystem).to_owned(),
        disk: named,
        min_disk_bytes,
        max_disk_bytes,
    })
}

/// A manifest that waits for the agent.
pub(super) fn install(source: &str, destination: &str) -> ManifestInstall {
    ManifestInstall { source: source.to_owned(), destination: destination.to_owned() }
}
