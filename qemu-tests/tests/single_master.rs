//! A single machine is a whole cluster, survives a power cut, and never mistakes a blank disk for a lost one.

use kfimg_lab::{Topology, scenario};
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
