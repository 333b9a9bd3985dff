//! The image that `kfimg build` makes, in every form that the lab can boot.

use super::process::KERNEL;
use super::{Image, hosts};
use crate::command::{command, succeed};
use crate::keyed::{Key, once};
use crate::programs::{Programs, cache};
use crate::{Error, Result};
use fs_err as fs;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The recipes of the base, and of what writes an EROFS root, in the project's folder.
const RECIPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../builder/base");
/// Bytes in front of the root on a disk: alignment, and the EFI system partition (`builder`, `disk`).
const ROOT_ON_DISK: u64 = (1 + 512) << 20;

/// A folder that `kfimg build` wrote.
#[derive(Clone, Debug)]
pub struct Built(PathBuf);

impl Built {
    /// The one at this path, whoever had it written.
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Makes the base, and the image with the control plane's images of this bundle, where they are not in the cache yet; the first
    /// time this takes minutes and needs a Debian mirror.
    ///
    /// # Errors
    /// [`Error::Program`] with the words of the recipe or of `kfimg build`.
    pub fn of(programs: &Programs, images: &Path) -> Result<Self> {
        let index = fs::read_to_string(images.join("index.json"))?;
        let options = ["--append", KERNEL, "--preload", "control-plane", "--output", "pxe,qcow2,iso,ova"];
        build("kfimg-image", programs, Some(images), Key::default().text(&index), &options).map(Self)
    }

    /// The same for what comes before the first container: small, and without any images, so that it needs no cluster.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn without_images(programs: &Programs) -> Result<Self> {
        let options = ["--append", KERNEL, "--output", "pxe,qcow2"];
        build("kfimg-image-alone", programs, None, Key::default(), &options).map(Self)
    }

    /// As [`Self::without_images`], for the network alone; its initrd fetches the root from below this URL.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn with_root_at(programs: &Programs, url: &str) -> Result<Self> {
        let options = ["--append", KERNEL, "--output", "pxe", "--root-url", url];
        build("kfimg-image-fetched", programs, None, Key::default(), &options).map(Self)
    }

    /// As [`Self::without_images`], for the network alone; its root is an EROFS.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn with_erofs(programs: &Programs) -> Result<Self> {
        let options = ["--append", KERNEL, "--output", "pxe", "--root", "erofs"];
        build("kfimg-image-erofs", programs, None, Key::default(), &options).map(Self)
    }

    /// The root, where it is a file of its own.
    pub fn root(&self) -> PathBuf {
        self.0.join("root.img")
    }

    /// As a machine gets it from the network: a kernel, and an initrd that carries the root.
    ///
    /// # Errors
    /// [`Error::Unusable`] when its `pxe.yaml` names no arguments.
    pub fn network(&self) -> Result<Image> {
        let site = self.0.join("pxe.yaml");
        let text = fs::read_to_string(&site)?;
        let arguments: Vec<String> = text.lines().filter_map(argument).collect();
        if arguments.is_empty() {
            return Err(Error::unusable(site.display().to_string(), "it names no arguments of the kernel"));
        }
        let (kernel, initrd) = (self.0.join("vmlinuz"), self.0.join("initrd"));
        Ok(Image::Kernel { kernel, initrd, root: None, arguments: arguments.join(" ") })
    }

    /// As a disk.
    pub fn disk(&self) -> Image {
        Image::Disk { file: self.0.join("disk.qcow2"), format: "qcow2" }
    }

    /// As a disc.
    pub fn disc(&self) -> Image {
        Image::Disc(self.0.join("live.iso"))
    }

    /// The disk of the appliance, unpacked into an empty or missing folder.
    ///
    /// # Errors
    /// Those of `tar`; [`Error::Unusable`] when the appliance has no disk.
    pub fn appliance(&self, folder: &Path) -> Result<Image> {
        fs::create_dir_all(folder)?;
        succeed(command("tar").arg("-C").arg(folder).arg("-xf").arg(self.0.join("appliance.ova")))?;
        for entry in fs::read_dir(folder)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "vmdk") {
                return Ok(Image::Disk { file, format: "vmdk" });
            }
        }
        Err(Error::unusable("appliance.ova", "it has no disk"))
    }

    /// What [`Self::root`] names with one bit changed, written to this file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn copy_root_with_a_flipped_bit(&self, target: &Path) -> Result<()> {
        fs::copy(self.root(), target)?;
        flip(&File::options().read(true).write(true).open(target)?, 0)
    }

    /// The disk with one bit of its root changed, written to this file.
    ///
    /// # Errors
    /// Those of `qemu-img`; [`Error::Io`].
    pub fn disk_with_a_flipped_bit(&self, target: &Path) -> Result<Image> {
        let mut convert = command("qemu-img");
        convert.args(["convert", "-f", "qcow2", "-O", "raw"]).arg(self.0.join("disk.qcow2")).arg(target);
        succeed(&mut convert)?;
        flip(&File::options().read(true).write(true).open(target)?, ROOT_ON_DISK)?;
        Ok(Image::Disk { file: target.to_owned(), format: "raw" })
    }

    /// What [`Self::network`] gives with one bit of its root changed, which is written to this file.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the initrd carries no root.
    pub fn network_with_a_flipped_bit(&self, target: &Path) -> Result<Image> {
        let initrd = self.0.join("initrd");
        let bytes = fs::read(&initrd)?;
        let name = b"kfimg/root.img\0";
        let found = bytes.windows(name.len()).rposition(|window| window == name);
        let found = found.ok_or_else(|| Error::unusable("the initrd", "it carries no root"))?;
        // A header of 110 bytes and the name are filled up to a multiple of four; the header begins at one.
        let start = found - 110;
        let content = start + (110 + name.len()).next_multiple_of(4);
        fs::write(target, bytes)?;
        flip(&File::options().read(true).write(true).open(target)?, content as u64)?;
        match self.network()? {
            Image::Kernel { kernel, root, arguments, .. } => {
                Ok(Image::Kernel { kernel, initrd: target.to_owned(), root, arguments })
            }
            other => Ok(other),
        }
    }
}

