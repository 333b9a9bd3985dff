//! A boot of what kfimg rendered, and how long its own steps took.

use super::Boot;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Machine, Result};
use std::time::{Duration, Instant};

const BOUND: Duration = Duration::from_secs(300);
/// Steps that everything else waits for, in their order.
const STEPS: &[&str] = &["kfimg-clock", "kfimg-preflight", "kfimg-images"];

/// Powers all machines on at once.
pub(crate) fn boot(cluster: &Cluster) -> Result<Boot> {
    let start = Instant::now();
    cluster.power_on_all()?;
    wait_for("the API", BOUND, || Ok(Look::when(cluster.endpoint_answers(), (), || "no answer".to_owned())))?;
    let api = start.elapsed().as_secs_f64();
    cluster.wait_ready(cluster.topology().machines().count(), BOUND)?;
    let nodes = start.elapsed().as_secs_f64();
    for machine in cluster.machines()? {
        println!("  {}: {}", machine.name(), steps(&machine)?);
    }
    Ok(Boot { api, nodes })
}

/// Time that each of kfimg's steps took, as systemd saw it, and etcd's way from its unit's start to the manifest.
fn steps(machine: &Machine) -> Result<String> {
    let mut line = String::new();
    let mut sum = 0.0;
    for unit in STEPS {
        let (begun, ended) = (
            moment(machine, unit, "ExecMainStartTimestampMonotonic")?,
            moment(machine, unit, "ExecMainExitTimestampMonotonic")?,
        );
        sum += ended - begun;
        line.push_str(&format!("{unit} {:.2} s, ", ended - begun));
    }
    line.push_str(&format!("together {sum:.2} s"));
    if let Some(text) = machine.read("/run/kfimg/steps/etcd.json") {
        line.push_str(&format!("; etcd: {}", text.trim_end()));
    }
    Ok(line)
}

/// A moment of a unit in seconds since the kernel's start.
fn moment(machine: &Machine, unit: &str, property: &str) -> Result<f64> {
    let text = machine.exec(&["systemctl", "show", "--value", "--property", property, unit])?;
    Ok(text.trim().parse::<f64>().unwrap_or(0.0) / 1e6)
}
