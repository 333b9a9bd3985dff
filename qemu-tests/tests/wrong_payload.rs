//! A machine that gets another node's payload says so and starts nothing, and so does a second machine with one payload where nothing but the
//! address tells the two apart; the cluster does not suffer.

use kfimg_lab::machine::Hardware;
use kfimg_lab::{Cluster, Machine, Result, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(240);
const TOLD: Duration = Duration::from_secs(60);
/// The network gets half a minute in which somebody else may be answered for (`agent`, `preflight::neighbour`).
const TOLD_OF_A_TWIN: Duration = Duration::from_secs(120);
/// The card of a machine that is in no description.
const OTHER_CARD: &str = "52:54:00:77:00:f0";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_machine_with_the_payload_of_another_one_stops_with_a_name_for_it() {
    scenario::run("wrong_payload", Topology::new(3, 1).unnamed(&["worker1"]), |cluster| {
        for node in ["master1", "master2", "worker1"] {
            cluster.power_on(node)?;
        }
        let stray = cluster.machine("master3")?;
        stray.power_on(&cluster.payload("master1"))?;
        stray.wait_told("preflight", "WRONG_MACHINE", TOLD)?;
        assert_eq!(stray.read("/etc/kubernetes/manifests/etcd.yaml"), None);
        starts_nothing(&stray);
        stray.power_cut()?;
        // What the stray machine did must not stand in the way of the right one.
        cluster.power_on("master3")?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(BOUND)?;
        a_twin(cluster)
    });
}

/// The worker's payload names no card: it fits a second machine, while the first one works.
fn a_twin(cluster: &Cluster) -> Result<()> {
    let hardware = Hardware { mac: OTHER_CARD.to_owned(), ..cluster.topology().hardware("worker1") };
    let twin = cluster.lab().build_machine("twin", hardware)?;
    twin.power_on(&cluster.payload("worker1"))?;
    twin.wait_told("preflight", "ADDRESS_TAKEN", TOLD_OF_A_TWIN)?;
    starts_nothing(&twin);
    twin.power_cut()?;
    cluster.wait_node("worker1", BOUND)?;
    cluster.wait_ready(4, BOUND).map(drop)
}

fn starts_nothing(machine: &Machine) {
    assert!(machine.exec(&["systemctl", "is-active", "kubelet"]).is_err(), "the kubelet of {} runs", machine.name());
}