/// Has `kfimg build` make what is not in the cache yet, from the lab's programs and the images of this bundle. Gives its folder.
pub(super) fn build(
    name: &str,
    programs: &Programs,
    images: Option<&Path>,
    key: Key,
    options: &[&str],
) -> Result<PathBuf> {
    let base = base()?;
    let key = options.iter().fold(hosts::key(programs, key)?, |key, option| key.text(option));
    let key = [base.as_path(), programs.kfimg(), programs.agent()].into_iter().try_fold(key, Key::file)?;
    once(&cache(), name, key, |path| {
        let bundle = path.with_extension("bundle");
        hosts::write(programs, images, &bundle)?;
        let mut build = command(programs.kfimg());
        build.env("PATH", with_erofs_utils()?);
        build.arg("build").arg("--base").arg(&base).arg("--bundle").arg(&bundle);
        let built = succeed(build.arg("--agent").arg(programs.agent()).args(options).arg("-o").arg(path));
        fs::remove_dir_all(&bundle)?;
        built.map(drop)
    })
}

/// Where programs are looked for: those that write an EROFS root first, for Debian 12's are too old.
fn with_erofs_utils() -> Result<String> {
    let recipe = Path::new(RECIPES).join("erofs-utils.sh");
    let tools = once(&cache(), "erofs-utils", Key::default().text(&fs::read_to_string(&recipe)?), |path| {
        succeed(command(&recipe).arg(path)).map(drop)
    })?;
    Ok(format!("{}:{}", tools.join("bin").display(), std::env::var("PATH").unwrap_or_default()))
}

/// Changes a bit of the root that begins there: of its superblock, which is read first of all.
fn flip(file: &File, root: u64) -> Result<()> {
    let mut byte = [0];
    file.read_exact_at(&mut byte, root + 100)?;
    Ok(file.write_all_at(&[byte[0] ^ 1], root + 100)?)
}

/// `      - "console=ttyS0"`
fn argument(line: &str) -> Option<String> {
    serde_json::from_str(line.trim().strip_prefix("- ")?).ok()
}

/// The base, made where it is not in the cache yet.
pub(super) fn base() -> Result<PathBuf> {
    let recipe = Path::new(RECIPES);
    let files = ["debian.sh", "initrd.sh", "files/etc/selinux/config"].map(|file| recipe.join(file));
    let key =
        files.iter().try_fold(Key::default(), |key, file| Ok::<_, Error>(key.text(&fs::read_to_string(file)?)))?;
    once(&cache(), "kfimg-base", key, |path| {
        let mut make = command(recipe.join("debian.sh"));
        // It emulates its processors, and boots twice as fast without drivers that nobody has.
        succeed(make.env("KERNEL", "cloud").arg(path)).map(drop)
    })
}
