//! A whole machine: firmware, kernel, an initrd in which the real Ignition makes the disk's partition and lays the payload
//! on the root, then the system itself. QEMU emulates its processors, so that no virtualisation is needed.
//!
//! What the other machines of the lab only look like is real here: the kernel with its modules and settings, control
//! groups v2, AppArmor, block devices and file systems, and power cuts that take what was not synced to the disk. It is an
//! order of magnitude slower, and one such machine is enough.

mod built;
mod console;
mod hosts;
mod image;
mod process;
mod shell;

pub use image::Image;
pub use shell::Said;

use crate::command::{command, succeed};
use crate::lan::Lan;
use crate::{Error, Result};
use fs_err as fs;
use process::Process;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a person would screw together.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// Ethernet address of its only card.
    pub mac: String,
    /// Processors.
    pub processors: u8,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Size of its disk in bytes. The disk is `/dev/vdb` where the image is `/dev/vda`, and `/dev/vda` where it is no disk.
    pub disk_bytes: u64,
}

/// How a payload reaches the machine.
#[derive(Clone, Copy, Debug)]
pub enum Delivery<'a> {
    /// In the firmware, where Ignition looks for it.
    Firmware(&'a Path),
    /// As the kernel's arguments say, if they say anything.
    Arguments(&'a str),
}

/// An emulated machine. It loses power when it is dropped.
#[derive(Debug)]
pub struct Machine {
    name: String,
    folder: PathBuf,
    hardware: Hardware,
    image: Image,
    lan: Lan,
    /// What its clock says at power-on, instead of the time.
    clock: Option<String>,
    process: Option<Process>,
}

impl Machine {
    /// Builds a machine with a blank disk in a missing folder, switched off and with its cable plugged in.
    ///
    /// # Errors
    /// Those of `qemu-img` and `ip`.
    pub fn build(name: &str, folder: &Path, image: &Image, hardware: Hardware, lan: &Lan) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let machine = Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            hardware,
            image: image.clone(),
            lan: lan.clone(),
            clock: None,
            process: None,
        };
        machine.blank_disk()?;
        lan.connect_tap(&machine.name)?;
        Ok(machine)
    }

    /// Puts a blank disk in place of the one that is there.
    ///
    /// # Errors
    /// [`Error::On`]; those of `qemu-img`.
    pub fn blank_disk(&self) -> Result<()> {
        if self.process.is_some() {
            return Err(Error::On(self.name.clone()));
        }
        let disk = self.disk_file();
        let size = self.hardware.disk_bytes.to_string();
        succeed(command("qemu-img").args(["create", "-q", "-f", process::DISK_FORMAT]).arg(disk).arg(size)).map(drop)
    }

    /// Switches it on; Ignition finds this payload.
    ///
    /// # Errors
    /// [`Error::On`]; [`Error::Start`] without QEMU.
    pub fn power_on(&mut self, payload: &Path) -> Result<()> {
        self.power_on_with(Delivery::Firmware(payload))
    }

    /// Switches it on; the payload comes so.
    ///
    /// # Errors
    /// As [`Self::power_on`].
    pub fn power_on_with(&mut self, delivery: Delivery<'_>) -> Result<()> {
        if self.process.is_some() {
            return Err(Error::On(self.name.clone()));
        }
        self.process = Some(Process::start(self, delivery)?);
        Ok(())
    }

    /// Puts another image in place of the one that it boots.
    pub fn set_image(&mut self, image: &Image) {
        self.image = image.clone();
    }

    /// Sets the clock on its board, in UTC: `2006-11-21T12:00:00`. It counts from there at every power-on.
    pub fn set_clock(&mut self, moment: &str) {
        self.clock = Some(moment.to_owned());
    }

    /// Takes the power away: what the system had not synced is lost.
    ///
    /// # Errors
    /// [`Error::Io`] when QEMU can't be ended.
    pub fn power_cut(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Runs a command as root, on a console that the payload knows nothing of.
    ///
    /// # Errors
    /// [`Error::Off`] when the machine is off or has switched itself off; [`Error::Late`] when no answer comes.
    pub fn run(&mut self, line: &str, bound: Duration) -> Result<Said> {
        let is_on = self.process.as_mut().is_some_and(Process::is_alive);
        if !is_on {
            return Err(Error::Off(self.name.clone()));
        }
        shell::run(&self.shell_socket(), line, bound)
    }

    /// The last lines that it has shown on its console, over all boots.
    pub fn console(&self, lines: usize) -> String {
        console::end(&self.console_file(), lines)
    }

    fn disk_file(&self) -> PathBuf {
        self.folder.join("disk")
    }

    fn console_file(&self) -> PathBuf {
        self.folder.join("console.log")
    }

    fn shell_socket(&self) -> PathBuf {
        self.folder.join("shell")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.power_cut();
        self.lan.disconnect(&self.name);
    }
}
