//! Profile `external-lb`: three control planes behind a load balancer of somebody else's, a real haproxy beside the cluster. It
//! finds by /readyz who is alive, and nothing inside the cluster needs it.

use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Entrance, Result, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// The balancer looks every second, and calls a server down after two looks.
const MOVED: Duration = Duration::from_secs(10);
/// Questions go to one server after the other: answers in a row that only a balancer gives that asks no dead one any more.
const STEADY: usize = 6;

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_load_balancer_of_somebody_elses_leads_to_whoever_is_alive_and_the_cluster_lives_without_it() {
    let topology = Topology::of_profile("external-lb", 3, 1, Entrance::Balancer);
    scenario::run("external_lb", topology, |cluster| {
        cluster.lab().balancer().start(&cluster.topology().masters)?;
        cluster.power_on_all()?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(BOUND)?;
        cluster.wait_pods(BOUND)?;
        assert!(cluster.endpoint_holders()?.is_empty(), "no machine has the balancer's address");
        cluster.write_mark("all")?;

        cluster.machine("master1")?.power_cut()?;
        wait_answer(cluster, "the API after a power cut", MOVED)?;
        cluster.write_mark("two")?;

        // Without it people are locked out, and nobody else: Nodes go on renewing their Leases.
        cluster.lab().balancer().stop()?;
        assert!(!cluster.endpoint_answers());
        wait_lease_renewed(cluster, "worker1")?;
        wait_lease_renewed(cluster, "master3")?;

        cluster.lab().balancer().start(&cluster.topology().masters)?;
        wait_answer(cluster, "the API when the balancer is back", MOVED)?;
        cluster.power_on("master1")?;
        cluster.wait_node("master1", BOUND)?;
        cluster.wait_voters(BOUND)?;
        assert_eq!(cluster.marks()?, ["all", "two"]);
        Ok(())
    });
}

fn wait_answer(cluster: &Cluster, what: &str, bound: Duration) -> Result<()> {
    let look = || {
        let answers = (0..STEADY).take_while(|_| cluster.endpoint_answers()).count();
        Ok(Look::when(answers == STEADY, (), || format!("silent after {answers} answers")))
    };
    wait_for(what, bound, look).map(drop)
}

/// As a control plane itself sees it, twice.
fn wait_lease_renewed(cluster: &Cluster, node: &str) -> Result<()> {
    let master = cluster.machine("master2")?;
    let words = ["kubectl", "get", "lease", "-n", "kube-node-lease", node, "-o", "jsonpath={.spec.renewTime}"];
    let mut before = None;
    let look = || {
        let Ok(time) = master.exec(&words) else { return Ok(Look::NotYet("no answer".to_owned())) };
        let first = before.get_or_insert_with(|| time.clone());
        Ok(Look::when(*first != time, (), || format!("renewed at {time}")))
    };
    wait_for(&format!("a renewed Lease of {node}"), Duration::from_secs(60), look).map(drop)
}
