//! The power of all machines fails at any moment of the first boot: with power again they become a cluster.

use kfimg_lab::faults::Dice;
use kfimg_lab::{Topology, scenario};
use std::time::Duration;

/// `KFIMG_LAB_ROUNDS` makes it fewer.
const ROUNDS: usize = 20;
/// A first boot takes about this long.
const LATEST: Duration = Duration::from_secs(50);
const BOUND: Duration = Duration::from_secs(300);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_power_cut_at_any_moment_of_the_first_boot_leaves_nothing_that_stops_the_second() {
    let mut dice = Dice::new("power_cut_during_first_boot");
    scenario::run("power_cut_during_first_boot", Topology::new(3, 1), |cluster| {
        for round in 1..=scenario::rounds(ROUNDS) {
            cluster.power_on_all()?;
            let moment = dice.time_below(LATEST);
            std::thread::sleep(moment);
            let machines = cluster.machines()?;
            // Not all at the same moment: some may see the others go.
            for machine in dice.shuffled(&machines) {
                machine.power_cut()?;
                std::thread::sleep(dice.time_below(Duration::from_secs(1)));
            }
            cluster.power_on_all()?;
            let ready = cluster.wait_ready(4, BOUND)?;
            cluster.wait_voters(Duration::from_secs(60))?;
            println!(
                "round {round}: cut after {:.1} s, Ready {:.0} s after power",
                moment.as_secs_f32(),
                ready.as_secs_f32()
            );
            cluster.power_cut_all()?;
            cluster.wipe_all()?;
        }
        Ok(())
    });
}
