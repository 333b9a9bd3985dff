//! Power-on to API ready and to all nodes Ready, step by step, beside `kubeadm` in the same lab on the same machines.
//!
//! Run by `make bench-boot`. Before the clock starts every disk holds all images, `kubeadm` and its configuration, and each boot of either kind
//! begins with the same disks. Both take turns. Nothing here fails for being slow: tables are printed for a person to read, and to be kept.

#[path = "../../../cli/benches/measure/goals.rs"]
#[allow(dead_code, reason = "a boot has two of the goals")]
mod goals;
mod kfimg;
mod kubeadm;
mod payload;
mod prepare;
mod steps;
mod table;

use kfimg_lab::{Result, Topology, scenario};
use std::time::{Duration, Instant};

/// Boots of each kind; `KFIMG_LAB_ROUNDS` makes it others.
const RUNS: usize = 7;
/// Control planes and workers.
const SHAPES: [(u8, u8); 2] = [(1, 0), (3, 1)];
/// Longest time until something comes that a boot waits for.
pub(crate) const BOUND: Duration = Duration::from_secs(300);
/// Time between two looks: it is the error of all times.
const LOOK: Duration = Duration::from_millis(100);

/// Seconds from power-on.
pub(crate) struct Boot {
    /// Until the first control plane's API server answers that it is ready.
    pub(crate) api: f64,
    /// Until all nodes are Ready.
    pub(crate) nodes: f64,
    /// What kfimg's own steps took, by name, of the slowest machine each; none of a boot by kubeadm.
    pub(crate) steps: Vec<(&'static str, f64)>,
}

fn main() {
    println!("# Power-on to a cluster");
    for (masters, workers) in SHAPES {
        measure(masters, workers);
    }
}

fn measure(masters: u8, workers: u8) {
    let name = format!("bench-boot-{masters}");
    scenario::run(&name, Topology::new(masters, workers), |cluster| {
        prepare::disks(cluster)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for run in 1..=scenario::rounds(RUNS) {
            prepare::restore(cluster)?;
            ours.push(kfimg::boot(cluster)?);
            prepare::restore(cluster)?;
            theirs.push(kubeadm::boot(cluster)?);
            eprintln!("{masters} control plane(s), {workers} worker(s): run {run} is over");
        }
        cluster.power_cut_all()?;
        println!("\n## {masters} control plane(s), {workers} worker(s)\n");
        print!("{}", table::boots(&ours, &theirs));
        // Only one machine alone has nobody to wait for.
        print!("\n{}", table::steps(&ours, masters == 1));
        Ok(())
    });
}

/// How many nodes of what `kubectl get nodes --no-headers` says are Ready.
pub(crate) fn ready(nodes: &str) -> usize {
    nodes.lines().filter(|line| line.split_whitespace().nth(1) == Some("Ready")).count()
}

/// Looks until it holds, more often than a scenario does; gives the seconds since `start`.
pub(crate) fn wait(what: &str, start: Instant, mut holds: impl FnMut() -> bool) -> Result<f64> {
    let deadline = Instant::now() + BOUND;
    while !holds() {
        if Instant::now() > deadline {
            return Err(kfimg_lab::Error::unusable(what, format!("did not come within {} s", BOUND.as_secs())));
        }
        std::thread::sleep(LOOK);
    }
    Ok(start.elapsed().as_secs_f64())
}
