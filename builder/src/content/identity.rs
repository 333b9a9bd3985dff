//! What one machine alone may have, and what only the making of the base left: removed from every image.

use crate::tree::{Node, Tree};

/// What is done to a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Removal {
    /// It goes.
    Whole,
    /// What it holds goes, the folder stays.
    Contents,
    /// Files below it go, folders stay: services count on them.
    Files,
}

/// Paths without a leading `/`; a `*` stands for any part of one name.
const REMOVED: &[(&str, Removal)] = &[
    // Identity: two machines that share it are taken for one, or read each other's secrets.
    ("etc/machine-id", Removal::Whole),
    ("var/lib/dbus/machine-id", Removal::Whole),
    ("etc/ssh/ssh_host_*", Removal::Whole),
    ("var/lib/systemd/random-seed", Removal::Whole),
    ("var/lib/systemd/credential.secret", Removal::Whole),
    ("var/lib/random-seed", Removal::Whole),
    ("etc/udev/rules.d/70-persistent-*", Removal::Whole),
    ("var/lib/dhcp/*", Removal::Whole),
    ("var/lib/NetworkManager/*", Removal::Whole),
    ("var/lib/cloud", Removal::Contents),
    ("root/.ssh", Removal::Whole),
    ("root/.*_history", Removal::Whole),
    ("etc/iscsi/initiatorname.iscsi", Removal::Whole),
    ("etc/nvme/host*", Removal::Whole),
    ("etc/hostid", Removal::Whole),
    // Disks of the machine that the base was made on: a boot waits for them, and ends in the emergency shell.
    ("etc/fstab", Removal::Whole),
    ("etc/crypttab", Removal::Whole),
    // Cards of that machine, by their addresses: netplan would set them up beside what the payload says.
    ("etc/netplan", Removal::Contents),
    // The payload brings them.
    ("etc/hostname", Removal::Whole),
    ("etc/resolv.conf", Removal::Whole),
    // What a package manager needs and a read-only system never will.
    ("var/cache", Removal::Files),
    ("var/lib/apt/lists", Removal::Contents),
    ("var/lib/dpkg/*-old", Removal::Whole),
    ("var/lib/dnf", Removal::Contents),
    ("var/log", Removal::Files),
    ("var/backups", Removal::Contents),
    ("var/tmp", Removal::Contents),
    ("etc/.pwd.lock", Removal::Whole),
    ("etc/*-", Removal::Whole),
    ("usr/bin/qemu-*-static", Removal::Whole),
    (".dockerenv", Removal::Whole),
    // Mounted over at boot.
    ("boot", Removal::Contents),
    ("dev", Removal::Contents),
    ("proc", Removal::Contents),
    ("run", Removal::Contents),
    ("sys", Removal::Contents),
    ("tmp", Removal::Contents),
];

/// Folders that the system mounts something on, with their modes.
const MOUNT_POINTS: &[(&str, u32)] = &[
    ("boot", 0o755),
    ("dev", 0o755),
    ("proc", 0o555),
    ("run", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/tmp", 0o1777),
    ("opt/cni/bin", 0o755),
    ("etc/cni/net.d", 0o755),
    ("home", 0o755),
    ("root", 0o700),
];

/// Removes all of it.
pub(crate) fn remove(tree: &mut Tree) {
    for (pattern, removal) in REMOVED {
        for path in matching(tree, pattern) {
            match removal {
                Removal::Whole => tree.remove(&path),
                Removal::Contents => tree.empty(&path),
                Removal::Files => tree.empty_where(&path, |node| !node.is_folder()),
            }
        }
    }
}

/// Makes the folders that something is mounted on. A link in such a place, such as `/var/run`, stays.
pub(crate) fn make_mount_points(tree: &mut Tree) -> Result<(), crate::Error> {
    for (path, mode) in MOUNT_POINTS {
        if tree.get(path).is_none() {
            tree.insert(path, Node::folder(*mode)).map_err(crate::Error::tree(path))?;
        }
    }
    Ok(())
}

fn matching(tree: &Tree, pattern: &str) -> Vec<String> {
    let Some((folder, name)) = pattern.rsplit_once('/').or(Some(("", pattern))).filter(|(_, name)| name.contains('*'))
    else {
        return tree.get(pattern).map(|_| pattern.to_owned()).into_iter().collect();
    };
    let (before, after) = name.split_once('*').unwrap_or((name, ""));
    let fits = |path: &str| {
        let name = crate::tree::name(path);
        name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
    };
    tree.children(folder).filter(|(path, _)| fits(path)).map(|(path, _)| path.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{make_mount_points, remove};
    use crate::tree::{Node, Tree};

    #[test]
    fn no_image_has_the_identity_of_a_machine() {
        let mut tree = Tree::default();
        let goes = [
            "etc/machine-id",
            "etc/ssh/ssh_host_ed25519_key",
            "etc/passwd-",
            "etc/hostid",
            "etc/fstab",
            "etc/crypttab",
            "etc/netplan/50-cloud-init.yaml",
            "var/lib/systemd/random-seed",
            "var/log/apt/term.log",
            "var/cache/ldconfig/aux-cache",
            "dev/null",
            "boot/vmlinuz-6.1",
            "root/.bash_history",
        ];
        let stays = ["etc/ssh/sshd_config", "etc/passwd", "etc/machine-info", "usr/bin/ls", "root/.bashrc"];
        goes.iter().chain(&stays).for_each(|path| tree.insert(path, Node::file(0o644, "")).unwrap());
        remove(&mut tree);
        make_mount_points(&mut tree).unwrap();
        goes.iter().for_each(|path| assert!(tree.get(path).is_none(), "{path}"));
        stays.iter().for_each(|path| assert!(tree.get(path).is_some(), "{path}"));
        assert!(tree.get("var/log/apt").is_some(), "services count on folders of logs");
        assert_eq!(tree.get("tmp").unwrap().mode, 0o1777);
    }
}
