//! Switching off: in order, or by the plug.

use super::Machine;
use super::control_groups::Hierarchies;
use super::process::Process;
use crate::command::ip;
use crate::wait::{Look, wait_for};
use crate::{Error, Result};
use fs_err as fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Longest orderly shutdown: the kubelet's own grace period is a minute.
const ORDERLY: Duration = Duration::from_secs(150);
/// The kernel ends all processes of a machine in this time.
const SUDDEN: Duration = Duration::from_secs(30);

impl Machine {
    pub(super) fn process_file(&self) -> PathBuf {
        self.folder.join("process.json")
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.process().is_some()
    }

    /// When it got power; none while it is off.
    pub fn on_since(&self) -> Option<SystemTime> {
        self.process()?;
        std::fs::metadata(self.process_file()).ok()?.modified().ok()
    }

    fn process(&self) -> Option<Process> {
        Process::load(&self.process_file())
    }

    /// Process 1 of the machine.
    pub(super) fn init(&self) -> Result<Process> {
        self.process().and_then(Process::inner_first).ok_or_else(|| Error::Off(self.name.clone()))
    }

    /// Presses the power button and waits until it is off.
    ///
    /// # Errors
    /// [`Error::Late`] when it does not end within two and a half minutes.
    pub fn power_off(&self) -> Result<()> {
        if !self.is_on() {
            return Ok(());
        }
        // The button is logind's, so that the kubelet hears of it. The connection ends with the machine.
        let _ = self.exec(&["systemctl", "poweroff"]);
        self.wait_until_off(ORDERLY)
    }

    /// Takes the power away, and waits until all its processes are gone.
    ///
    /// # Errors
    /// [`Error::Late`] when the kernel keeps a process.
    pub fn power_cut(&self) -> Result<()> {
        let Some(process) = self.process() else { return Ok(()) };
        // No packet leaves a machine that has no power.
        let _ = self.lab.lan().set_wire(&self.wire(), false);
        if let Ok(init) = self.init() {
            init.kill()?;
        } else {
            process.kill()?;
        }
        self.wait_until_off(SUDDEN).or_else(|_| {
            process.kill()?;
            self.wait_until_off(SUDDEN)
        })
    }

    fn wait_until_off(&self, bound: Duration) -> Result<()> {
        let what = format!("{}: the end of its last process", self.name);
        wait_for(&what, bound, || Ok(Look::when(!self.is_on(), (), || "still running".to_owned())))?;
        self.unmount_root();
        self.detach_disk()
    }

    /// Takes it apart: nothing of it is left, but its folder with the console's log.
    ///
    /// # Errors
    /// [`Error::Late`] when a process does not end; [`Error::Io`] when the disk can't be removed.
    pub fn remove(&self) -> Result<()> {
        self.power_cut()?;
        Hierarchies::of_this_machine()?.end(self.lab.id(), &self.name)?;
        self.unmount_root();
        self.detach_disk()?;
        self.unplug_medium()?;
        let _ = ip(["netns", "del", &self.namespace()]);
        self.lab.lan().disconnect(&self.wire());
        Hierarchies::of_this_machine()?.remove(self.lab.id(), &self.name);
        if self.disk_image().exists() {
            fs::remove_file(self.disk_image())?;
        }
        for folder in ["disk", "upper", "work", "root"] {
            let folder = self.folder.join(folder);
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
        }
        Ok(())
    }
}
