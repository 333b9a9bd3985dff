//! A program that runs to its end: how long, and how much memory.

use super::high_water;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
