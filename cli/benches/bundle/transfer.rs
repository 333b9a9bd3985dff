//! What is made, carried and checked: pull, pack, verify, push, repair.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kfimg_images::digest::Digest;
use sha2::{Digest as _, Sha256};

use crate::Bench;
use crate::data::{self, LARGE, SMALL_IMAGES, small_reference};
use crate::measure::{self, Board, Contender, at_least, at_most, race};
use crate::peers::{self, Copier};
use crate::proxy::Relay;

/// Images that a peer pushes again; its time is scaled up.
const PEER_IMAGES: usize = 20;
/// Bytes that the limit of the hash takes at a time, from a core's own cache.
const HASHED: usize = 256 << 10;

/// Measures all of it.
pub(crate) fn run(bench: &Bench, board: &Board) {
    let Some(program) = measure::installed("docker-registry").or_else(|| peers::built("registry")) else { return };
    let bundle = bench.path("large");
    let blob = data::large(&bundle, bench.layer);
    println!("an image of {} MiB in 19 layers; {} rounds, medians", data::size(&bundle) >> 20, bench.rounds);
    let work = Work { bench, board, program, copiers: peers::copiers(), bundle };
    work.pull(&blob);
    work.pack();
    work.verify();
    work.push();
    data::remove(&work.bundle);
    work.push_again();
}

struct Work<'a> {
    bench: &'a Bench,
    board: &'a Board,
    /// The registry.
    program: PathBuf,
    copiers: Vec<Copier>,
    /// The bundle with the large image.
    bundle: PathBuf,
}

