//! Programs that are installed, and how much memory each took.

use crate::measure::judge;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The limit of memory for every command, in bytes.
const PEAK: u64 = 64 << 20;

/// What was measured of memory; the rest is printed at once.
#[derive(Default)]
pub(crate) struct Board(RefCell<BTreeMap<String, u64>>);

impl Board {
    /// Keeps the highest peak of each command.
    pub(crate) fn peak(&self, command: &str, bytes: u64) {
        let mut peaks = self.0.borrow_mut();
        let peak = peaks.entry(command.to_owned()).or_default();
        *peak = bytes.max(*peak);
    }

    /// Judges all of them.
    pub(crate) fn peaks(&self) {
        println!("peaks of memory against {} MiB", PEAK >> 20);
        for (command, bytes) in &*self.0.borrow() {
            let took = format!("{} MiB", bytes >> 20);
            // What it was doing is no part of the command.
            let (command, doing) = command.split_at(command.find(" (").unwrap_or(command.len()));
            let what = format!("memory of `{command}`{doing} against {} MiB", PEAK >> 20);
            judge("P23/memory", &what, &took, *bytes as f64 / PEAK as f64);
        }
    }
}

/// A program by its name, where it is installed.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        println!("{name} is not installed: it is left out");
    }
    found
}

/// The agent: the one beside kfimg, or the one that the environment names.
pub(crate) fn agent(kfimg: &Path) -> Option<PathBuf> {
    let beside = kfimg.with_file_name("kfimg-agent");
    let agent = std::env::var_os("KFIMG_BENCH_AGENT").map_or(beside, PathBuf::from);
    let found = agent.is_file();
    if !found {
        println!("{} is not there: what it does is left out", agent.display());
    }
    found.then_some(agent)
}
