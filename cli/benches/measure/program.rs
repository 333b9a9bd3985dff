//! A program that runs to its end: how long, and how much memory.

use super::high_water;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a program took.
pub(crate) struct Took {
    pub(crate) time: Duration,
    /// The most memory that was resident at a time, in bytes.
    pub(crate) peak: u64,
}

/// How often the memory of a program that runs is looked at: seldom enough to take no time from it.
const LOOK: Duration = Duration::from_millis(5);

/// Runs a program to its end, which must be good.
pub(crate) fn run(command: &mut Command) -> Took {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} can be started: {error}"));
    let id = child.id();
    let (ended, peak) = (AtomicBool::new(false), AtomicU64::new(high_water(id)));
    let (result, time) = std::thread::scope(|scope| {
        let look = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                peak.fetch_max(high_water(id), Ordering::Relaxed);
                std::thread::park_timeout(LOOK);
            }
        });
        let result = child.wait().expect("the child can be waited for");
        let time = begun.elapsed();
        ended.store(true, Ordering::Relaxed);
        look.thread().unpark();
        (result, time)
    });
    assert!(result.success(), "{command:?} failed: {result}");
    Took { time, peak: peak.into_inner() }
}
