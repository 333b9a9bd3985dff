//! Rounds, medians, ratios, and whether they are what they should be.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// One thing that is measured: its name, and one round of it.
pub(crate) type Contender<'a> = (&'a str, &'a dyn Fn());

/// Prints ratios, and counts the goals that were missed.
#[derive(Default)]
pub(crate) struct Judge(Cell<usize>);

impl Judge {
    /// A value that must not be above its goal.
    pub(crate) fn at_most(&self, what: &str, value: f64, goal: f64) {
        self.row(&format!("{what:<54} {value:>9.3}     goal <= {goal}"), value <= goal);
    }

    /// A ratio that must not be further from 1.
    pub(crate) fn within(&self, what: &str, value: f64, most: f64) {
        self.row(&format!("{what:<54} {value:>9.3}     goal 1 +- {most}"), (value - 1.0).abs() <= most);
    }

    fn row(&self, text: &str, is_met: bool) {
        let mark = if is_met { "" } else { "   <- missed" };
        println!("  {text}{mark}");
        self.0.set(self.0.get() + usize::from(!is_met));
    }

    /// How many goals were missed.
    pub(crate) fn missed(&self) -> usize {
        self.0.get()
    }
}

/// Lets each contender run in turn, again and again; prints and returns the medians, in seconds.
pub(crate) fn race(rounds: usize, contenders: &[Contender<'_>]) -> Vec<f64> {
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for ((_, round), times) in contenders.iter().zip(&mut times) {
            let begun = Instant::now();
            round();
            times.push(begun.elapsed().as_secs_f64());
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    for ((name, _), times) in contenders.iter().zip(&times) {
        let [least, middle, most] = [0, times.len() / 2, times.len() - 1].map(|index| times[index] * 1e3);
        println!("  {name:<54} {middle:>9.1} ms  ({least:.1} to {most:.1})");
    }
    times.iter().map(|times| times[times.len() / 2]).collect()
}

/// Runs a program to its end, which must be good.
pub(crate) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; `make bench` installs it"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// How large one file is beside another.
pub(crate) fn sizes(own: &Path, peer: &Path) -> f64 {
    let [own, peer] = [own, peer].map(|path| fs::metadata(path).expect("it was written").len());
    own as f64 / peer as f64
}

/// A number that the environment sets.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The most memory that this process had resident, in bytes.
pub(crate) fn high_water() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}
