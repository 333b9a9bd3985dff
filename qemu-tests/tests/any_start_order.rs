//! Profile `ha3`: three control planes and a worker with blank disks become a cluster in any order of power-on.

use kfimg_lab::faults::Dice;
use kfimg_lab::{Entrance, Result, Topology, scenario};
use std::time::Duration;

/// `KFIMG_LAB_ROUNDS` makes it fewer.
const ROUNDS: usize = 20;
/// Longest time between two machines.
const PAUSE: Duration = Duration::from_secs(10);
const BOUND: Duration = Duration::from_secs(240);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn three_control_planes_and_a_worker_become_ready_in_any_order_of_power_on() {
    let mut dice = Dice::new("any_start_order");
    scenario::run("any_start_order", Topology::of_profile("ha3", 3, 1, Entrance::Virtual), |cluster| {
        for round in 1..=scenario::rounds(ROUNDS) {
            let nodes: Vec<String> = cluster.topology().machines().map(str::to_owned).collect();
            let order = dice.shuffled(nodes.iter().map(String::as_str));
            cluster.power_on_one_by_one(&order, &mut dice, PAUSE)?;
            let ready = cluster.wait_ready(4, BOUND)?;
            cluster.wait_voters(Duration::from_secs(60))?;
            println!("round {round}: {order:?}, Ready {:.0} s after the last", ready.as_secs_f32());
            let holders = cluster.endpoint_holders()?;
            assert_eq!(holders.len(), 1, "{holders:?}");
            // All disks are blank again: nothing remembers the cluster, and the payloads stay.
            cluster.power_cut_all()?;
            cluster.wipe_all()?;
        }
        Result::Ok(())
    });
}
