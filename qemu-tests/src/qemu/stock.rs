//! A stock Debian, installed on a disk with nothing of kfimg's, and the system extension that its payload fetches.

use super::{Image, built, hosts};
use crate::command::{command, succeed};
use crate::keyed::{Key, once};
use crate::programs::{Programs, cache};
use crate::{Error, Result};
use fs_err as fs;
use std::path::{Path, PathBuf};

/// Bytes of its disk, all of which is its root: a machine's own must be as large.
pub const STOCK_DISK: u64 = 12 << 30;
/// What the kernel is told: cloud-init does all the rest.
const ARGUMENTS: &str = "root=/dev/vda rootfstype=ext4 rw";
/// What an installer leaves beside the base: a system that is no new one to systemd's presets and asks nobody anything, and a locale
/// that is there.
const LEFT: [(&str, &str); 2] = [("etc/machine-id", ""), ("etc/cloud/cloud.cfg.d/01_lab.cfg", "locale: C.UTF-8\n")];
/// The extension, and the layer of the description that names it, as `kfimg build` calls them.
const EXTENSION: [&str; 2] = ["kfimg.raw", "sysext.yaml"];

impl Image {
    /// Makes the disk where it is not in the cache yet: the base that images are built on, as an installer would leave it.
    ///
    /// # Errors
    /// Those of making the base, of `tar` and of `mkfs.ext4`.
    pub fn stock() -> Result<Self> {
        let base = built::base()?;
        let key = Key::default().file(&base)?.text(&STOCK_DISK.to_string());
        let key = LEFT.iter().fold(key, |key, (path, text)| key.text(path).text(text));
        let folder = once(&cache(), "stock", key, |path| install(&base, path))?;
        Ok(Self::Installed {
            kernel: folder.join("kernel"),
            initrd: folder.join("initrd"),
            file: folder.join("disk"),
            arguments: ARGUMENTS.to_owned(),
        })
    }
}

/// Writes the disk, and kernel and initrd beside it, to a missing folder.
fn install(base: &Path, folder: &Path) -> Result<()> {
    let (tree, disk) = (folder.join("tree"), folder.join("disk"));
    fs::create_dir_all(&tree)?;
    succeed(command("tar").args(["--numeric-owner", "-xpf"]).arg(base).arg("-C").arg(&tree))?;
    for (path, text) in LEFT {
        fs::write(tree.join(path), text)?;
    }
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
    found.map(fs::DirEntry::path).ok_or_else(|| Error::unusable("the base", format!("its /boot has no {prefix}*")))
}

/// The system extension with the lab's programs.
#[derive(Clone, Debug)]
pub struct Extension(PathBuf);

impl Extension {
    /// Builds it where it is not in the cache yet; of the bundle, a folder, only what every bundle has is used.
    ///
    /// # Errors
    /// [`Error::Program`] with the words of `kfimg build`.
    pub fn of(programs: &Programs, images: &Path) -> Result<Self> {
        let base = built::base()?;
        let key = [base.as_path(), programs.kfimg(), programs.agent()];
        let key = key.into_iter().try_fold(hosts::key(programs)?, Key::file)?;
        let folder = once(&cache(), "kfimg-extension", key, |path| {
            let bundle = path.with_extension("bundle");
            hosts::write(programs, images, &bundle)?;
            let mut build = command(programs.kfimg());
            build.arg("build").arg("--base").arg(&base).arg("--bundle").arg(&bundle);
            let built =
                succeed(build.arg("--agent").arg(programs.agent()).args(["--output", "sysext", "-o"]).arg(path));
            fs::remove_dir_all(&bundle)?;
            built.map(drop)
        })?;
        Ok(Self(folder))
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
