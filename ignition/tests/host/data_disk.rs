//! What lasts on a node.

use crate::is_wanted;
use crate::site::{Site, object, text};
use kfimg_ignition::tree::{DataPartition, NodeTree};
use kfimg_profiles::cluster::DiskChoice;
use kfimg_profiles::description::{Filesystem, Role};

const MOUNT: &str = "/etc/systemd/system/var.mount";
const CHOICE: &str = "/etc/systemd/system/kfimg-data.service";

/// The tree of a control plane whose disk is chosen so.
fn tree(choice: Option<DiskChoice>) -> NodeTree {
    let site = Site::with(|cluster| {
        let disk = &mut cluster.nodes[0].data_disk;
        match (choice, disk.as_mut()) {
            (Some(choice), Some(disk)) => (disk.choice, disk.filesystem) = (choice, Filesystem::Xfs),
            _ => *disk = None,
        }
    });
    site.tree("master1")
}

#[test]
fn a_disk_with_a_path_is_ignitions_to_partition() {
    let tree = tree(Some(DiskChoice::Path("/dev/disk/by-id/x".to_owned())));
    let partition = tree.data_partition().unwrap();
    let expected = DataPartition {
        disk: "/dev/disk/by-id/x".to_owned(),
        label: "kfimg-data".to_owned(),
        filesystem: "xfs",
        mount_point: "/var".to_owned(),
        units: partition.units.clone(),
    };
    assert_eq!(partition, &expected);
    assert!(tree.get(CHOICE).is_none());
    let expected = r"[Unit]
Description=Data partition of kfimg
Requires=systemd-fsck@dev-disk-by\x2dpartlabel-kfimg\x2ddata.service
After=systemd-fsck@dev-disk-by\x2dpartlabel-kfimg\x2ddata.service
Wants=kfimg-grow.service
Before=local-fs.target

[Mount]
What=/dev/disk/by-partlabel/kfimg-data
Where=/var
Type=xfs
Options=rw,noatime
TimeoutSec=15min
";
    assert_eq!(text(&tree, MOUNT), expected);
    assert!(is_wanted(&tree, "var.mount", "local-fs.target"));
}

#[test]
fn without_ignition_the_agent_partitions_a_disk_with_a_path() {
    let tree = tree(Some(DiskChoice::Path("/dev/disk/by-id/x".to_owned())));
    let units = &tree.data_partition().unwrap().units;
    let unit = |path: &str| units.iter().find(|(found, _)| found.as_str() == path).map(|(_, text)| text.as_str());
    assert!(unit(CHOICE).unwrap().contains("\nExecStart=/usr/bin/kfimg-agent data\n"));
    let order = unit("/etc/systemd/system/var.mount.d/10-kfimg-data.conf").unwrap();
    assert_eq!(order, "[Unit]\nRequires=kfimg-data.service\nAfter=kfimg-data.service\n");
    assert!(units.iter().all(|(path, _)| tree.get(path.as_str()).is_none()));
    assert_eq!(object(&tree, "/etc/kfimg/plan.json")["dataPartition"]["disk"], "/dev/disk/by-id/x");
}

#[test]
fn a_disk_chosen_by_size_is_the_agents_to_find() {
    let tree = tree(Some(DiskChoice::Size { min: 1 << 30, max: None }));
    assert_eq!(tree.data_partition(), None);
    assert!(text(&tree, CHOICE).contains("\nExecStart=/usr/bin/kfimg-agent data\n"));
    assert!(text(&tree, MOUNT).contains("\nRequires=kfimg-data.service\nAfter=kfimg-data.service\n"));
    assert_eq!(object(&tree, "/etc/kfimg/plan.json")["dataPartition"]["minDiskBytes"], 1 << 30);
}

#[test]
fn without_a_disk_var_stays_where_it_is() {
    let tree = tree(None);
    assert!(tree.get(MOUNT).is_none() && tree.get(CHOICE).is_none());
    assert!(text(&tree, "/etc/tmpfiles.d/kfimg.conf").contains("d /var/lib/kfimg 0700 root root -\n"));
}

#[test]
fn plug_ins_can_be_installed_where_pods_get_an_address() {
    let site = Site::with(|cluster| cluster.nodes[0].role = Role::Etcd);
    let unit = "opt-cni-bin.mount";
    assert!(is_wanted(&site.tree("worker1"), unit, "multi-user.target"));
    assert!(!is_wanted(&site.tree("master1"), unit, "multi-user.target"));
}

#[test]
fn no_file_of_a_payload_lies_below_var() {
    let site = Site::with(|cluster| cluster.nodes[0].role = Role::Etcd);
    for node in ["master1", "master2", "worker1"] {
        let tree = site.tree(node);
        let hidden: Vec<&str> =
            tree.entries().map(|(path, _)| path.as_str()).filter(|path| path.starts_with("/var/")).collect();
        assert!(hidden.is_empty(), "{node}: a disk that is mounted later would hide {hidden:?}");
    }
}
