//! `--all-in-one`: one drive with the payloads of all machines, and the warning that belongs to it.
//!
//! What lies on the drive is crate `ignition`'s; which secrets that gives away is said here.

use super::super::description::plural;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{PayloadFile, Secrecy, Staging};
use kfimg_ignition::delivery::cards;
use kfimg_ignition::payload::{AllInOne, Machine};
use kfimg_profiles::cluster::{Cluster, Node};
use kfimg_profiles::description::Role;
use std::path::Path;

/// The drive's place in the output.
pub(super) const FILE: &str = "all-in-one.img";

/// Refuses a cluster whose machines can't be told from each other.
pub(super) fn check(cluster: &Cluster, console: &Console) -> Result<(), Failure> {
    let nameless: Vec<&Node> = cluster.nodes.iter().filter(|node| cards(node).next().is_none()).collect();
    for node in &nameless {
        console
            .error(&format!("{}: --all-in-one knows machines by their Ethernet addresses; write its `mac`", node.name));
    }
    match nameless.len() {
        0 => Ok(()),
        count => Err(Failure::Description {
            summary: format!("{} without `mac`; nothing was written", plural(count, "node")),
            missing_input: false,
        }),
    }
}

/// Writes the drive from the payloads that were just written.
pub(super) fn write(cluster: &Cluster, staging: &Staging) -> Result<(), Failure> {
    let files = staging.files();
    let path = |node: &str| PayloadFile::Ignition.path(node);
    let machine = |node: &Node| {
        let record = files.get(&path(&node.name)).expect("with --all-in-one every node has an Ignition configuration");
        let cards = cards(node).map(|card| card.to_ascii_lowercase()).collect();
        Machine { node: node.name.clone(), cards, size: record.size, digest: record.sha256.clone() }
    };
    let machines: Vec<Machine> = cluster.nodes.iter().map(machine).collect();
    let drive = AllInOne::new(&cluster.name, &machines).map_err(|error| Failure::TooLarge {
        summary: format!("{error}; render an inventory of fewer machines for each drive; nothing was written"),
    })?;
    let read = |node: &str| staging.read(&path(node));
    Ok(staging.write_with(FILE, Secrecy::Secret, |out| drive.write(out, read))?)
}

/// Says what the drive gives away.
pub(super) fn warn(cluster: &Cluster, output: &Path, is_sealed: bool, console: &Console) {
    console.warn(&warning(cluster, &output.join(FILE), is_sealed));
}

/// Which secrets are on the drive, who can take them, and what to do.
fn warning(cluster: &Cluster, path: &Path, is_sealed: bool) -> String {
    let (path, machines) = (path.display(), plural(cluster.nodes.len(), "machine"));
    if is_sealed {
        return format!(
            "{path} carries the payloads of all {machines}. Their secrets are sealed, and one key opens all of them: whoever has \
             this drive and that key has every node. Keep the two apart"
        );
    }
    let secrets = secrets(cluster).join("; ");
    format!(
        "{path} carries the secrets of all {machines}: {secrets}. Whoever holds it, or a copy of it, rules the cluster; and so does \
         whoever is root on any machine that it is attached to. Give it to nobody who may not have all of that, detach it after the \
         first boot, and erase every copy; or seal the payloads (--seal), or give each machine its own drive (--channel config-drive)"
    )
}

fn secrets(cluster: &Cluster) -> Vec<String> {
    let count = |role: Role| cluster.nodes.iter().filter(|node| node.role == role).count();
    let authority = if cluster.pki.ca_key_on_nodes { "the key of the cluster's authority, " } else { "" };
    let registry = cluster.registry.as_ref().is_some_and(|registry| registry.credentials.is_some());
    let of = |count: usize, what: &str, keys: String| (count > 0).then(|| format!("of {} {keys}", plural(count, what)));
    let control_plane = format!(
        "{authority}the service-account key, the encryption keys, an administrator's kubeconfig, the keys of API server, \
         controller-manager, scheduler and front proxy"
    );
    let members = cluster.nodes.iter().filter(|node| cluster.is_etcd_member(node)).count();
    [
        of(count(Role::ControlPlane), "control plane", control_plane),
        of(members, "etcd member", "the server, peer and client keys".to_owned()),
        of(
            cluster.nodes.iter().filter(|node| node.is_kubernetes_node()).count(),
            "node",
            "the kubelet's keys".to_owned(),
        ),
        registry.then(|| "the registry's password".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{secrets, warning};
    use kfimg_profiles::cluster::Cluster;
    use std::path::Path;

    #[test]
    fn the_warning_names_every_kind_of_secret_and_what_to_do() {
        let cluster = Cluster::fake();
        let text = warning(&cluster, Path::new("out/all-in-one.img"), false);
        for part in [
            "out/all-in-one.img carries the secrets of all ",
            "the key of the cluster's authority",
            "the service-account key",
            "the encryption keys",
            "an administrator's kubeconfig",
            "etcd members the server, peer and client keys",
            "the kubelet's keys",
            "root on any machine that it is attached to",
            "erase every copy",
            "--seal",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let sealed = warning(&cluster, Path::new("out/all-in-one.img"), true);
        assert!(sealed.contains("one key opens all of them") && !sealed.contains("service-account"), "{sealed}");
    }

    #[test]
    fn a_key_that_no_node_carries_is_not_named() {
        let mut cluster = Cluster::fake();
        cluster.pki.ca_key_on_nodes = false;
        assert!(!secrets(&cluster).join(";").contains("authority"));
        cluster.nodes.retain(|node| !node.is_kubernetes_node());
        assert!(!secrets(&cluster).join(";").contains("kubelet"));
    }
}
