//! All machines are off, two control planes are wiped and start first: they must not found a second cluster. The operator
//! then lets the third one's data count, and nothing is lost.

use kfimg_lab::faults::Dice;
use kfimg_lab::{Cluster, Machine, Result, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(240);
const SOON: Duration = Duration::from_secs(30);
/// Long enough for an etcd that should not start to have started.
const WATCHED: Duration = Duration::from_secs(40);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn two_wiped_control_planes_wait_for_the_third_and_recover_from_refills_them() {
    let mut dice = Dice::new("two_wiped_wait_then_recover");
    scenario::run("two_wiped_wait_then_recover", Topology::new(3, 1), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(Duration::from_secs(60))?;
        cluster.write_mark("before")?;
        let masters = cluster.topology().masters.clone();
        let mixed = dice.shuffled(masters.iter().map(String::as_str));
        let [survivor, wiped @ ..] = &mixed[..] else { return Ok(()) };
        // What only the other two have is lost with their disks.
        cluster.wait_marks_of(&cluster.machine(survivor)?, &["before".to_owned()], SOON)?;
        cluster.power_cut_all()?;
        for node in wiped {
            cluster.machine(node)?.wipe()?;
            cluster.power_on(node)?;
        }
        nobody_founds(cluster, wiped)?;
        cluster.power_on(survivor)?;
        for node in wiped {
            cluster.machine(node)?.wait_told("etcd", "QUORUM_LOST", Duration::from_secs(60))?;
        }
        nobody_founds(cluster, wiped)?;
        recover(cluster, survivor)
    });
}

/// A member without data has no etcd, however long one looks.
fn nobody_founds(cluster: &Cluster, wiped: &[&str]) -> Result<()> {
    std::thread::sleep(WATCHED);
    for node in wiped {
        let machine = cluster.machine(node)?;
        let manifest = machine.read("/etc/kubernetes/manifests/etcd.yaml");
        assert_eq!(manifest, None, "{node} runs etcd");
    }
    Ok(())
}

/// The operator renders the next incarnation from the survivor, and boots everything with it.
fn recover(cluster: &mut Cluster, survivor: &str) -> Result<()> {
    let layer = format!("etcd: {{incarnation: 2, recoverFrom: {survivor}}}\n");
    let topology = cluster.topology().clone().layer(&layer);
    cluster.render(topology)?;
    cluster.machines()?.iter().try_for_each(Machine::power_cut)?;
    cluster.power_on_all()?;
    cluster.wait_voters(BOUND)?;
    cluster.wait_ready(4, BOUND)?;
    assert_eq!(cluster.marks()?, ["before"]);
    Ok(())
}
