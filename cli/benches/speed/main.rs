//! `make bench`: how fast the finished binary is, as ratios against a peer and a physical limit of the same run.
//!
//! What is compared runs in turn, again and again; medians are printed with the least and the most. Absolute times mean little on a
//! machine that others share; ratios travel. `KFIMG_BENCH_LARGE=1` adds a render of 10,000 nodes.

#[path = "../measure/mod.rs"]
mod measure;
mod peers;
mod site;

use measure::{Contender, at_least, at_most, load_average, milliseconds, race, run};
use site::Site;
use std::cell::Cell;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
/// Rounds of each comparison; the median counts.
const ROUNDS: usize = 7;
/// Rounds of the render of 10,000 nodes.
const LARGE_ROUNDS: usize = 3;
/// The most memory that a render may take, in bytes.
const PEAK: u64 = 256 << 20;
/// Nodes for which the peer issues certificates; its time is scaled up.
const PEER_NODES: u32 = 20;
const WORKERS: u32 = 1000;
const CONTROL_PLANES: u32 = 3;
/// Workers with RSA keys: each key takes thirty milliseconds of a core.
const RSA_WORKERS: u32 = 100;

fn main() {
    let scratch = tempfile::tempdir().expect("a folder for the measurements");
    let folder = scratch.path();
    println!("load average {}, {ROUNDS} rounds each", load_average());
    start();
    linear(folder);
    whole(folder);
    rsa(folder);
    readers(folder);
    match std::env::var_os("KFIMG_BENCH_LARGE") {
        Some(_) => large(folder),
        None => println!("KFIMG_BENCH_LARGE=1 renders 10,000 nodes, too"),
    }
    measure::publish("bench speed");
}

fn start() {
    let version = || run(Command::new(KFIMG).arg("--version")).time;
    let times = race("a start", ROUNDS, &mut [Contender::new("kfimg --version", version)]);
    at_most("P24", "a start and its end, in milliseconds", "", times[0] * 1e3, 5.0);
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
    at_most("P12", "a render, time a node, 1000 against 250", &milliseconds(times[1]), ratio, 1.1);
}

/// The render of 1,000 nodes, what is rendered again after one changed, the same bytes written, the same certificates by openssl.
fn whole(folder: &Path) {
    let site = Site::new(folder, "whole", WORKERS);
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
            Contender::new("limit: the same bytes written and synced", limit),
            Contender::new("peer: openssl issues the certificates (scaled)", peer),
        ],
    );
    at_most("P12", "a render of 1003 nodes, in seconds", &milliseconds(times[0]), times[0], 2.0);
    at_most("P12", "its memory, in MiB", "", mebibytes(peak.get()), mebibytes(PEAK));
    at_most("P14", "again, one worker changed, against all", &milliseconds(times[1]), times[1] / times[0], 0.05);
    println!("  full render against the limit {:.2}", times[0] / times[2]);
    at_least("P12", "openssl's time for the certificates alone, against the render", "", times[3] / times[0], 50.0);
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
    at_least(
        "P13",
        "drawing the keys alone, against a render with RSA-2048",
        &milliseconds(times[0]),
        times[1] / times[0],
        0.95,
    );
}

/// What reads all of an output or a description.
fn readers(folder: &Path) {
    let site = Site::new(folder, "readers", WORKERS);
    site.render_anew();
    site.render_to("other", &["--set", "kubelet.maxPods=150"]);
    let differ = || run(site.kfimg("diff").args(["out", "other"])).time;
    let judge = || run(site.command("validate").arg("--cis")).time;
    let times = race(
        "1000 workers + 3 control planes, read",
        ROUNDS,
        &mut [
            Contender::new("diff of two outputs, every node changed", differ),
            Contender::new("validate --cis", judge),
        ],
    );
    at_most("diff", "diff of two outputs, in seconds", &milliseconds(times[0]), times[0], 1.0);
    at_most("P26", "validate --cis, in seconds", &milliseconds(times[1]), times[1], 2.0);
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
    at_most("P12", "a render of 10,000 workers, in seconds", &milliseconds(times[0]), times[0], 10.0);
    at_most("P12", "its memory, in MiB", "", mebibytes(peak.get()), mebibytes(PEAK));
}

#[expect(clippy::cast_precision_loss, reason = "memory is told to the mebibyte")]
fn mebibytes(bytes: u64) -> f64 {
    (bytes >> 20) as f64
}
