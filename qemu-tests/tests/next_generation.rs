//! A cluster grows and changes by the next render: a new worker, a renewed certificate, a fourth and a fifth control plane.
//! Each machine gets its new payload at a boot, in the order that `kfimg diff` says, and the API and a workload answer all the time. An older
//! payload is refused.

use kfimg_lab::generation::{Action, Step};
use kfimg_lab::watch::{Asked, Watch};
use kfimg_lab::workload::with_workload;
use kfimg_lab::{Cluster, Result, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// Two that announce themselves have agreed by then.
const SETTLED: Duration = Duration::from_secs(10);
/// A machine finds out soon that its payload is an older one.
const TOLD: Duration = Duration::from_secs(60);
/// An answer may take this long to be there again: haproxy finds out who has gone, the address moves, and six machines share two
/// processors with one that boots.
const GAP: Duration = Duration::from_secs(10);
/// The node at whose port the workload is asked, until it has to boot itself.
const ASKED: &str = "worker1";
/// Certificate of the API server, as a node has it.
const CERTIFICATE: &str = "/etc/kubernetes/pki/apiserver.crt";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn nodes_and_certificates_come_with_the_next_generation_one_reboot_after_the_other() {
    scenario::run("next_generation", with_workload(Topology::new(3, 1)), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(BOUND)?;
        cluster.wait_pods(BOUND)?;
        cluster.write_mark("three")?;
        let watch = Watch::begin(cluster, &[Asked::Api, Asked::Workload(ASKED)]);

        // A worker needs nothing of the others: it alone boots.
        let steps = cluster.render_next(with_workload(Topology::new(3, 2)))?;
        assert_eq!(Step::named(&steps), [(Action::BootNew, "worker2")]);
        follow(cluster, &steps)?;
        cluster.wait_ready(5, BOUND)?;
        renew(cluster)?;

        // Two more control planes: the first three learn of them, then they join one after the other.
        let steps = cluster.render_next(with_workload(Topology::new(5, 2)))?;
        let (control_planes, workers) = Step::split(&steps, ASKED);
        follow(cluster, control_planes)?;
        cluster.wait_voters(BOUND)?;
        let silent = watch.end();
        assert!(silent.iter().all(|silent| *silent <= GAP), "API and workload were silent for {silent:?}");
        follow(cluster, workers)?;
        cluster.wait_ready(7, BOUND)?;
        assert_eq!(cluster.marks()?, ["master4", "master5", "three", "worker2"]);
        Ok(())
    });
}

/// Follows the steps; each machine that is new sees a write. Lists of control planes differ meanwhile, and one holds the address all the same.
fn follow(cluster: &Cluster, steps: &[Step]) -> Result<()> {
    for step in steps {
        cluster.follow(step, BOUND)?;
        cluster.wait_one_holder(SETTLED)?;
        if step.action == Action::BootNew {
            step.nodes.iter().try_for_each(|node| cluster.write_mark(node))?;
        }
    }
    Ok(())
}

/// One node's certificates are issued anew; it alone boots again. With the payload of before it does not any more.
fn renew(cluster: &mut Cluster) -> Result<()> {
    let machine = cluster.machine("master2")?;
    let before = machine.read(CERTIFICATE);
    let older = cluster.lab().folder().join("older.json");
    fs_err::copy(cluster.payload("master2"), &older)?;
    cluster.renew("master2")?;
    let steps = cluster.render_next(cluster.topology().clone())?;
    assert_eq!(Step::named(&steps), [(Action::Boot, "master2")]);
    follow(cluster, &steps)?;
    cluster.wait_voters(BOUND)?;
    assert_ne!(before, machine.read(CERTIFICATE), "the certificate is the old one");

    machine.power_off()?;
    machine.power_on(&older)?;
    machine.wait_told("preflight", "GENERATION_LOWER", TOLD)?;
    assert!(machine.exec(&["systemctl", "is-active", "kubelet"]).is_err(), "the kubelet runs");
    machine.power_cut()?;
    cluster.power_on("master2")?;
    cluster.wait_node("master2", BOUND)?;
    cluster.wait_voters(BOUND).map(drop)
}
