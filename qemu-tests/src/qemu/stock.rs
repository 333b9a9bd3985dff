//! A stock Debian as its cloud images are, installed on a disk with nothing of kfimg's, and the system extension that its payload fetches.

use super::{Image, built};
use crate::command::{command, succeed};
use crate::keyed::{Key, once};
use crate::programs::{Programs, cache};
use crate::{Error, Result, rootfs};
use fs_err as fs;
use std::path::{Path, PathBuf};

/// Bytes of its disk, all of which is its root: a machine's own must be as large.
pub const STOCK_DISK: u64 = 12 << 30;
/// What the kernel is told: cloud-init does all the rest.
const ARGUMENTS: &str = "root=/dev/vda rootfstype=ext4 rw";
/// What makes it a machine's own system: a kernel, and an initrd by Debian's own means.
const MACHINE_PACKAGES: &str = "apparmor,e2fsprogs,initramfs-tools,linux-image-cloud-amd64,zstd";
/// What an installer leaves: a system that is no new one to systemd's presets, that asks nobody anything, and has a locale.
const HOOK: &str = r#": >"$1"/etc/machine-id
echo 'locale: C.UTF-8' >"$1"/etc/cloud/cloud.cfg.d/01_lab.cfg
rm -rf "$1"/etc/hostname "$1"/var/lib/dbus/machine-id "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*"#;
/// The extension, and the layer of the description that names it, as `kfimg build` calls them.
const EXTENSION: [&str; 2] = ["kfimg.raw", "sysext.yaml"];

impl Image {
    /// Makes the disk where it is not in the cache yet; the first time this takes minutes and needs a Debian mirror.
    ///
    /// # Errors
    /// Those of `mmdebstrap` and of `mkfs.ext4`.
    pub fn stock() -> Result<Self> {
        let packages = format!("{},{MACHINE_PACKAGES}", rootfs::stock_packages());
        let key = Key::default().text(&packages).text(HOOK).text(rootfs::RELEASE).text(&STOCK_DISK.to_string());
        let folder = once(&cache(), "stock", key, |path| install(&packages, path))?;
        Ok(Self::Installed {
            kernel: folder.join("kernel"),
            initrd: folder.join("initrd"),
            file: folder.join("disk"),
            arguments: ARGUMENTS.to_owned(),
        })
    }
}

/// Writes the disk, and kernel and initrd beside it, to a missing folder.
fn install(packages: &str, folder: &Path) -> Result<()> {
    let (tree, disk) = (folder.join("tree"), folder.join("disk"));
    fs::create_dir_all(folder)?;
    rootfs::bootstrap(packages, [HOOK], &tree)?;
    fs::File::create(&disk)?.set_len(STOCK_DISK)?;
    succeed(command("mkfs.ext4").args(["-q", "-F", "-d"]).arg(&tree).arg(&disk))?;
    for (name, prefix) in [("kernel", "vmlinuz-"), ("initrd", "initrd.img-")] {
        fs::copy(in_boot(&tree, prefix)?, folder.join(name))?;
    }
    Ok(fs::remove_dir_all(&tree)?)
}

/// The only file of `/boot` whose name begins so.
fn in_boot(tree: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(tree.join("boot"))?.collect::<Result<Vec<_>, _>>()?;
    let found = entries.iter().find(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    found.map(fs::DirEntry::path).ok_or_else(|| Error::unusable("the stock system", format!("/boot has no {prefix}*")))
}

/// The system extension with the lab's programs.
#[derive(Clone, Debug)]
pub struct Extension(PathBuf);

impl Extension {
    /// Builds it where it is not in the cache yet.
    ///
    /// # Errors
    /// [`Error::Program`] with the words of `kfimg build`.
    pub fn of(programs: &Programs) -> Result<Self> {
        built::build("kfimg-extension", programs, None, Key::default(), &["--output", "sysext"]).map(Self)
    }

    /// The file itself.
    pub fn file(&self) -> PathBuf {
        self.0.join(EXTENSION[0])
    }

    /// What `kfimg build` wrote for `kfimg render --site`, without its head.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn layer(&self) -> Result<String> {
        let text = fs::read_to_string(self.0.join(EXTENSION[1]))?;
        let is_head = |line: &&str| line.starts_with("apiVersion:") || line.starts_with("kind:");
        Ok(text.lines().filter(|line| !is_head(line)).map(|line| format!("{line}\n")).collect())
    }
}
