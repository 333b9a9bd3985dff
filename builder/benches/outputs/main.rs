//! `make bench`: how fast roots and disks are written, as ratios against the programs of their formats in the same run.
//!
//! What is packed are programs and libraries of this machine. The peers do not sync what they write, kfimg does. `KFIMG_BENCH_MIB`
//! sets how much there is of them (256), `KFIMG_BENCH_ROUNDS` the rounds (5). It ends with 1 when a goal was missed.

mod data;
mod disks;
mod measure;
mod roots;

use measure::{Judge, high_water, number};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The limit of memory of a build, in bytes.
const PEAK: u64 = 256 << 20;

/// What all measurements share.
struct Bench {
    folder: PathBuf,
    rounds: usize,
    judge: Judge,
}

impl Bench {
    fn new(folder: &Path) -> Self {
        let rounds = usize::try_from(number("KFIMG_BENCH_ROUNDS", 5)).expect("a few").max(1);
        Self { folder: folder.to_owned(), rounds, judge: Judge::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn main() -> ExitCode {
    let scratch = tempfile::tempdir().expect("a folder for the measurements");
    let bench = Bench::new(scratch.path());
    roots::run_all(&bench);
    disks::run_all(&bench);
    println!("peak memory");
    bench.judge.at_most("of kfimg's writers, MiB", (high_water() >> 20) as f64, (PEAK >> 20) as f64);
    match bench.judge.missed() {
        0 => ExitCode::SUCCESS,
        count => {
            println!("{count} goals were missed");
            ExitCode::FAILURE
        }
    }
}
