//! What every bootable output is assembled from. The parts lie as files in the build's work folder.
//!
//! Nothing is assembled here.

use kfimg_images::Architecture;
use std::path::PathBuf;

/// What every bootable output is assembled from: files in the build's work folder.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The machines that it is for.
    pub architecture: Architecture,
    /// `IMAGE_ID` of the image's `os-release`.
    pub image_id: String,
    /// `IMAGE_VERSION` of the image's `os-release`.
    pub image_version: String,
    /// The base's Linux (`vmlinuz`).
    pub kernel: PathBuf,
    /// The base's initrd followed by kfimg's own cpio archive.
    pub initrd: PathBuf,
    /// A squashfs or EROFS image, padded to 4096 bytes.
    pub root: PathBuf,
    /// The dm-verity superblock and hash tree of `root` (format 1, SHA-256, blocks of 4096 bytes).
    pub verity: PathBuf,
    /// The root hash of `verity`, in hexadecimal digits.
    pub root_hash: String,
    /// The kernel's command line without arguments about the root hash: each output adds its own.
    pub command_line: String,
    /// The image's `os-release`.
    pub os_release: Vec<u8>,
    /// systemd-stub of the base (`usr/lib/systemd/boot/efi/linuxx64.efi.stub`), where it has one.
    pub stub: Option<PathBuf>,
    /// The time of everything in the image, in seconds since 1970.
    pub source_date_epoch: u64,
}
