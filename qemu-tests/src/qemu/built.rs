//! The image that `kfimg build` makes, as a machine gets it from the network: kernel, and an initrd that carries the root.

use super::{Image, hosts};
use crate::command::{command, succeed};
use crate::keyed::{Key, once};
use crate::programs::{Programs, cache};
use crate::{Error, Result};
use fs_err as fs;
use std::path::{Path, PathBuf};

/// The recipe of the base, in the project's folder.
const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../builder/base");

impl Image {
    /// Makes the base and the image that are not in the cache yet; the first time this takes minutes and needs a Debian mirror.
    ///
    /// # Errors
    /// [`Error::Program`] with the words of the recipe or of `kfimg build`.
    pub fn of_kfimg(programs: &Programs) -> Result<Self> {
        let (base, hosts) = (base()?, hosts::layout(programs)?);
        let key = [base.as_path(), hosts.as_path(), programs.kfimg(), programs.agent()];
        let key = key.into_iter().try_fold(Key::default(), Key::file)?;
        let folder = once(&cache(), "kfimg-image", key, |path| {
            let mut build = command(programs.kfimg());
            build
                .arg("build")
                .arg("--base")
                .arg(&base)
                .arg("--bundle")
                .arg(&hosts)
                .arg("--agent")
                .arg(programs.agent());
            succeed(build.args(["--output", "pxe", "-o"]).arg(path)).map(drop)
        })?;
        Self::of_output(&folder)
    }

    /// The output of `kfimg build --output pxe`.
    ///
    /// # Errors
    /// [`Error::Unusable`] when it has no `pxe.yaml` with arguments.
    pub fn of_output(folder: &Path) -> Result<Self> {
        let site = folder.join("pxe.yaml");
        let text = fs::read_to_string(&site)?;
        let arguments: Vec<String> = text.lines().filter_map(argument).collect();
        if arguments.is_empty() {
            return Err(Error::unusable(site.display().to_string(), "it names no arguments of the kernel"));
        }
        Ok(Self {
            kernel: folder.join("vmlinuz"),
            initrd: folder.join("initrd"),
            root: None,
            arguments: arguments.join(" "),
        })
    }

    /// The same image with one bit of its root changed: the superblock's, which is read first of all.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the initrd carries no root.
    pub fn with_a_flipped_bit(&self, target: &Path) -> Result<Self> {
        let mut bytes = fs::read(&self.initrd)?;
        let name = b"kfimg/root.img\0";
        let found = bytes.windows(name.len()).rposition(|window| window == name);
        let found = found.ok_or_else(|| Error::unusable("the initrd", "it carries no root"))?;
        // A header of 110 bytes and the name are filled up to a multiple of four; the header begins at one.
        let start = found - 110;
        let content = start + (110 + name.len()).next_multiple_of(4);
        bytes[content + 100] ^= 1;
        fs::write(target, bytes)?;
        Ok(Self { initrd: target.to_owned(), ..self.clone() })
    }
}

/// `      - "console=ttyS0"`
fn argument(line: &str) -> Option<String> {
    serde_json::from_str(line.trim().strip_prefix("- ")?).ok()
}

fn base() -> Result<PathBuf> {
    let recipe = Path::new(RECIPE);
    let files = ["debian.sh", "initrd.sh", "files/etc/selinux/config"].map(|file| recipe.join(file));
    let key =
        files.iter().try_fold(Key::default(), |key, file| Ok::<_, Error>(key.text(&fs::read_to_string(file)?)))?;
    once(&cache(), "kfimg-base", key, |path| {
        let mut make = command(recipe.join("debian.sh"));
        // It emulates its processors, and boots twice as fast without drivers that nobody has.
        succeed(make.env("KERNEL", "cloud").arg(path)).map(drop)
    })
}
