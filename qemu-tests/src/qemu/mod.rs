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
mod screen;
mod shell;
mod stand_in;
mod stock;
mod unified;
mod watch;
mod workplace;

pub use built::Built;
pub use image::Image;
pub use shell::Said;
pub use stock::{Extension, STOCK_DISK};
pub use watch::wait_for_api;
pub use workplace::Workplace;

use crate::command::{command, succeed};
use crate::lan::Lan;
use crate::{Error, Result};
use fs_err as fs;
use process::Process;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a machine is asked when something went wrong, and how long it may take, where it answers at all: it is slow, and this is the last thing
/// that it does.
const STATE: &str = "systemctl list-jobs --no-pager; systemctl --failed --no-pager; uptime; free -m; df -h /var; \
                     cat /run/kfimg/boot.json; echo; crictl ps --all; tail -n 40 /var/log/pods/*/*/*.log; \
                     journalctl --boot --no-pager --lines 1500 --output short-monotonic";
const ALIVE: Duration = Duration::from_secs(20);
const STATE_BOUND: Duration = Duration::from_secs(180);
/// Lines of the console that a failure shows.
const SHOWN: usize = 60;

/// Who makes disk and card of a machine, which drivers of the initrd have to find.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Make {
    /// Those that are made for emulation.
    #[default]
    Virtio,
    /// Those of VMware's appliances: PVSCSI and VMXNET3. The disk is `/dev/sda`, and the firmware is given the kernel on it.
    Vmware,
}

/// What a person would screw together.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// Whose disk and card it has.
    pub make: Make,
    /// Ethernet address of its only card.
    pub mac: String,
    /// Processors.
    pub processors: u8,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Size of its disk in bytes, which is that of the image where this is a disk of an installed system. The disk is `/dev/vdb` where the stand-in's root is `/dev/vda`, and else `/dev/vda`.
    pub disk_bytes: u64,
}

impl Hardware {
    /// A machine with two processors, 4 GiB of memory, this card and this disk.
    pub fn new(mac: &str, disk_bytes: u64) -> Self {
        Self { make: Make::Virtio, mac: mac.to_owned(), processors: 2, memory_mib: 4096, disk_bytes }
    }
}

/// How a payload reaches the machine.
#[derive(Clone, Copy, Debug)]
pub enum Delivery<'a> {
    /// In the firmware, where Ignition looks for it.
    Firmware(&'a Path),
    /// On a drive that is attached, an image of it.
    Drive(&'a Path),
    /// As these arguments of the kernel say, where the image is a kernel's.
    Arguments(&'a str),
    /// Not at all.
    Nothing,
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
    /// A medium in it, an image of it.
    medium: Option<PathBuf>,
    process: Option<Process>,
    /// Bytes that its console had shown when it was switched on last.
    shown_before: u64,
}

impl Machine {
    /// Builds a machine with a new disk in a missing folder, switched off and with its cable plugged in.
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
            medium: None,
            process: None,
            shown_before: 0,
        };
        machine.new_disk()?;
        lan.connect_tap(&machine.name)?;
        Ok(machine)
    }

    /// Puts another disk in place of the one that is there: a blank one, or a copy of the image where that is a disk.
    ///
    /// # Errors
    /// [`Error::On`]; those of `qemu-img` and `mcopy`.
    pub fn new_disk(&self) -> Result<()> {
        let image = self.image.first_disk();
        self.make_disk(&self.disk_file(), image, self.hardware.disk_bytes)?;
        match image {
            Some((disk, format)) if self.hardware.make == Make::Vmware => {
                unified::copy(disk, format, &self.unified_kernel())
            }
            _ => Ok(()),
        }
    }

    /// Puts a second disk into it, blank and of this size: `/dev/vdb` where its own is `/dev/vda`.
    ///
    /// # Errors
    /// [`Error::On`]; those of `qemu-img`.
    pub fn add_disk(&self, bytes: u64) -> Result<()> {
        self.make_disk(&self.second_disk_file(), None, bytes)
    }

    /// Makes a disk that begins as a copy of this file, with QEMU's name for its format, or blank.
    fn make_disk(&self, disk: &Path, original: Option<(&Path, &str)>, bytes: u64) -> Result<()> {
        if self.process.is_some() {
            return Err(Error::On(self.name.clone()));
        }
        let mut create = command("qemu-img");
        create.args(["create", "-q", "-f", process::DISK_FORMAT]);
        if let Some((file, format)) = original {
            create.arg("-b").arg(file).args(["-F", format]);
        }
        succeed(create.arg(disk).arg(bytes.to_string())).map(drop)
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
        self.shown_before = fs::metadata(self.console_file()).map_or(0, |file| file.len());
        self.process = Some(Process::start(self, delivery)?);
        Ok(())
    }

    /// Sets the clock on its board, in UTC: `2006-11-21T12:00:00`. It counts from there at every power-on.
    pub fn set_clock(&mut self, moment: &str) {
        self.clock = Some(moment.to_owned());
    }

    /// Plugs in this medium, an image of it, which it may only read; none is unplugged. At its next power-on it is there.
    pub fn plug_medium(&mut self, image: Option<&Path>) {
        self.medium = image.map(Path::to_owned);
    }

    /// Takes the power away: what the system had not synced is lost. What its display showed last is kept as a picture, where it
    /// has one.
    ///
    /// # Errors
    /// [`Error::Io`] when QEMU can't be ended.
    pub fn power_cut(&mut self) -> Result<()> {
        if self.image.is_booted_by_firmware() && self.process.as_mut().is_some_and(Process::is_alive) {
            // A machine that is in no state to be drawn loses its power all the same.
            let _ = screen::take(&self.monitor_socket(), &self.folder.join("screen.png"));
        }
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

    /// Does this with it. Where that fails the error has the end of the console, and what the machine can tell of itself is kept beside
    /// it.
    ///
    /// # Errors
    /// What the act says.
    pub fn play(&mut self, act: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        act(self).map_err(|error| {
            // A machine that does not answer has its console, which is kept in any case.
            if self.run("true", ALIVE).is_ok()
                && let Ok(said) = self.run(STATE, STATE_BOUND)
            {
                let _ = fs::write(self.folder.join("state.log"), said.text);
            }
            Error::unusable(error.to_string(), format!("the end of its console was:\n{}", self.console(SHOWN)))
        })
    }

    /// The last lines that it has shown on its console, over all boots.
    pub fn console(&self, lines: usize) -> String {
        console::end(&self.console_file(), lines)
    }

    fn disk_file(&self) -> PathBuf {
        self.folder.join("disk")
    }

    fn second_disk_file(&self) -> PathBuf {
        self.folder.join("second-disk")
    }

    /// What its firmware remembers.
    fn settings_file(&self) -> PathBuf {
        self.folder.join("firmware")
    }

    /// The disk's, where the firmware has no driver for it.
    fn unified_kernel(&self) -> PathBuf {
        self.folder.join("kernel.efi")
    }

    fn console_file(&self) -> PathBuf {
        self.folder.join("console.log")
    }

    fn shell_socket(&self) -> PathBuf {
        self.folder.join("shell")
    }

    fn monitor_socket(&self) -> PathBuf {
        self.folder.join("monitor")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.power_cut();
        self.lan.disconnect(&self.name);
    }
}
