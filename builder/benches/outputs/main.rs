//! `make bench`: how fast roots and disks are written, as ratios against the programs of their formats in the same run.
//!
//! What is packed are programs and libraries of this machine. What a peer writes is synced by
//! the bench, what kfimg writes by itself. `KFIMG_BENCH_MIB` sets how much is packed (256), `KFIMG_BENCH_ROUNDS` the rounds (5).

mod data;
mod disks;
#[path = "../../../cli/benches/measure/mod.rs"]
mod measure;
mod roots;

use measure::{high_water, judge, number};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The limit of memory of a build, in MiB.
const PEAK: u64 = 256;

/// What all measurements share.
struct Bench {
    folder: PathBuf,
    rounds: usize,
}

impl Bench {
    fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), rounds: measure::rounds() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Bytes of what is packed.
fn bytes() -> u64 {
    (number("KFIMG_BENCH_MIB", 256) as u64) << 20
}

/// Brings what a peer wrote to the disk.
fn sync(path: &Path) {
    File::open(path).and_then(|file| file.sync_all()).expect("what was written can be synced");
}

fn main() {
    let scratch = tempfile::tempdir().expect("a folder for the measurements");
    let bench = Bench::new(scratch.path());
    roots::run_all(&bench);
    disks::run_all(&bench);
    println!("peak memory");
    memory("kfimg's writers", high_water("self"));
    measure::publish("bench outputs", true);
}

/// Judges the most memory that somebody took, in bytes.
#[expect(clippy::cast_precision_loss, reason = "a ratio has few digits")]
fn memory(whose: &str, peak: u64) {
    let peak = peak >> 20;
    judge(
        "build/memory",
        &format!("memory of {whose}, of {PEAK} MiB"),
        &format!("{peak} MiB"),
        peak as f64 / PEAK as f64,
    );
}
