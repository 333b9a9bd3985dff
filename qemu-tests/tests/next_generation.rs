//! A cluster grows and changes by the next render: a new worker, a fourth and a fifth control plane, a renewed certificate.
//! Each machine gets its new payload at a reboot, one after the other, and the API answers all the time.

use kfimg_lab::{Cluster, Result, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// Two that announce themselves have agreed by then.
const SETTLED: Duration = Duration::from_secs(10);
/// Certificate of the API server, as a node has it.
const CERTIFICATE: &str = "/etc/kubernetes/pki/apiserver.crt";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn nodes_and_certificates_come_with_the_next_generation_one_reboot_after_the_other() {
    scenario::run("next_generation", Topology::new(3, 1), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(BOUND)?;
        cluster.write_mark("three")?;

        // A worker needs nothing of the others: it boots.
        grow(cluster, Topology::new(3, 2))?;
        cluster.power_on("worker2")?;
        cluster.wait_ready(5, BOUND)?;

        // Two more control planes join one after the other, then the first three learn of them.
        grow(cluster, Topology::new(5, 2))?;
        for (number, new) in ["master4", "master5"].into_iter().enumerate() {
            cluster.power_on(new)?;
            cluster.wait_ready(6 + number, BOUND)?;
            // It knows of all the others, and they do not know of it yet.
            cluster.wait_one_holder(SETTLED)?;
            cluster.write_mark(new)?;
        }
        for old in ["master1", "master2", "master3"] {
            cluster.reboot(old, BOUND)?;
        }
        cluster.wait_voters(BOUND)?;
        cluster.wait_one_holder(SETTLED)?;

        renew(cluster)?;
        assert_eq!(cluster.marks()?, ["master4", "master5", "three"]);
        Ok(())
    });
}

fn grow(cluster: &mut Cluster, topology: Topology) -> Result<()> {
    cluster.render(topology)?;
    cluster.build_missing_machines()
}

/// One node's certificates are issued anew; it alone boots again.
fn renew(cluster: &mut Cluster) -> Result<()> {
    let machine = cluster.machine("master2")?;
    let before = machine.read(CERTIFICATE);
    cluster.renew("master2")?;
    cluster.render(cluster.topology().clone())?;
    cluster.reboot("master2", BOUND)?;
    cluster.wait_voters(BOUND)?;
    assert_ne!(before, machine.read(CERTIFICATE), "the certificate is the old one");
    Ok(())
}
