//! Runs programs, measures them in alternating rounds, and prints rows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
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

    pub(crate) fn peaks(&self) {
        for (command, bytes) in &*self.0.borrow() {
            let mark = if *bytes <= PEAK { "" } else { "   <- missed" };
            println!("peak memory of {command:<41} {:>9} KiB  goal <= {} KiB{mark}", bytes >> 10, PEAK >> 10);
        }
    }
}

/// One thing that is measured: its name, and what makes one round of it. It returns the time of what counts.
pub(crate) struct Contender<'a> {
    name: &'a str,
    round: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(name: &'a str, round: impl FnMut() -> Duration + 'a) -> Self {
        Self { name, round: Box::new(round) }
    }
}

/// Lets each contender run in turn, again and again; prints and returns the medians, in seconds.
pub(crate) fn race(what: &str, rounds: usize, contenders: &mut [Contender<'_>]) -> Vec<f64> {
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            times.push((contender.round)().as_secs_f64());
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    println!("{what}");
    for ((contender, median), times) in contenders.iter().zip(&medians).zip(&times) {
        let (least, most) = (times[0], times[times.len() - 1]);
        println!("  {:<54} {:>9.1} ms  ({:.1} to {:.1})", contender.name, median * 1e3, least * 1e3, most * 1e3);
    }
    medians
}

/// Sorts times, and returns the middle one.
pub(crate) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A ratio that must not be above its goal.
pub(crate) fn at_most(what: &str, value: f64, goal: f64) {
    let mark = if value <= goal { "" } else { "   <- missed" };
    println!("  {what:<54} {value:>9.3}     goal <= {goal}{mark}");
}

/// A ratio that must not be below its goal.
pub(crate) fn at_least(what: &str, value: f64, goal: f64) {
    let mark = if value >= goal { "" } else { "   <- missed" };
    println!("  {what:<54} {value:>9.3}     goal >= {goal}{mark}");
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

/// The most memory that a process had resident, as the kernel reports it while it runs.
pub(crate) fn high_water(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib << 10)
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

/// How busy the machine was in the last minute, for whoever reads the numbers.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{} on {cores} cores", text.split(' ').next().unwrap_or("unknown"))
}
