//! What all benches share, those of other crates too: rounds that alternate, medians, peaks of memory, and the judgement of each ratio by
//! the table of [`goals`], which goes to the terminal and into the tables of `docs/performance.md`.
//!
//! What is measured, and how, is each bench's own.

#![allow(dead_code, unused_imports, reason = "each bench uses its own part")]

pub(crate) mod goals;
mod program;
mod table;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use goals::{Goal, goal};

pub(crate) use program::{Took, run};
pub(crate) use table::{between, publish};

/// Rounds of each measurement unless the environment says otherwise; the median counts.
const ROUNDS: usize = 5;

/// The program that is measured: the one that the environment names, else the one that Cargo built for the bench.
pub(crate) fn kfimg(built: &str) -> PathBuf {
    std::env::var_os("KFIMG_BENCH_BINARY").map_or_else(|| PathBuf::from(built), PathBuf::from)
}

/// A ratio that was measured, and what it should be.
struct Judged {
    goal: &'static Goal,
    what: String,
    took: String,
    value: f64,
}

/// All of this run, in the order in which they came.
static ALL: Mutex<Vec<Judged>> = Mutex::new(Vec::new());

/// Judges a ratio by the goal that has this key. `took` is what kfimg itself needed: it means something on this machine alone.
pub(crate) fn judge(key: &str, what: &str, took: &str, value: f64) {
    let goal = goal(key);
    let mark = if goal.bound.is_met(value) { "met" } else { "missed" };
    println!("  {what:<54} {value:>9.3}     goal {}: {mark}", goal.bound);
    let judged = Judged { goal, what: what.to_owned(), took: took.to_owned(), value };
    ALL.lock().unwrap_or_else(PoisonError::into_inner).push(judged);
}

/// One thing that is measured: its name, and what makes one round of it. It returns the time of what counts.
pub(crate) struct Contender<'a> {
    name: &'a str,
    round: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    /// It measures its own rounds.
    pub(crate) fn new(name: &'a str, round: impl FnMut() -> Duration + 'a) -> Self {
        Self { name, round: Box::new(round) }
    }

    /// All of a round counts.
    pub(crate) fn whole(name: &'a str, mut round: impl FnMut() + 'a) -> Self {
        Self::new(name, move || timed(&mut round))
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

/// How long something takes.
pub(crate) fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// Sorts times, and returns the middle one.
pub(crate) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Seconds as a table has them.
pub(crate) fn milliseconds(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1e3)
}

/// The most memory in bytes that a process, or `self`, had resident, as the kernel reports it while it runs; nothing once it has ended.
pub(crate) fn high_water(process: impl std::fmt::Display) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}

/// How busy the machine was in the last minute, for whoever reads the numbers.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{} on {cores} cores", text.split(' ').next().unwrap_or("unknown"))
}

/// A number that the environment sets.
pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Rounds of each measurement: `KFIMG_BENCH_ROUNDS`, or 5.
pub(crate) fn rounds() -> usize {
    number("KFIMG_BENCH_ROUNDS", ROUNDS).max(1)
}

/// Appends a line; writing into a text cannot fail.
fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}
