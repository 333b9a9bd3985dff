//! Whether the node's etcd is alive, as the kernel tells: its process, and the lock on its database.
//!
//! The kubelet is not asked: it may be down, and what counts is whether somebody writes to the data.

use super::aside::MEMBER;
use crate::plan;
use crate::root::Root;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{DirEntry, File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Name of the program.
const PROGRAM: &[u8] = b"etcd";

/// The etcd of this node.
#[derive(Clone, Debug)]
pub(crate) struct Etcd {
    /// As its own command line names it.
    named: PathBuf,
    /// As this program finds it.
    data_dir: PathBuf,
}

impl Etcd {
    /// The one that the plan names.
    pub(crate) fn of(root: &Root, etcd: &plan::Etcd) -> Self {
        Self { named: PathBuf::from(&etcd.data_dir), data_dir: root.at(&etcd.data_dir) }
    }

    /// Whether it has its database open, or a process is there that will. In doubt it is.
    pub(crate) fn is_alive(&self) -> bool {
        self.is_locked() || self.has_process()
    }

    /// bbolt holds the lock for as long as it has the file open. The lock is given back at once, and bbolt tries again
    /// when it meets it.
    fn is_locked(&self) -> bool {
        let Ok(database) = File::open(self.data_dir.join(MEMBER).join("snap/db")) else { return false };
        flock(&database, FlockOperation::NonBlockingLockExclusive).is_err()
    }

    fn has_process(&self) -> bool {
        self.processes().map_or(true, |mut processes| processes.next().is_some())
    }

    /// Sends a signal to its processes.
    pub(crate) fn send(&self, signal: Signal) {
        for process in self.processes().into_iter().flatten() {
            let number = process.file_name().to_str().and_then(|name| name.parse().ok());
            // One that has ended meanwhile is what is wanted.
            let _ = number.and_then(Pid::from_raw).map(|process| kill_process(process, signal));
        }
    }

    /// Its processes, as folders of `/proc`. Without a data folder there is none.
    fn processes(&self) -> std::io::Result<impl Iterator<Item = DirEntry>> {
        let data_dir = std::fs::metadata(&self.data_dir).ok();
        let all = data_dir.as_ref().map(|_| std::fs::read_dir("/proc")).transpose()?;
        let is_ours =
            move |entry: &DirEntry| data_dir.as_ref().is_some_and(|folder| self.is_ours(&entry.path(), folder));
        Ok(all.into_iter().flatten().flatten().filter(is_ours))
    }

    /// A pod of somebody else may run an etcd with a folder of the same name; only ours sees the same folder in it.
    fn is_ours(&self, process: &Path, data_dir: &Metadata) -> bool {
        let Ok(command) = std::fs::read(process.join("cmdline")) else { return false };
        if !self.is_named(&command) {
            return false;
        }
        let inside = process.join("root").join(self.named.strip_prefix("/").unwrap_or(&self.named));
        match std::fs::metadata(inside) {
            Ok(seen) => (seen.dev(), seen.ino()) == (data_dir.dev(), data_dir.ino()),
            Err(_) => false,
        }
    }

    fn is_named(&self, command: &[u8]) -> bool {
        let mut words = command.split(|byte| *byte == 0);
        let program = words.next().unwrap_or_default().rsplit(|byte| *byte == b'/').next();
        let folder = self.named.as_os_str().as_bytes();
        let names = |word: &[u8]| word == folder || word.strip_prefix(b"--data-dir=") == Some(folder);
        program == Some(PROGRAM) && words.any(names)
    }
}
