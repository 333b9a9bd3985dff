//! The power of all machines fails at any moment of the first boot: with power again they become a cluster, and what was written and
//! acknowledged before is there.

use kfimg_lab::faults::Dice;
use kfimg_lab::{Cluster, Topology, scenario};
use std::time::{Duration, Instant};

/// `KFIMG_LAB_ROUNDS` makes it fewer.
const ROUNDS: usize = 20;
/// A first boot takes about this long.
const LATEST: Duration = Duration::from_secs(50);
const BOUND: Duration = Duration::from_secs(300);
/// Time between two tries to write.
const PAUSE: Duration = Duration::from_millis(500);
const MARK: &str = "acknowledged";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_power_cut_at_any_moment_of_the_first_boot_leaves_nothing_that_stops_the_second() {
    let mut dice = Dice::new("power_cut_during_first_boot");
    scenario::run("power_cut_during_first_boot", Topology::new(3, 1), |cluster| {
        for round in 1..=scenario::rounds(ROUNDS) {
            cluster.power_on_all()?;
            let moment = dice.time_below(LATEST);
            let written = write_until(cluster, Instant::now() + moment);
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
                "round {round}: cut after {:.1} s, a write acknowledged: {written}, Ready {:.0} s after power",
                moment.as_secs_f32(),
                ready.as_secs_f32()
            );
            assert!(!written || cluster.marks()? == [MARK], "the acknowledged write is lost");
            cluster.power_cut_all()?;
            cluster.wipe_all()?;
        }
        Ok(())
    });
}

/// Tries to write until that moment; whether it was acknowledged. A write under way may outlast the moment.
fn write_until(cluster: &Cluster, moment: Instant) -> bool {
    let mut written = false;
    while Instant::now() < moment {
        if !written && cluster.endpoint_answers() {
            written = cluster.write_mark(MARK).is_ok();
        }
        std::thread::sleep(PAUSE.min(moment.saturating_duration_since(Instant::now())));
    }
    written
}
