//! How long 3 control planes and 1,000 workers take, beside openssl making the same certificates for 20 nodes.
//!
//! Run with `cargo bench -p kfimg-pki`; prints medians and the ratio of one run. It judges nothing.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kfimg_pki::{Request, State};

#[path = "../../cli/benches/measure/mod.rs"]
mod measure;

const RUNS: usize = 5;
const WORKERS: u16 = 1_000;
const PEER_NODES: u32 = 20;

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

fn openssl(folder: &Path, arguments: &str) {
    let done = Command::new("openssl").current_dir(folder).args(arguments.split_whitespace()).output();
    assert!(done.expect("openssl is installed").status.success(), "openssl {arguments}");
}

/// Two certificates for each of [`PEER_NODES`] nodes, as a script would make them.
fn peer(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=kubernetes -days 3650"));
    for number in 0..2 * PEER_NODES {
        openssl(folder, &format!("req -new {key} -keyout {number}.key -out {number}.csr -subj /CN=node-{number}"));
        let sign = "x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 1095";
        openssl(folder, &format!("{sign} -in {number}.csr -out {number}.crt"));
    }
}

fn main() {
    let (request, now) = (Request::fake(3, WORKERS), Timestamp::now());
    let (mut issue, mut commit, mut load, mut peers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = temporary.path().join("state");
        let state = State::open(&folder, "fake", now).expect("an empty folder opens");
        let (time, state) = timed(|| state.ensure(&request, now).expect("a fake request is valid").0);
        issue.push(time);
        let mut state = state;
        commit.push(timed(|| state.commit().expect("the folder is writable")).0);
        drop(state);
        let again = || State::open(&folder, "fake", now).and_then(|state| state.ensure(&request, now));
        load.push(timed(|| again().expect("what was written loads")).0);
        peers.push(timed(|| peer(temporary.path())).0);
    }
    let median = |times: Vec<Duration>| {
        let mut seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
        Duration::from_secs_f64(measure::median(&mut seconds))
    };
    let [issue, commit, load, peers] = [issue, commit, load, peers].map(median);
    let peers = peers * (u32::from(WORKERS) + 3) / PEER_NODES;
    println!("{WORKERS} workers and 3 control planes, medians of {RUNS}:");
    println!("issue {issue:?}, write {commit:?}, load and check {load:?}, openssl (scaled) {peers:?}");
    println!("openssl / kfimg = {:.0}", peers.as_secs_f64() / (issue + commit).as_secs_f64());
}
