//! What a machine boots, whoever made it.

use std::path::{Path, PathBuf};

/// Paths to what a machine boots.
#[derive(Clone, Debug)]
pub enum Image {
    /// A kernel that QEMU loads as a boot loader does.
    Kernel {
        /// Linux.
        kernel: PathBuf,
        /// The first root, in which Ignition runs.
        initrd: PathBuf,
        /// The root, as EROFS: the machine's first disk. None: the initrd finds it.
        root: Option<PathBuf>,
        /// What the kernel is told of the image.
        arguments: String,
    },
    /// An installed system: a disk of which a machine's own begins as a copy, and its kernel, which QEMU loads as a boot loader does.
    Installed {
        /// Linux.
        kernel: PathBuf,
        /// Its initrd.
        initrd: PathBuf,
        /// The disk, which stays as it is. A machine's disk is as large.
        file: PathBuf,
        /// What the kernel is told.
        arguments: String,
    },
    /// A disk with a boot path for UEFI. A machine's own disk begins as a copy of it, and is as large as the machine's disk is.
    Disk {
        /// Its file, which stays as it is.
        file: PathBuf,
        /// QEMU's name for its format.
        format: &'static str,
    },
    /// A disc with a boot path for UEFI, in a drive beside the machine's blank disk.
    Disc(PathBuf),
    /// What its UEFI gets from the network.
    Network,
}

impl Image {
    /// Whether the machine's own firmware boots it, and shows on a display what it does.
    pub(super) fn is_booted_by_firmware(&self) -> bool {
        matches!(self, Self::Disk { .. } | Self::Disc(_) | Self::Network)
    }

    /// What a machine's own disk begins as, and QEMU's name for its format; none: blank.
    pub(super) fn first_disk(&self) -> Option<(&Path, &'static str)> {
        match self {
            Self::Disk { file, format } => Some((file.as_path(), *format)),
            Self::Installed { file, .. } => Some((file.as_path(), "raw")),
            Self::Kernel { .. } | Self::Disc(_) | Self::Network => None,
        }
    }
}
