//! What a kfimg image asks of the agent before its root is there, and to let the next boot need less: `kfimg-agent platform`,
//! `root`, `payload` and `keep`.
//!
//! They are no steps of a node's boot, for they come before there is a plan; `builder`'s units call them, each once a boot. What
//! partitions disks, writes files and makes users is Ignition, and what opens a verified root is systemd.

mod all_in_one;
mod codes;
mod command_line;
mod download;
mod image;
mod payload;
mod platform;

pub(crate) use codes::CODES;

use crate::command;
use crate::failure::Failure;
use crate::root::Root;
use crate::step::tell;
use crate::wait::{Backoff, Deadline};
use command_line::CommandLine;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Bound of one mount; a dying disk may take long.
const MOUNT_TIME: Duration = Duration::from_secs(60);
/// What udev gets to name the disks that are there.
const SETTLE: Duration = Duration::from_secs(30);

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Word {
    /// Find out where Ignition gets its configuration from.
    Platform,
    /// Find the root image.
    Root,
    /// Let Ignition fetch the payload, for ever or within a bound.
    PayloadFetch,
    /// Choose between the payload that came and the one that was kept.
    PayloadChoose,
    /// Keep this boot's payload for the next.
    Keep,
}

impl Word {
    /// From the words of the command line.
    pub(crate) fn parse(words: &[&str]) -> Option<Self> {
        match words {
            ["platform"] => Some(Self::Platform),
            ["root"] => Some(Self::Root),
            ["payload", "fetch"] => Some(Self::PayloadFetch),
            ["payload", "choose"] => Some(Self::PayloadChoose),
            ["keep"] => Some(Self::Keep),
            _ => None,
        }
    }
}

/// Does it.
pub(crate) fn run(root: &Root, word: Word) -> Result<(), Failure> {
    match word {
        Word::Platform => platform::run(root, &CommandLine::read(root)?),
        Word::Root => image::run(root, &CommandLine::read(root)?),
        Word::PayloadFetch => payload::fetch(root, &CommandLine::read(root)?),
        Word::PayloadChoose => payload::choose(root),
        Word::Keep => payload::keep(root),
    }
}

/// A line on the console, where the report does not run yet.
fn say(line: std::fmt::Arguments<'_>) {
    tell(format_args!("[kfimg] {line}"));
}

/// Waits within bounds until udev has named what is there.
fn settle() {
    let time = format!("--timeout={}", SETTLE.as_secs());
    let _ = command::run(Command::new("udevadm").arg("settle").arg(time), SETTLE + Duration::from_secs(5), 4096);
}

/// The first of these paths that is there, or that comes within this time.
fn wait_for_any(paths: &[PathBuf], time: Duration) -> Option<PathBuf> {
    let deadline = Deadline::after(time);
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    loop {
        if let Some(path) = paths.iter().find(|path| path.exists()) {
            return Some(path.clone());
        }
        if deadline.over() {
            return None;
        }
        backoff.pause(deadline);
    }
}

/// A file system that is mounted to be read, and unmounted when this is dropped.
#[derive(Debug)]
struct Mounted(PathBuf);

impl Mounted {
    /// `mount(8)` finds out which file system it is, and loads its module.
    fn read_only(device: &Path, target: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(target).map_err(|error| format!("{}: {error}", target.display()))?;
        let mut mount = Command::new("mount");
        mount.args(["-o", "ro,nosuid,nodev,noexec"]).arg(device).arg(target);
        command::output(&mut mount, MOUNT_TIME, 4096).map_err(|error| error.to_string())?;
        Ok(Self(target.to_owned()))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Leaves it mounted.
    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::empty())
            .or_else(|_| rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH));
    }
}
