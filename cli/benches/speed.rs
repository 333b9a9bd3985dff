//! `make bench`: how fast the finished binary is, as ratios against a peer and a physical limit of the same run.
//!
//! The peer is the `openssl` command line issuing the same certificates; the limit is writing the same bytes. Absolute
//! times mean little on a machine that others share; ratios travel.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use measure::{at_least, at_most, high_water, median_of, milliseconds};

mod measure;

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
/// Runs of each measurement; the median counts.
const RUNS: usize = 5;
/// Nodes for which the peer issues certificates; its time is scaled up.
const PEER_NODES: u32 = 20;
const WORKERS: u32 = 1000;

fn main() {
    let scratch = tempfile::tempdir().expect("a folder for the measurements");
    let folder = scratch.path();
    let start = median_of(RUNS, || {
        let begun = Instant::now();
        run(Command::new(KFIMG).arg("--version"));
        begun.elapsed()
    });
    println!("kfimg --version");
    at_most("P24", "start and end, in milliseconds", "", start.as_secs_f64() * 1e3, 5.0);

    let sizes = [WORKERS / 4, WORKERS / 2, WORKERS];
    let full: Vec<(Duration, u64)> = sizes.iter().map(|workers| full_render(folder, *workers)).collect();
    for (workers, (time, peak)) in sizes.iter().zip(&full) {
        let each = time.as_secs_f64() * 1e6 / f64::from(workers + 3);
        row(
            &format!("render {workers} workers + 3 control planes, new keys"),
            *time,
            &format!("{each:.0} us a node, peak {} MiB", peak >> 20),
        );
    }
    let per_node = |index: usize| full[index].0.as_secs_f64() / f64::from(sizes[index] + 3);
    ratio("time a node at 1000 against 250 workers (linear: 1)", per_node(2) / per_node(0));
    let (whole, peak) = full[2];
    let nodes = WORKERS + 3;
    at_most("P12", &format!("render {nodes} nodes, in seconds"), &took(whole), whole.as_secs_f64(), 2.0);
    at_most("P12", "memory of that, in MiB", "", (peak >> 20) as f64, 256.0);

    let changed = one_changed(folder);
    let against = changed.as_secs_f64() / whole.as_secs_f64();
    println!("render again, one worker changed");
    at_most("P14", "render again, one worker changed, against all", &took(changed), against, 0.25);

    let compared = difference(folder);
    println!("diff of two outputs");
    at_most("diff", "every node changed, in seconds", &took(compared), compared.as_secs_f64(), 1.0);

    let written = write_limit(folder);
    row("limit: writing the same bytes and syncing", written, "");
    ratio("full render against that limit", whole.as_secs_f64() / written.as_secs_f64());

    let peer = openssl(folder, PEER_NODES) * (WORKERS + 3) / PEER_NODES;
    row("peer: openssl issues the workers' certificates, scaled", peer, "");
    let against = peer.as_secs_f64() / whole.as_secs_f64();
    at_least(
        "P12",
        &format!("render {nodes} nodes, openssl's time for their certificates alone against it"),
        "",
        against,
        50.0,
    );
    measure::publish("bench speed");
}

/// A render into an empty folder with a new state; the median time and the greatest peak of memory.
fn full_render(folder: &Path, workers: u32) -> (Duration, u64) {
    let inventory = inventory(folder, workers, 0);
    let mut peak = 0;
    let time = median_of(RUNS, || {
        for name in ["ha3.state", "out"] {
            let _ = fs::remove_dir_all(folder.join(name));
        }
        let begun = Instant::now();
        peak = peak.max(run(&mut render(folder, &inventory)));
        begun.elapsed()
    });
    (time, peak)
}

/// A render over a former one in which one worker's labels changed.
fn one_changed(folder: &Path) -> Duration {
    let mut edition = 0;
    median_of(RUNS, || {
        edition += 1;
        let inventory = inventory(folder, WORKERS, edition);
        let begun = Instant::now();
        run(&mut render(folder, &inventory));
        begun.elapsed()
    })
}

