//! A machine: hardware that lasts, a system that is put together at every power-on, as a kfimg image does it.
//!
//! The root is an overlay of the image's read-only layers with a fresh upper folder; the payload is applied to it by
//! Ignition at every power-on; `/var` is the disk, and the only thing that lasts. Of a machine with an installed system the upper
//! folder lasts too, and the payload lies on the disk for cloud-init.

mod boot;
mod console;
pub(crate) mod control_groups;
mod disk;
mod keys;
mod power;
pub(crate) mod process;
mod reach;

use crate::Lab;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// File of the hardware, in the machine's folder.
pub(crate) const HARDWARE: &str = "hardware.json";

/// What a person would screw together.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Hardware {
    /// Ethernet address of its only card.
    pub mac: String,
    /// Size of its disk in bytes.
    pub disk_bytes: u64,
    /// Whether the cable is plugged in.
    pub plugged: bool,
    /// What is on its root disk.
    #[serde(default)]
    pub system: System,
}

/// The operating system of a machine, and with it the way in which a payload reaches it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum System {
    /// An image with Ignition in its initrd. The root forgets, and gets the payload at every power-on.
    #[default]
    Image,
    /// A stock Debian with cloud-init. The root lasts, and gets the payload from a seed, once.
    Installed,
}

/// A machine of a lab.
#[derive(Clone, Debug)]
pub struct Machine {
    lab: Lab,
    name: String,
    folder: PathBuf,
    hardware: Hardware,
}

impl Machine {
    pub(crate) fn new(lab: Lab, name: &str, folder: PathBuf, hardware: Hardware) -> Self {
        Self { lab, name: name.to_owned(), folder, hardware }
    }

    /// Its name: the one that its payload will give it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is made of.
    pub fn hardware(&self) -> &Hardware {
        &self.hardware
    }

    /// Where all that belongs to it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the disk is mounted while the machine runs; the machine sees it at `/var`.
    pub fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }

    pub(crate) fn hardware_file(&self) -> PathBuf {
        self.folder.join(HARDWARE)
    }

    /// The assembled root file system, as it lies in this machine's own mounts.
    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Its network namespace.
    fn namespace(&self) -> String {
        format!("kflab-{}-{}", self.lab.id(), self.name)
    }

    /// Name of its wire in the LAN: an interface's name has 15 bytes at most.
    fn wire(&self) -> String {
        self.name.chars().take(15).collect()
    }
}
