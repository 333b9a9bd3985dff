//! What lasts on a node: the partition mounted at `/var`, and the folders of it that others count on.
//!
//! A disk that the description names is Ignition's to partition, one that it chooses by size the agent's
//! (`kfimg-agent data`), because only the running machine knows its disks. Where there is no Ignition, the agent makes the
//! partition on a named disk too. Both find the partition by its label, make it
//! when it is missing, give it the rest of the disk when there is room, and never wipe it. The file system in it grows
//! by `systemd-growfs`. No file of a payload may lie below `/var`: a disk that the agent chooses is mounted after
//! the payload was applied, and would hide it.

use super::units::Ini;
use super::{Content, ContentError, Context};
use crate::tree::{DataPartition, NodePath, TreeError};
use kfimg_profiles::cluster::{DataDisk, DiskChoice};
use kfimg_profiles::description::Filesystem;

/// GPT name of the partition.
pub(super) const LABEL: &str = "kfimg-data";
/// Where it is mounted.
pub(super) const MOUNT_POINT: &str = "/var";

const MOUNT_UNIT: &str = "var.mount";
const CHOICE_UNIT: &str = "kfimg-data.service";
const CHOICE: &str = include_str!("units/kfimg-data.service");
const GROW_UNIT: &str = "kfimg-grow.service";
/// `/dev/disk/by-partlabel/kfimg-data` as part of a unit's name (`systemd-escape --path`).
const DEVICE_UNIT: &str = r"dev-disk-by\x2dpartlabel-kfimg\x2ddata";
/// Longer than the agent takes to wait for disks and to make a file system; systemd's own patience is 90 s.
const DEVICE_TIMEOUT: &str = "300s";

/// The journal of a large file system on a slow disk is replayed when it is mounted: systemd would end that after 90 s, and the
/// node be without its data.
const MOUNT_TIMEOUT: &str = "15min";

const CNI_UNIT: &str = "opt-cni-bin.mount";
/// Folders that are made at each boot (`tmpfiles.d(5)`).
const FOLDERS: &str = "/etc/tmpfiles.d/kfimg.conf";

/// The name that `mkfs` and `mount` know.
pub(super) fn filesystem(filesystem: Filesystem) -> &'static str {
    match filesystem {
        Filesystem::Ext4 => "ext4",
        Filesystem::Xfs => "xfs",
    }
}

/// Writes the partition, its mount, and the folders.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    if let Some(disk) = &context.node.data_disk {
        write_mount(disk, content)?;
    }
    let mut folders = String::from("d /run/kfimg 0755 root root -\nd /var/lib/kfimg 0700 root root -\n");
    if context.node.is_kubernetes_node() {
        folders += "d /var/lib/kfimg/cni 0755 root root -\n";
        folders += "d /var/lib/kfimg/cni/upper 0755 root root -\nd /var/lib/kfimg/cni/work 0755 root root -\n";
        let unit = cni_mount().finish(CNI_UNIT)?;
        content.tree.unit(CNI_UNIT, &unit, Some("multi-user.target"))?;
    }
    Ok(content.tree.file(FOLDERS, 0o644, folders)?)
}

fn write_mount(disk: &DataDisk, content: &mut Content) -> Result<(), ContentError> {
    let chosen_by_agent = match &disk.choice {
        DiskChoice::Path(path) => {
            content.tree.set_data_partition(DataPartition {
                disk: path.clone(),
                label: LABEL.to_owned(),
                filesystem: filesystem(disk.filesystem),
                mount_point: MOUNT_POINT.to_owned(),
                units: units()?,
            });
            false
        }
        DiskChoice::Size { .. } => true,
    };
    if chosen_by_agent {
        content.tree.unit(CHOICE_UNIT, CHOICE, None)?;
        let (path, text) = patience()?;
        content.tree.file(&path, 0o600, text)?;
    }
    content.tree.unit(GROW_UNIT, include_str!("units/kfimg-grow.service"), None)?;
    let unit = mount(disk, chosen_by_agent).finish(MOUNT_UNIT)?;
    // Wanted, not required: without its data a node must still come up far enough to say so. What needs the data
    // requires the mount itself.
    Ok(content.tree.unit(MOUNT_UNIT, &unit, Some("local-fs.target"))?)
}

/// What a node without Ignition needs to have the agent make the partition on a named disk.
fn units() -> Result<Vec<(NodePath, String)>, ContentError> {
    let mount = format!("/etc/systemd/system/{MOUNT_UNIT}.d/10-kfimg-data.conf");
    let order = Ini::new().section("Unit").key("Requires", CHOICE_UNIT).key("After", CHOICE_UNIT).finish(&mount)?;
    let units = [(format!("/etc/systemd/system/{CHOICE_UNIT}"), CHOICE.to_owned()), (mount, order), patience()?];
    let paths = units.into_iter().map(|(path, text)| Ok((NodePath::new(&path)?, text)));
    Ok(paths.collect::<Result<_, TreeError>>()?)
}

/// A drop-in for the partition's device: its path and its text.
fn patience() -> Result<(String, String), ContentError> {
    let path = format!("/etc/systemd/system/{DEVICE_UNIT}.device.d/10-kfimg.conf");
    let text = Ini::new().section("Unit").key("JobRunningTimeoutSec", DEVICE_TIMEOUT).finish(&path)?;
    Ok((path, text))
}

fn mount(disk: &DataDisk, chosen_by_agent: bool) -> Ini {
    let check = format!("systemd-fsck@{DEVICE_UNIT}.service");
    let choice = chosen_by_agent.then_some(CHOICE_UNIT);
    Ini::new()
        .section("Unit")
        .key("Description", "Data partition of kfimg")
        .optional("Requires", choice)
        .optional("After", choice)
        .key("Requires", &check)
        .key("After", &check)
        .key("Wants", GROW_UNIT)
        .key("Before", "local-fs.target")
        .section("Mount")
        .key("What", format!("/dev/disk/by-partlabel/{LABEL}"))
        .key("Where", MOUNT_POINT)
        .key("Type", filesystem(disk.filesystem))
        .key("Options", "rw,noatime")
        .key("TimeoutSec", MOUNT_TIMEOUT)
}

/// `/opt/cni/bin` is part of a read-only root, but installers of network plug-ins write there. An overlay takes what
/// they write and shows the image's own plug-ins, also those of the next image.
fn cni_mount() -> Ini {
    Ini::new()
        .section("Unit")
        .key("Description", "Network plug-ins: the image's and those that pods install")
        // Its folders are made after local-fs.target, before which mounts come by default.
        .key("DefaultDependencies", "no")
        .key("Conflicts", "umount.target")
        .key("Before", "umount.target containerd.service kubelet.service")
        .key("Requires", "systemd-tmpfiles-setup.service")
        .key("After", "systemd-tmpfiles-setup.service systemd-modules-load.service")
        .key("RequiresMountsFor", "/var/lib/kfimg")
        .section("Mount")
        .key("What", "overlay")
        .key("Where", "/opt/cni/bin")
        .key("Type", "overlay")
        .key(
            "Options",
            "lowerdir=/opt/cni/bin,upperdir=/var/lib/kfimg/cni/upper,workdir=/var/lib/kfimg/cni/work,\
             index=off,metacopy=off,redirect_dir=off",
        )
}
