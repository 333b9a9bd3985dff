//! A control plane is taken out of the description and switched off: the others take its member out of etcd by themselves.

use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_control_plane_that_is_removed_leaves_etcd_and_the_others_go_on() {
    scenario::run("control_plane_removed", Topology::new(4, 0), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(BOUND)?;
        cluster.write_mark("four")?;

        cluster.machine("master4")?.power_off()?;
        cluster.render(Topology::new(3, 0))?;
        for node in ["master1", "master2", "master3"] {
            cluster.reboot(node, BOUND)?;
        }
        // Now each of the three sees three voters, and nobody else.
        cluster.wait_voters(BOUND)?;
        cluster.kubectl(&["delete", "node", "master4"])?;
        cluster.wait_ready(3, BOUND)?;

        // With the old payload it finds that it was removed, and founds nothing.
        cluster.lab().machine("master4")?.power_cut()?;
        let two_are_enough = || {
            cluster.machine("master1")?.power_cut()?;
            let look = || Ok(Look::when(cluster.endpoint_answers(), (), || "no answer".to_owned()));
            wait_for("the API with two of three", BOUND, look)
        };
        two_are_enough()?;
        assert_eq!(cluster.marks()?, ["four"]);
        Ok(())
    });
}
