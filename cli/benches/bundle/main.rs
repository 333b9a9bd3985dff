//! `make bench`: how fast bundles are made, carried and served, and how fast nodes take what they get, as ratios against peers and physical
//! limits of the same run.
//!
//! The peers are skopeo, regctl, the reference registry, nginx, containerd's `ctr`, Ignition and cloud-init, all in rounds that alternate
//! with kfimg's; a peer that is not installed is left out and named. `KFIMG_BENCH_MIB` sets the size of a large layer (256),
//! `KFIMG_BENCH_ROUNDS` the rounds (5), `KFIMG_BENCH_PART` leaves all out but one of [`PARTS`].

mod apply;
mod ceilings;
mod data;
mod delta;
mod import;
#[path = "../../../ignition/tests/cloud_init/kept.rs"]
mod kept;
mod limits;
mod load;
#[path = "../measure/mod.rs"]
mod measure;
mod peers;
mod program;
mod proxy;
mod serving;
mod storm;
mod transfer;

use std::path::PathBuf;

use measure::number;
use program::Board;

/// The program that is measured.
const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");

/// What can be measured alone.
const PARTS: [&str; 13] = [
    "pull",
    "pack",
    "verify",
    "push",
    "load",
    "again",
    "delta",
    "manifests",
    "blobs",
    "storm",
    "ceilings",
    "import",
    "apply",
];

/// What all measurements share.
struct Bench {
    /// The program that is measured; another binary with the same commands may stand in.
    kfimg: PathBuf,
    /// Where everything is written.
    folder: PathBuf,
    /// Bytes of a large layer.
    layer: usize,
    /// Rounds of each measurement; the median counts.
    rounds: usize,
    /// The one of [`PARTS`] that is measured; without, all are.
    part: Option<String>,
}

impl Bench {
    /// Whether a part is measured.
    fn wants(&self, part: &str) -> bool {
        assert!(PARTS.contains(&part), "{part} is no part");
        self.part.as_ref().is_none_or(|wanted| wanted == part)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The path of a file or a folder that is not there: what an earlier round left is removed.
    fn fresh(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        data::remove(&path);
        path
    }
}

fn main() {
    let scratch = tempfile::tempdir().expect("a folder for the measurements");
    let bench = Bench {
        kfimg: measure::kfimg(KFIMG),
        folder: scratch.path().to_owned(),
        layer: number("KFIMG_BENCH_MIB", 256) << 20,
        rounds: measure::rounds(),
        part: part(),
    };
    let board = Board::default();
    println!("load of this machine before: {}", measure::load_average());
    transfer::run(&bench, &board);
    serving::run(&bench, &board);
    if bench.wants("import") {
        import::run(&bench);
    }
    if bench.wants("apply") {
        apply::run(&bench);
    }
    board.peaks();
    println!("load of this machine after: {}", measure::load_average());
    measure::publish("bench bundle", bench.part.is_none());
}

/// The part that the environment names.
fn part() -> Option<String> {
    let part = std::env::var("KFIMG_BENCH_PART").ok()?;
    assert!(PARTS.contains(&&*part), "KFIMG_BENCH_PART is {part}; write one of {}", PARTS.join(", "));
    Some(part)
}
