//! The registry is off while the machines boot for the first time: they wait for it, and for nothing else.

use kfimg_lab::{Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// Long enough for the kubelet to have asked several times, with growing pauses.
const OUTAGE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn machines_that_boot_without_a_registry_become_a_cluster_when_it_is_back() {
    scenario::run("registry_dead_during_boot", Topology::new(3, 1), |cluster| {
        let registry = cluster.lab().registry();
        registry.stop()?;
        cluster.power_on_all()?;
        std::thread::sleep(OUTAGE);
        assert!(!cluster.endpoint_answers(), "an API without images");
        for machine in cluster.machines()? {
            assert_eq!(machine.step("preflight").map(|step| step.state).as_deref(), Some("done"), "{}", machine.name());
        }
        registry.start()?;
        let ready = cluster.wait_ready(4, BOUND)?;
        println!("Ready {:.0} s after the registry was back", ready.as_secs_f32());
        cluster.wait_voters(Duration::from_secs(60))?;

        // Who has its images needs no registry to boot again.
        registry.stop()?;
        cluster.power_cut_all()?;
        cluster.power_on_all()?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(Duration::from_secs(60)).map(drop)
    });
}
