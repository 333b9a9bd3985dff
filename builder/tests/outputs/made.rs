//! Parts that look like a machine template's, made in a moment: content that compresses half, a hash tree by veritysetup,
//! systemd-stub as Debian brings it.

use crate::program::{empty_folder, program, succeed};
use kfimg_builder::output::Medium;
use kfimg_builder::parts::Parts;
use kfimg_builder::uki;
use kfimg_images::Architecture;
use std::fs;
use std::path::{Path, PathBuf};

/// What the tests' stub is for.
const ARCHITECTURE: Architecture =
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::Amd64 };
/// The release that the made kernel tells.
pub(crate) const RELEASE: &str = "6.12.0-kfimg";
/// Bytes of the root: not a whole number of grains.
const ROOT: usize = 6 * 1024 * 1024 + 4096;

/// Bytes that compress about half, the same for the same seed.
pub(crate) fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length + 64);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
        bytes.extend(b"kubelet ");
    }
    bytes.truncate(length);
    bytes
}

/// Parts in a folder of their own.
pub(crate) struct Made {
    pub(crate) folder: PathBuf,
    pub(crate) parts: Parts,
}

impl Made {
    pub(crate) fn new(name: &str) -> Self {
        let folder = empty_folder(name);
        let place = |file: &str| folder.join(file);
        fs::write(place("vmlinuz"), kernel()).unwrap();
        fs::write(place("initrd"), content(3, 700_001)).unwrap();
        let mut root = content(5, ROOT);
        // Longer than a grain: it has to be left out.
        root[1 << 20..(1 << 20) + 300_000].fill(0);
        fs::write(place("root.img"), root).unwrap();
        let root_hash = verity(&place("root.img"), &place("root.verity"));
        let parts = Parts {
            architecture: ARCHITECTURE,
            image_id: "kfimg".into(),
            image_version: "1.36.3-1".into(),
            kernel: place("vmlinuz"),
            initrd: place("initrd"),
            root: place("root.img"),
            verity: place("root.verity"),
            root_hash,
            command_line: "quiet console=ttyS0".into(),
            os_release: b"ID=debian\nIMAGE_ID=kfimg\nIMAGE_VERSION=1.36.3-1\n".to_vec(),
            stub: Some(Path::new("/").join(uki::stub_place(ARCHITECTURE))),
            source_date_epoch: 1_700_000_000,
        };
        Self { folder, parts }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A key that signs, and its certificate. Certificates of all have one subject: what tells them apart is the key.
    pub(crate) fn key(&self, name: &str) -> [PathBuf; 2] {
        let [key, certificate] = ["key", "crt"].map(|kind| self.path(&format!("{name}.{kind}")));
        let mut openssl = program("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=db", "-keyout"]);
        succeed(openssl.arg(&key).arg("-out").arg(&certificate));
        [key, certificate]
    }

    /// The unified kernel image for a medium.
    pub(crate) fn kernel_image(&self, medium: Medium) -> PathBuf {
        let path = self.path(if medium == Medium::Disk { "disk.efi" } else { "iso.efi" });
        uki::write(&self.parts, medium, None, &path).unwrap();
        path
    }
}

/// As far as anybody looks into it: a UEFI program, with the release where x86 kernels have it.
fn kernel() -> Vec<u8> {
    let mut kernel = content(7, 400_123);
    kernel[..2].copy_from_slice(b"MZ");
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x20e..0x210].copy_from_slice(&0x400_u16.to_le_bytes());
    let text = format!("{RELEASE} (debian)\0");
    kernel[0x600..0x600 + text.len()].copy_from_slice(text.as_bytes());
    kernel
}

/// Writes the hash tree of a root; its root hash.
fn verity(root: &Path, tree: &Path) -> String {
    let mut command = program("veritysetup");
    command.args(["format", "--salt=-", "--uuid=00000000-0000-0000-0000-000000000001"]).args([root, tree]);
    let said = succeed(&mut command);
    let line = said.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap();
    line.trim().to_owned()
}
