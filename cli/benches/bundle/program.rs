//! Runs programs, and keeps how much memory each took.

use crate::measure::{at_most, high_water};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
            let what = format!("memory of `{command}` against {} MiB", PEAK >> 20);
            at_most("P23", &what, &took, *bytes as f64 / PEAK as f64, 1.0);
        }
    }
}

/// What a program took.
pub(crate) struct Took {
    pub(crate) time: Duration,
    /// The most memory that was resident at a time, in bytes.
    pub(crate) peak: u64,
}

/// Runs a program to its end, which must be good.
pub(crate) fn run(command: &mut Command) -> Took {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} can be started: {error}"));
    let mut peak = 0;
    loop {
        if let Some(result) = child.try_wait().expect("the child can be waited for") {
            assert!(result.success(), "{command:?} failed: {result}");
            return Took { time: begun.elapsed(), peak };
        }
        peak = peak.max(high_water(child.id()));
        std::thread::sleep(Duration::from_millis(1));
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
