//! The disk of a machine: a sparse file with ext4 in it, mounted as the machine's `/var`.
//!
//! It has a size of its own, so that it can be full, and so that the kubelet judges it and not this machine's disk.

use super::Machine;
use crate::command::{command, succeed};
use crate::wait::{Look, wait_for};
use crate::{Error, Result};
use fs_err as fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The kernel lets go of the last file of a machine that ended in this time.
const RELEASE: Duration = Duration::from_secs(10);

impl Machine {
    /// A disk as it comes from the factory, but for an empty file system.
    pub(crate) fn blank_disk(&self) -> Result<()> {
        fs::create_dir_all(self.disk())?;
        let image = self.disk_image();
        fs::File::create(&image)?.set_len(self.hardware.disk_bytes)?;
        succeed(command("mkfs.ext4").args(["-q", "-F", "-m", "0", "-J", "size=32"]).arg(&image)).map(drop)
    }

    /// Replaces the disk by a blank one, and what is installed by the same fresh from the factory.
    ///
    /// # Errors
    /// [`Error::On`] when the machine runs.
    pub fn wipe(&self) -> Result<()> {
        if self.is_on() {
            return Err(Error::On(self.name.clone()));
        }
        self.detach_disk()?;
        self.forget_root()?;
        fs::remove_file(self.disk_image())?;
        self.blank_disk()
    }

    /// Looks into the disk of a machine that is off: calls `look` with the folder of its content.
    ///
    /// # Errors
    /// [`Error::On`] when the machine runs; the error of `look`.
    pub fn with_disk<T>(&self, look: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        if self.is_on() {
            return Err(Error::On(self.name.clone()));
        }
        self.attach_disk()?;
        let seen = look(&self.disk());
        self.detach_disk()?;
        seen
    }

    /// Keeps a copy of the disk of a machine that is off, beside it.
    ///
    /// # Errors
    /// [`Error::On`] when the machine runs; what `cp` said.
    pub fn keep_disk(&self) -> Result<()> {
        self.copy_disk(&self.disk_image(), &self.kept_image())
    }

    /// Makes the disk of a machine that is off what it was when it was kept.
    ///
    /// # Errors
    /// [`Error::On`] when the machine runs; what `cp` said, as when nothing was kept.
    pub fn restore_disk(&self) -> Result<()> {
        self.copy_disk(&self.kept_image(), &self.disk_image())
    }

    /// The copy is written through, so that whoever measures afterwards has the disk for himself.
    fn copy_disk(&self, source: &Path, target: &Path) -> Result<()> {
        if self.is_on() {
            return Err(Error::On(self.name.clone()));
        }
        self.detach_disk()?;
        succeed(command("cp").args(["--sparse=always", "--reflink=auto"]).args([source, target]))?;
        Ok(fs::File::open(target)?.sync_all()?)
    }

    pub(super) fn attach_disk(&self) -> Result<()> {
        if is_mounted(&self.disk())? {
            return Ok(());
        }
        succeed(command("mount").args(["-o", "loop,noatime"]).arg(self.disk_image()).arg(self.disk())).map(drop)
    }

    /// Unmounts the disk for good: a file system that lives on unseen would be mounted twice at the next boot.
    pub(super) fn detach_disk(&self) -> Result<()> {
        let unmount = || {
            if !is_mounted(&self.disk())? {
                return Ok(Look::Found(()));
            }
            let tried = succeed(command("umount").arg(self.disk()));
            Ok(tried.map_or_else(|error| Look::NotYet(error.to_string()), |_| Look::Found(())))
        };
        wait_for(&format!("{}: its disk at rest", self.name), RELEASE, unmount).map(drop)
    }

    pub(super) fn disk_image(&self) -> PathBuf {
        self.folder.join("disk.img")
    }

    fn kept_image(&self) -> PathBuf {
        self.folder.join("kept.img")
    }
}

/// Whether something is mounted at this path.
pub(super) fn is_mounted(path: &Path) -> Result<bool> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let path = path.to_string_lossy();
    Ok(mounts.lines().any(|line| line.split(' ').nth(1) == Some(path.as_ref())))
}
