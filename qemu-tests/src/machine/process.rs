//! The process that a running machine is, as seen from the lab's own machine.
//!
//! A number alone does not name a process for ever: the time of its start stands beside it.

use crate::lab::{read_json, write_json};
use crate::{Error, Result};
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A process of this machine.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    /// When it started, in clock ticks since the machine's start.
    started: u64,
}

/// Fields of `/proc/<pid>/stat` that count here (`proc_pid_stat(5)`).
struct Stat {
    state: char,
    parent: u32,
    started: u64,
}

impl Process {
    /// The running process of that number.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, started: stat(pid)?.started })
    }

    /// Whether it still runs; one that only waits to be collected does not.
    pub(crate) fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started == self.started && !matches!(stat.state, 'Z' | 'X'))
    }

    /// Writes it down.
    pub(crate) fn save(self, path: &Path) -> Result<()> {
        write_json(path, &self)
    }

    /// The one that was written down, if it still runs.
    pub(crate) fn load(path: &Path) -> Option<Self> {
        read_json::<Self>(path).ok().filter(|process| process.is_alive())
    }

    /// The child that is process 1 of another process namespace.
    pub(crate) fn inner_first(self) -> Option<Self> {
        let outer = fs::read_link("/proc/self/ns/pid").ok()?;
        children(self.pid).into_iter().find_map(|pid| {
            let inner = fs::read_link(format!("/proc/{pid}/ns/pid")).ok()?;
            (inner != outer).then(|| Self::of(pid)).flatten()
        })
    }

    /// Ends it as a failing power supply would.
    pub(crate) fn kill(self) -> Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        let number = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        let pid = number.ok_or_else(|| Error::unusable(format!("process {}", self.pid), "is no process"))?;
        match rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(std::io::Error::from(error).into()),
        }
    }
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == parent)).collect()
}
