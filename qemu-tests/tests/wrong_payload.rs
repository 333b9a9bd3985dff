//! A machine that gets another node's payload says so and starts nothing; the cluster does not suffer.

use kfimg_lab::{Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(240);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_machine_with_the_payload_of_another_node_stops_with_a_name_for_it() {
    scenario::run("wrong_payload", Topology::new(3, 1), |cluster| {
        for node in ["master1", "master2", "worker1"] {
            cluster.power_on(node)?;
        }
        let stray = cluster.machine("master3")?;
        stray.power_on(&cluster.payload("master1"))?;
        cluster.machine("master3")?.wait_told("preflight", "WRONG_MACHINE", Duration::from_secs(60))?;
        assert_eq!(stray.read("/etc/kubernetes/manifests/etcd.yaml"), None);
        assert!(stray.exec(&["systemctl", "is-active", "kubelet"]).is_err(), "the kubelet runs");
        stray.power_cut()?;
        // What the stray machine did must not stand in the way of the right one.
        cluster.power_on("master3")?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(BOUND).map(drop)
    });
}
