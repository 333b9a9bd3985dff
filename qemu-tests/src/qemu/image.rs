//! What a machine boots, whoever made it.

use std::path::PathBuf;

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