/// A comparison of the last output with one in which every node has another setting.
fn difference(folder: &Path) -> Duration {
    let inventory = inventory(folder, WORKERS, 0);
    run(render(folder, &inventory).args(["--set", "kubelet.maxPods=150", "-o", "other"]));
    median_of(RUNS, || {
        let begun = Instant::now();
        run(Command::new(KFIMG).current_dir(folder).args(["diff", "out", "other"]).stdout(Stdio::null()));
        begun.elapsed()
    })
}

fn render(folder: &Path, inventory: &Path) -> Command {
    let mut command = Command::new(KFIMG);
    command.current_dir(folder).args(["render", "--quiet", "--profile", "ha3", "--registry", "reg.local"]);
    command.args(["--set", "networking.nodeSubnet=10.20.0.0/16", "--set", "controlPlaneEndpoint.address=10.20.0.10"]);
    command.args(["--set", "networking.podSubnet=10.128.0.0/14", "--set", "networking.serviceSubnet=10.96.0.0/16"]);
    command.args(["--set", "nodeDefaults.network.gateway=10.20.255.254", "--inventory"]).arg(inventory);
    command
}

fn inventory(folder: &Path, workers: u32, edition: u32) -> PathBuf {
    let mut text = String::from("name,role,address,mac,uuid,serial,labels\n");
    for number in 1..=3 {
        let _ = writeln!(text, "master{number},control-plane,10.20.0.{},,,,", 10 + number);
    }
    for number in 0..workers {
        let address = format!("10.20.{}.{}", 1 + number / 200, 1 + number % 200);
        let labels = if number == 7 { format!("edition={edition}") } else { String::new() };
        let _ = writeln!(text, "worker{number},worker,{address},,,,{labels}");
    }
    let path = folder.join("nodes.csv");
    fs::write(&path, text).expect("the scratch folder can be written to");
    path
}

/// Writes as many bytes as the last output holds, in one file a node, and syncs.
fn write_limit(folder: &Path) -> Duration {
    let nodes = folder.join("out/nodes");
    let payloads: Vec<Vec<u8>> = fs::read_dir(nodes)
        .expect("the last render wrote nodes")
        .map(|node| fs::read(node.expect("a listed folder").path().join("ignition.json")).expect("a payload"))
        .collect();
    let target = folder.join("limit");
    median_of(RUNS, || {
        let _ = fs::remove_dir_all(&target);
        fs::create_dir(&target).expect("the scratch folder can be written to");
        let begun = Instant::now();
        for (index, payload) in payloads.iter().enumerate() {
            fs::write(target.join(index.to_string()), payload).expect("the scratch folder can be written to");
        }
        run(Command::new("sync").arg("-f").arg(&target));
        begun.elapsed()
    })
}

/// The openssl command line: a key, a request and a certificate for each of a worker's two certificates.
fn openssl(folder: &Path, nodes: u32) -> Duration {
    let folder = folder.join("openssl");
    fs::create_dir(&folder).expect("the scratch folder can be written to");
    let openssl = |arguments: &str| run(Command::new("openssl").current_dir(&folder).args(arguments.split(' ')));
    openssl("ecparam -name prime256v1 -genkey -noout -out ca.key");
    openssl("req -x509 -new -key ca.key -subj /CN=kubernetes -days 3650 -out ca.crt");
    let begun = Instant::now();
    for _ in 0..nodes * 2 {
        openssl("ecparam -name prime256v1 -genkey -noout -out leaf.key");
        openssl("req -new -key leaf.key -subj /O=system:nodes/CN=system:node:worker -out leaf.csr");
        openssl("x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 1095 -out leaf.crt");
    }
    begun.elapsed()
}

/// Runs a program to its end; its peak of memory in bytes, as the kernel reports it while it runs.
fn run(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program is installed");
    let mut peak = 0;
    loop {
        if let Some(result) = child.try_wait().expect("the child can be waited for") {
            assert!(result.success(), "{command:?} failed: {result}");
            return peak;
        }
        peak = peak.max(high_water(child.id()));
        std::thread::sleep(Duration::from_micros(300));
    }
}

fn took(time: Duration) -> String {
    milliseconds(time.as_secs_f64())
}

fn row(what: &str, time: Duration, note: &str) {
    println!("{what:<56} {:>9.1} ms  {note}", time.as_secs_f64() * 1e3);
}

fn ratio(what: &str, value: f64) {
    println!("  {what:<54} {value:>9.3}");
}
