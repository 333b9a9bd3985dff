//! What every bootable output is assembled from. It is made once; each output only arranges it.

use kfimg_images::Architecture;
use std::path::PathBuf;

/// What every bootable output is assembled from: files in the build's work folder.
pub struct Parts {
    /// What it runs on.
    pub architecture: Architecture,
    /// `IMAGE_ID` of os-release.
    pub image_id: String,
    /// `IMAGE_VERSION` of os-release.
    pub image_version: String,
    /// The base's vmlinuz.
    pub kernel: PathBuf,
    /// The base's initrd followed by kfimg's own cpio.
    pub initrd: PathBuf,
    /// Squashfs or EROFS image, padded to 4096 bytes.
    pub root: PathBuf,
    /// dm-verity superblock and hash tree (format 1, sha256, 4096/4096 blocks).
    pub verity: PathBuf,
    /// Root hash of that tree, 64 hexadecimal digits.
    pub root_hash: String,
    /// Kernel command line without root hash arguments; the output adds its own.
    pub command_line: String,
    /// The image's os-release.
    pub os_release: Vec<u8>,
    /// systemd-stub of the base (`usr/lib/systemd/boot/efi/linuxx64.efi.stub`).
    pub stub: Option<PathBuf>,
    /// `SOURCE_DATE_EPOCH`: seconds since 1970.
    pub source_date_epoch: u64,
}
