//! `make bench`: how fast the finished binary is, as ratios against a peer and a physical limit of the same run.
//!
//! What is compared runs in turn, again and again; medians are printed with the least and the most. Absolute times mean little on a
//! machine that others share; ratios travel. `KFIMG_BENCH_LARGE=1` adds a render of 10,000 nodes.
//!
//! Outputs and states lie in memory, or the journal of a disk would be what is measured; one render goes to a disk, too.

#[path = "../measure/mod.rs"]
mod measure;
mod peers;
mod site;

use measure::{Contender, judge, load_average, milliseconds, race, run};
use site::Site;
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The one that Cargo built for this bench.
const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
/// Rounds of each comparison; the median counts.
const ROUNDS: usize = 7;
/// Rounds of the render of 10,000 nodes.
const LARGE_ROUNDS: usize = 3;
/// The most memory that a render may take, in bytes.
const PEAK: u64 = 256 << 20;
/// Nodes for which the peer issues certificates; its time is scaled up.
const PEER_NODES: u32 = 20;
/// What the programs may have, in bytes.
const PROGRAM_SIZE: u64 = 20_000_000;
const AGENT_SIZE: u64 = 5_000_000;
const WORKERS: u32 = 1000;
const CONTROL_PLANES: u32 = 3;
/// Workers with RSA keys: each key takes thirty milliseconds of a core.
const RSA_WORKERS: u32 = 100;

/// A file system in memory.
const MEMORY: &str = "/dev/shm";

fn main() {
    let disk = tempfile::tempdir().expect("a folder for the measurements");
    let scratch = tempfile::tempdir_in(MEMORY).expect("systemd mounts it on every machine");
    let folder = scratch.path();
    println!("load average {}, {ROUNDS} rounds each", load_average());
    start();
    sizes();
    linear(folder);
    whole(folder, disk.path());
    rsa(folder);
    readers(folder);
    match std::env::var_os("KFIMG_BENCH_LARGE") {
        Some(_) => large(folder),
        None => println!("KFIMG_BENCH_LARGE=1 renders 10,000 nodes, too"),
    }
    measure::publish("bench speed", true);
}

fn start() {
    let version = || run(Command::new(measure::kfimg(KFIMG)).arg("--version")).time;
    let times = race("a start", ROUNDS, &mut [Contender::new("kfimg --version", version)]);
    judge("P24/start", "a start and its end, in milliseconds", "", times[0] * 1e3);
}

/// Both programs as they are given away, without shared libraries: what `make static` and `make agent` build.
fn sizes() {
    let target = Path::new(KFIMG).parent().and_then(Path::parent);
    let target = target.expect("Cargo builds into a folder of its target folder");
    let built = target.join(format!("{}-unknown-linux-gnu", std::env::consts::ARCH));
    size("P25/kfimg", "size of the static `kfimg`", &built.join("dist/kfimg"), PROGRAM_SIZE);
    size("P25/agent", "size of `kfimg-agent`", &built.join("agent/kfimg-agent"), AGENT_SIZE);
}

/// Judges the size of a file, in bytes, where it was built.
#[expect(clippy::cast_precision_loss, reason = "sizes are told to the kilobyte")]
fn size(key: &str, what: &str, file: &Path, limit: u64) {
    let Ok(bytes) = fs::metadata(file).map(|file| file.len()) else {
        return println!("{} is not there: `make bench` builds it before", file.display());
    };
    let took = format!("{:.2} MB", bytes as f64 / 1e6);
    judge(key, &format!("{what}, of {} MB", limit / 1_000_000), &took, bytes as f64 / limit as f64);
}

/// Four times the nodes take four times the time.
fn linear(folder: &Path) {
    let [few, many] = [WORKERS / 4, WORKERS].map(|workers| Site::new(folder, "linear", workers));
    let times = race(
        "renders with new keys",
        ROUNDS,
        &mut [
            Contender::new("250 workers + 3 control planes", || few.render_anew().time),
            Contender::new("1000 workers + 3 control planes", || many.render_anew().time),
        ],
    );
    let per_node = |time: f64, workers: u32| time / f64::from(workers + CONTROL_PLANES);
    let ratio = per_node(times[1], WORKERS) / per_node(times[0], WORKERS / 4);
    judge("P12/linear", "a render, time a node, 1000 against 250", &milliseconds(times[1]), ratio);
}

