//! Control planes are taken out of the description and switched off: the others take their members out of etcd by
//! themselves, and those that were removed found nothing when they come back with their old payload.

use kfimg_lab::{Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// The address has moved by then, if a machine had it that is off now.
const SETTLED: Duration = Duration::from_secs(10);
/// Long enough for an etcd that should not start to have started.
const WATCHED: Duration = Duration::from_secs(30);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn control_planes_that_are_removed_leave_etcd_and_the_others_go_on() {
    scenario::run("control_plane_removed", Topology::new(5, 0), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(5, BOUND)?;
        cluster.wait_voters(BOUND)?;
        cluster.write_mark("five")?;
        let old = fs_err::read(cluster.payload("master5"))?;

        // Who stays learns of it first; until then a machine that is off would still count in etcd's majority.
        cluster.render(Topology::new(3, 0))?;
        for node in ["master1", "master2", "master3"] {
            cluster.reboot(node, BOUND)?;
        }
        cluster.machine("master1")?.wait_told("etcd", "MEMBER_UNPLANNED", BOUND)?;
        for node in ["master4", "master5"] {
            cluster.lab().machine(node)?.power_off()?;
            cluster.kubectl(&["delete", "node", node])?;
        }
        cluster.wait_one_holder(SETTLED)?;
        // Now each of the three sees three voters, and nobody else.
        cluster.wait_voters(BOUND)?;
        cluster.wait_ready(3, BOUND)?;

        let payload = cluster.lab().folder().join("old.json");
        fs_err::write(&payload, old)?;
        let stray = cluster.lab().machine("master5")?;
        stray.wipe()?;
        stray.power_on(&payload)?;
        std::thread::sleep(WATCHED);
        assert_eq!(stray.read("/etc/kubernetes/manifests/kube-apiserver.yaml"), None);
        stray.power_cut()?;
        cluster.wait_voters(BOUND)?;
        assert_eq!(cluster.marks()?, ["five"]);
        Ok(())
    });
}
