//! Any control plane that is wiped and booted with the same payload finds its own way back, and nothing is lost of what was written before
//! and while it was away.

use kfimg_lab::faults::Dice;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Result, Topology, scenario, site};
use std::time::{Duration, Instant};

/// In a row, one control plane after the other, so that each comes; `KFIMG_LAB_ROUNDS` makes it fewer.
const WIPES: usize = 5;
/// From power-on to a member that votes and an API server that is ready.
const GOAL: Duration = Duration::from_secs(60);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn any_wiped_control_plane_rejoins_by_itself_within_a_minute_and_nothing_is_lost() {
    let mut dice = Dice::new("wiped_control_plane_rejoins");
    scenario::run("wiped_control_plane_rejoins", Topology::new(3, 1), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(4, Duration::from_secs(240))?;
        cluster.wait_voters(GOAL)?;
        let masters = dice.shuffled(cluster.topology().masters.clone());
        let mut marks = Vec::new();
        for (number, victim) in (1..=scenario::rounds(WIPES)).zip(masters.iter().cycle()) {
            let (before, meanwhile) = (format!("{number}-before"), format!("{number}-meanwhile"));
            cluster.wait_written(&before, GOAL)?;
            let took = wipe(cluster, victim, &meanwhile)?;
            println!("{victim} was back after {:.0} s", took.as_secs_f32());
            assert!(took <= GOAL, "{victim} took {took:?}");
            cluster.wait_ready(4, Duration::from_secs(120))?;
            marks.extend([before, meanwhile]);
            marks.sort();
            assert_eq!(cluster.marks()?, marks);
            // It has them itself, and not only the others.
            assert_eq!(cluster.marks_of(&cluster.machine(victim)?)?, marks);
        }
        Ok(())
    });
}

fn wipe(cluster: &Cluster, victim: &str, meanwhile: &str) -> Result<Duration> {
    let machine = cluster.machine(victim)?;
    machine.power_cut()?;
    machine.wipe()?;
    cluster.wait_written(meanwhile, GOAL)?;
    let start = Instant::now();
    cluster.power_on(victim)?;
    cluster.wait_voters(Duration::from_secs(180))?;
    let url = format!("https://{}:6443/readyz", site::node_address(victim));
    let look = || Ok(Look::when(cluster.answers(&url), (), || "silent".to_owned()));
    wait_for("its API server", Duration::from_secs(120), look)?;
    Ok(start.elapsed())
}
