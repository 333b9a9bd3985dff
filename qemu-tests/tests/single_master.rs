//! A single machine is a whole cluster, survives a power cut, and never mistakes a blank disk for a lost one. The agent
//! takes little of it.

use kfimg_lab::{Error, Machine, Result, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(180);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_single_control_plane_founds_its_cluster_and_keeps_it_over_a_power_cut() {
    scenario::run("single_master", Topology::new(1, 0).layer(SCHEDULABLE), |cluster| {
        cluster.power_on("master1")?;
        cluster.wait_ready(1, BOUND)?;
        cluster.wait_pods(BOUND)?;
        cluster.write_mark("before")?;
        let peaks = peaks(&cluster.machine("master1")?)?;
        println!("peaks of the agent's processes: {peaks:?} KiB");
        assert!(!peaks.is_empty() && peaks.iter().all(|peak| *peak < MEMORY), "{peaks:?}");
        for _ in 0..3 {
            cluster.power_cut_all()?;
            cluster.power_on("master1")?;
            cluster.wait_voters(BOUND)?;
            cluster.wait_ready(1, BOUND)?;
            assert_eq!(cluster.marks()?, ["before"]);
        }
        Ok(())
    });
}

const SCHEDULABLE: &str = "nodeDefaults: {schedulable: true}\n";
/// No process of the agent may ever have had so much memory, in KiB.
const MEMORY: u64 = 10 << 10;

/// The most memory that each process of the agent has had, in KiB.
fn peaks(machine: &Machine) -> Result<Vec<u64>> {
    let script = "for folder in /proc/[0-9]*; do \
                  [ \"$(cat $folder/comm)\" = kfimg-agent ] && grep VmHWM $folder/status; done; true";
    let text = machine.exec(&["sh", "-c", script])?;
    let peak = |line: &str| line.split_whitespace().nth(1)?.parse().ok();
    text.lines().map(|line| peak(line).ok_or_else(|| Error::unusable("VmHWM", line))).collect()
}
