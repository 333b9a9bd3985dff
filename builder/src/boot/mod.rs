//! How a kfimg image boots: what the initrd and the root carry for it beside the base's own, and what the kernel is told.
//!
//! `docs/image.md` tells the boot step by step. The programs are systemd, Ignition and the agent; here are only the units that put
//! them in order. Nothing of it knows a node.

/// A file that an image carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BootFile {
    /// Path without a leading `/`.
    pub path: &'static str,
    /// Its permissions.
    pub mode: u32,
    /// Its text.
    pub text: &'static str,
}

/// A symbolic link that an image carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BootLink {
    /// Path without a leading `/`.
    pub path: &'static str,
    /// What it leads to.
    pub target: &'static str,
}

/// Files of the root image.
pub const ROOT_FILES: &[BootFile] = &[
    BootFile {
        path: "usr/lib/systemd/system/kfimg-keep.service",
        mode: 0o644,
        text: include_str!("units/kfimg-keep.service"),
    },
    BootFile {
        path: "usr/lib/systemd/system/kfimg-ssh-key.service",
        mode: 0o644,
        text: include_str!("units/kfimg-ssh-key.service"),
    },
    BootFile {
        path: "etc/ssh/sshd_config.d/05-kfimg.conf",
        mode: 0o644,
        text: "HostKey /var/lib/kfimg/ssh/ssh_host_ed25519_key\n",
    },
    BootFile { path: "usr/lib/systemd/system/var.mount", mode: 0o644, text: include_str!("units/var.mount") },
    // Ignition asks which policy to label files with, wherever it was built to do so; the kernels of Debian and Ubuntu run none.
    BootFile { path: "etc/selinux/config", mode: 0o644, text: "SELINUX=disabled\nSELINUXTYPE=none\n" },
];

/// Links of the root image.
pub const ROOT_LINKS: &[BootLink] = &[
    BootLink {
        path: "usr/lib/systemd/system/multi-user.target.wants/kfimg-keep.service",
        target: "../kfimg-keep.service",
    },
    BootLink {
        path: "usr/lib/systemd/system/ssh.service.wants/kfimg-ssh-key.service",
        target: "../kfimg-ssh-key.service",
    },
    BootLink {
        path: "usr/lib/systemd/system/sshd.service.wants/kfimg-ssh-key.service",
        target: "../kfimg-ssh-key.service",
    },
    BootLink { path: "usr/lib/systemd/system/local-fs.target.wants/var.mount", target: "../var.mount" },
];

/// Folders of the root image on which something is mounted at each boot.
pub const MOUNT_POINTS: &[&str] = &["etc", "home", "opt/cni/bin", "root", "tmp", "var"];

/// What the kernel of every image is told: Ignition applies the payload at every boot.
///
/// [`crate::parts::Parts::command_line`] begins with it. Where the payload comes from is seen by `kfimg-platform.service`, and where
/// the root is, is the output's to say.
pub const COMMAND_LINE: &str = "ignition.firstboot=1";

#[cfg(test)]
mod tests {
    use super::{MOUNT_POINTS, ROOT_FILES, ROOT_LINKS};

    #[test]
    fn paths_are_relative_and_links_lead_to_files_that_are_there() {
        let paths = ROOT_FILES.iter().map(|file| file.path).chain(ROOT_LINKS.iter().map(|link| link.path));
        assert!(paths.chain(MOUNT_POINTS.iter().copied()).all(|path| !path.starts_with('/') && !path.contains("..")));
        for link in ROOT_LINKS {
            let folder = link.path.rsplit_once('/').unwrap().0.rsplit_once('/').unwrap().0;
            let target = link.target.strip_prefix("../").unwrap();
            assert!(ROOT_FILES.iter().any(|file| file.path == format!("{folder}/{target}")), "{}", link.path);
        }
    }
}
