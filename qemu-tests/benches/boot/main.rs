//! Power-on to API ready and to all nodes Ready, step by step, beside `kubeadm` in the same lab on the same machines.
//!
//! Run by `make bench-boot`. Images lie on every disk before the clock starts, for both. Nothing here fails for being slow:
//! the numbers are printed for a person to read.

mod kfimg;
mod kubeadm;
mod payload;

use kfimg_lab::{Cluster, Result, Topology, cache};
use std::path::PathBuf;
use std::time::Duration;

/// Boots of each kind; the median is printed.
const RUNS: usize = 3;

/// Seconds from power-on.
pub(crate) struct Boot {
    /// Until the API server answers that it is ready.
    pub(crate) api: f64,
    /// Until all nodes are Ready.
    pub(crate) nodes: f64,
}

fn main() -> std::process::ExitCode {
    match [(1, 0), (3, 1)].into_iter().try_for_each(|(masters, workers)| measure(masters, workers)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-boot: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn measure(masters: u8, workers: u8) -> Result<()> {
    println!("\n{masters} control plane(s), {workers} worker(s); seconds from power-on, median of {RUNS}");
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for run in 0..RUNS {
        ours.push(in_lab(&format!("kfimg-{masters}-{run}"), masters, workers, kfimg::boot)?);
        theirs.push(in_lab(&format!("kubeadm-{masters}-{run}"), masters, workers, kubeadm::boot)?);
    }
    for (what, of) in [("API ready", (|boot: &Boot| boot.api) as fn(&Boot) -> f64), ("all Ready", |boot| boot.nodes)] {
        let (own, peer) = (median(&ours, of), median(&theirs, of));
        println!("  {what:<10} kfimg {own:6.1}   kubeadm {peer:6.1}   ratio {:.2}", own / peer);
    }
    Ok(())
}

/// One measurement on new machines whose disks hold all images.
fn in_lab(name: &str, masters: u8, workers: u8, boot: fn(&Cluster) -> Result<Boot>) -> Result<Boot> {
    let folder: PathBuf = cache().join("scenarios").join(format!("bench-{name}"));
    if let Ok(former) = Cluster::open(&folder) {
        former.down()?;
    }
    let cluster = Cluster::create(&folder, Topology::new(masters, workers))?;
    let measured = preload(&cluster).and_then(|()| boot(&cluster));
    cluster.down()?;
    fs_err::remove_dir_all(&folder)?;
    measured
}

/// Boots each machine with a payload without Kubernetes, pulls all images, and switches it off again.
fn preload(cluster: &Cluster) -> Result<()> {
    let images = fs_err::read_to_string(cluster.output().join("images.txt"))?;
    for machine in cluster.machines()? {
        machine.power_on(&payload::bare(cluster, machine.name(), &[])?)?;
        kfimg_lab::wait::wait_for("containerd", Duration::from_secs(60), || {
            let answer = machine.exec(&["crictl", "info"]);
            Ok(answer.map_or_else(
                |error| kfimg_lab::wait::Look::NotYet(error.to_string()),
                |_| kfimg_lab::wait::Look::Found(()),
            ))
        })?;
        for image in images.lines() {
            machine.exec(&["crictl", "pull", image])?;
        }
        machine.power_off()?;
    }
    Ok(())
}

fn median(boots: &[Boot], of: fn(&Boot) -> f64) -> f64 {
    let mut values: Vec<f64> = boots.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