/// The render of 1,000 nodes, what is rendered again after one changed, the same on a disk, the same bytes written, the same certificates
/// by openssl.
fn whole(folder: &Path, disk: &Path) {
    let [site, durable] = [folder, disk].map(|folder| Site::new(folder, "whole", WORKERS));
    let peak = Cell::new(0);
    let anew = || {
        let took = site.render_anew();
        peak.set(took.peak.max(peak.get()));
        took.time
    };
    let mut edition = 0;
    let changed = || {
        edition += 1;
        site.edit(edition);
        site.render().time
    };
    let limit = || peers::write(&site.payloads(), &folder.join("limit"));
    let peer = || peers::openssl(&folder.join("openssl"), PEER_NODES) * (WORKERS + CONTROL_PLANES) / PEER_NODES;
    let times = race(
        "1000 workers + 3 control planes",
        ROUNDS,
        &mut [
            Contender::new("render with new keys", anew),
            Contender::new("render again, one worker changed", changed),
            Contender::new("render with new keys, to a disk", || durable.render_anew().time),
            Contender::new("limit: the same bytes written and synced", limit),
            Contender::new("peer: openssl issues the certificates (scaled)", peer),
        ],
    );
    judge("P12/time", "a render of 1003 nodes, in seconds", &milliseconds(times[0]), times[0]);
    judge("P12/time", "the same to a disk, in seconds", &milliseconds(times[2]), times[2]);
    memory("P12/memory", peak.get());
    judge("P14/again", "again, one worker changed, against all", &milliseconds(times[1]), times[1] / times[0]);
    println!("  full render against the limit {:.2}", times[0] / times[3]);
    judge("P12/openssl", "openssl's time for the certificates alone, against the render", "", times[4] / times[0]);
}

/// RSA: nothing counts but drawing keys.
fn rsa(folder: &Path) {
    let site = Site::new(folder, "rsa", RSA_WORKERS).with(&["--set", "pki.encryptionAlgorithm=RSA-2048"]);
    let keys = site.keys();
    let times = race(
        "100 workers + 3 control planes with RSA-2048",
        ROUNDS,
        &mut [
            Contender::new("render with new keys", || site.render_anew().time),
            Contender::new("limit: as many keys drawn on all cores", || peers::draw_rsa(keys)),
        ],
    );
    let what = "drawing the keys alone, against a render with RSA-2048";
    judge("P13/keys", what, &milliseconds(times[0]), times[1] / times[0]);
}

/// What reads all of an output or a description.
fn readers(folder: &Path) {
    let site = Site::new(folder, "readers", WORKERS);
    site.render_anew();
    site.render_to("other", &["--set", "kubelet.maxPods=150"]);
    let differ = || run(site.kfimg("diff").args(["out", "other"])).time;
    let check = || run(site.command("validate").arg("--cis")).time;
    let times = race(
        "1000 workers + 3 control planes, read",
        ROUNDS,
        &mut [
            Contender::new("diff of two outputs, every node changed", differ),
            Contender::new("validate --cis", check),
        ],
    );
    judge("diff/time", "diff of two outputs, in seconds", &milliseconds(times[0]), times[0]);
    judge("P26/cis", "validate --cis, in seconds", &milliseconds(times[1]), times[1]);
}

fn large(folder: &Path) {
    let site = Site::new(folder, "large", 10 * WORKERS);
    let peak = Cell::new(0);
    let anew = || -> Duration {
        let took = site.render_anew();
        peak.set(took.peak.max(peak.get()));
        took.time
    };
    let times = race("10,000 workers", LARGE_ROUNDS, &mut [Contender::new("render with new keys", anew)]);
    judge("P12/large-time", "a render of 10,000 workers, in seconds", &milliseconds(times[0]), times[0]);
    memory("P12/large-memory", peak.get());
}

/// Judges the most memory that a render took, in bytes.
#[expect(clippy::cast_precision_loss, reason = "a ratio has few digits")]
fn memory(key: &str, peak: u64) {
    let what = format!("its memory, of {} MiB", PEAK >> 20);
    judge(key, &what, &format!("{} MiB", peak >> 20), peak as f64 / PEAK as f64);
}
