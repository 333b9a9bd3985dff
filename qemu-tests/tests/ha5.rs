//! Profile `ha5` as it is: five control planes become Ready, and two of them may be lost.

use kfimg_lab::{Entrance, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(400);
const SOON: Duration = Duration::from_secs(60);
/// keepalived takes three looks at a fresh haproxy, and two that announce themselves have agreed by then.
const SETTLED: Duration = Duration::from_secs(15);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn five_control_planes_become_ready_and_write_on_without_two_of_them() {
    scenario::run("ha5", Topology::of_profile("ha5", 5, 0, Entrance::Virtual), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(5, BOUND)?;
        cluster.wait_voters(BOUND)?;
        let holder = cluster.wait_one_holder(SETTLED)?;
        cluster.write_mark("five")?;

        // Who holds the address, and one more.
        let other = if holder == "master1" { "master2" } else { "master1" };
        for lost in [holder.as_str(), other] {
            cluster.machine(lost)?.power_cut()?;
        }
        let next = cluster.wait_one_holder(SETTLED)?;
        assert!(next != holder && next != other, "{next}");
        cluster.wait_written("three", SOON)?;
        for lost in [holder.as_str(), other] {
            cluster.power_on(lost)?;
            cluster.wait_node(lost, BOUND)?;
        }
        cluster.wait_voters(BOUND)?;
        assert_eq!(cluster.marks()?, ["five", "three"]);
        Ok(())
    });
}