impl Work<'_> {
    /// Runs `kfimg bundle <command>` and keeps its peak of memory.
    fn kfimg(&self, command: &str, arguments: impl FnOnce(&mut Command)) -> Duration {
        let mut kfimg = Command::new(&self.bench.kfimg);
        kfimg.args(["--quiet", "bundle", command]).current_dir(&self.bench.folder);
        arguments(&mut kfimg);
        let took = measure::run(&mut kfimg);
        self.board.peak(&format!("kfimg bundle {command}"), took.peak);
        took.time
    }

    fn create(&self, host: &str, output: &Path, more: &[&str]) -> Duration {
        self.kfimg("create", |kfimg| {
            kfimg.args(["--images-only", "--arch", "amd64", "--image", LARGE, "--mirror", host, "--mirrors-only"]);
            kfimg.args(["--plain-http", host, "-o"]).arg(output).args(more);
        })
    }

    fn send(&self, bundle: &Path, host: &str) -> Duration {
        self.kfimg("push", |kfimg| {
            kfimg.arg("--bundle").arg(bundle).args(["--registry", host, "--plain-http", host]);
        })
    }

    /// Prints how kfimg, the first, compares with each copier.
    fn compare(&self, medians: &[f64], goal: f64) {
        for (copier, median) in self.copiers.iter().zip(&medians[1..]) {
            at_most(&format!("kfimg against {}", copier.name), medians[0] / median, goal);
        }
    }

    /// Prints how kfimg compares with each copier when all do the same: `kfimg` and `peer` make one round.
    fn race(&self, what: &str, goal: f64, kfimg: impl FnMut() -> Duration, peer: impl Fn(&Copier) -> Duration) {
        let mut contenders = vec![Contender::new("kfimg", kfimg)];
        let peer = &peer;
        contenders.extend(self.copiers.iter().map(|copier| Contender::new(copier.name, move || peer(copier))));
        let medians = race(what, self.bench.rounds, &mut contenders);
        self.compare(&medians, goal);
    }

    fn pull(&self, blob: &Digest) {
        let server = peers::registry(&self.program, &self.bench.fresh("upstream"));
        self.send(&self.bundle, server.host());
        let kfimg = || self.create(server.host(), &self.bench.fresh("pulled"), &[]);
        let peer = |copier: &Copier| {
            let target = self.bench.fresh("copied");
            copier.copy(&format!("docker://{}/{LARGE}", server.host()), &format!("oci:{}:1", target.display()))
        };
        self.race("registry to a fresh store", 0.5, kfimg, peer);
        data::remove(&self.bench.path("copied"));
        self.repair(server.host(), blob);
        data::remove(&self.bench.path("pulled"));
        data::remove(&self.bench.path("upstream"));
    }

    /// One byte of one blob is wrong: the bytes that come are those of the blob.
    fn repair(&self, host: &str, blob: &Digest) {
        let (relay, pulled) = (Relay::start(host), self.bench.path("pulled"));
        let path = pulled.join("blobs").join(blob.algorithm()).join(blob.hexadecimal());
        let size = fs::metadata(&path).expect("the bundle has its blobs").len();
        let file = OpenOptions::new().write(true).open(&path).expect("a blob can be written to");
        file.write_all_at(b"wrong", size / 2).expect("a blob can be written to");
        let time = self.create(relay.host(), &pulled, &["--repair"]);
        println!("repair of one of 20 blobs");
        println!("  {:<54} {:>9.1} ms", "kfimg", time.as_secs_f64() * 1e3);
        at_most("bytes received against those of that blob", relay.sent() as f64 / size as f64, 1.01);
    }

    fn pack(&self) {
        let kfimg = || {
            let target = self.bench.fresh("packed.tar");
            self.kfimg("pack", |kfimg| {
                kfimg.arg("--bundle").arg(&self.bundle).arg("-o").arg(target);
            })
        };
        let peer = |copier: &Copier| {
            let target = self.bench.fresh("copied.tar");
            copier.copy(&format!("oci:{}:{LARGE}", self.bundle.display()), &format!("oci-archive:{}", target.display()))
        };
        self.race("store to one file", 0.25, kfimg, peer);
        data::remove(&self.bench.path("packed.tar"));
        data::remove(&self.bench.path("copied.tar"));
    }

    fn verify(&self) {
        let bytes = data::size(&self.bundle);
        let kfimg = || {
            self.kfimg("verify", |kfimg| {
                kfimg.arg("--bundle").arg(&self.bundle);
            })
        };
        let mut contenders =
            [Contender::new("kfimg", kfimg), Contender::new("limit: SHA-256 on every core", || hash(bytes))];
        let medians = race("verify", self.bench.rounds, &mut contenders);
        at_least("kfimg against that limit", medians[1] / medians[0], 0.85);
    }

    fn push(&self) {
        // Every round has a registry of its own, or there would be nothing to push.
        let fresh = || peers::registry(&self.program, &self.bench.fresh("target"));
        let kfimg = || {
            let server = fresh();
            self.send(&self.bundle, server.host())
        };
        let peer = |copier: &Copier| {
            let server = fresh();
            let target = format!("docker://{}/{LARGE}", server.host());
            copier.copy(&format!("oci:{}:{LARGE}", self.bundle.display()), &target)
        };
        self.race("store to a fresh registry", 0.6, kfimg, peer);
        data::remove(&self.bench.path("target"));
    }

    fn push_again(&self) {
        let bundle = self.bench.path("small");
        data::small(&bundle);
        let server = peers::registry(&self.program, &self.bench.fresh("target"));
        self.send(&bundle, server.host());
        let peer = |copier: &Copier| {
            let one = |number: usize| {
                let name = small_reference(number);
                copier.copy(&format!("oci:{}:{name}", bundle.display()), &format!("docker://{}/{name}", server.host()))
            };
            let time: Duration = (0..PEER_IMAGES).map(one).sum();
            time.mul_f64(SMALL_IMAGES as f64 / PEER_IMAGES as f64)
        };
        let what = format!("{SMALL_IMAGES} images that are there already (peers: {PEER_IMAGES}, scaled)");
        self.race(&what, 0.25, || self.send(&bundle, server.host()), peer);
        data::remove(&bundle);
    }
}

/// Hashes so many bytes, shared by all cores, none of them from a file.
fn hash(bytes: u64) -> Duration {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let share = bytes / cores as u64 / HASHED as u64;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let (portion, mut hash) = (vec![7; HASHED], Sha256::new());
                (0..share).for_each(|_| hash.update(&portion));
                std::hint::black_box(hash.finalize());
            });
        }
    });
    begun.elapsed()
}
