//! A power cut after all control planes have agreed to found the cluster, and before more than one of them has data: the one with data
//! that boots first starts its etcd, which never sees a leader. It is stopped, though the kubelet has never read from an API server and
//! ends no pod before it has, and they found the cluster anew.

use kfimg_lab::bundle;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Machine, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(120);
/// The guard's patience with an etcd without a leader, the kubelet's time to end it, and a cluster that is founded.
const FOUNDED: Duration = Duration::from_secs(300);
/// What the guard keeps beside etcd's data, and etcd's log.
const MARKER: &str = "lib/etcd/marker.json";
const LOG: &str = "lib/etcd/member/wal";
/// The only one that has images at first.
const FIRST: &str = "master1";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn who_alone_has_the_log_of_a_cluster_that_was_never_founded_does_not_wait_for_ever() {
    scenario::run("cut_while_founding", Topology::new(3, 0), |cluster| {
        let (first, source) = (cluster.machine(FIRST)?, cluster.lab().bundle());
        first.with_disk(|disk| bundle::copy(&source, &disk.join(bundle::PLACE)))?;
        cluster.lab().registry().stop()?;
        cluster.power_on_all()?;
        let machines = cluster.machines()?;
        wait_for("the decision to found", BOUND, || {
            Ok(Look::when(first.disk().join(LOG).exists() && machines.iter().all(has_agreed), (), String::new))
        })?;
        cluster.power_cut_all()?;
        for machine in &machines {
            let has_log = machine.with_disk(|disk| Ok(disk.join(LOG).exists()))?;
            assert_eq!(has_log, machine.name() == FIRST, "the log of {}", machine.name());
        }

        cluster.lab().registry().start()?;
        cluster.power_on(FIRST)?;
        wait_for("its etcd", BOUND, || Ok(Look::when(runs_etcd(&first), (), String::new)))?;
        machines
            .iter()
            .filter(|machine| machine.name() != FIRST)
            .try_for_each(|machine| cluster.power_on(machine.name()))?;
        let ready = cluster.wait_ready(3, FOUNDED)?;
        println!("Ready {:.0} s after the others had power", ready.as_secs_f32());
        cluster.wait_voters(BOUND)?;
        cluster.write_mark("founded")
    });
}

fn has_agreed(machine: &Machine) -> bool {
    fs_err::read_to_string(machine.disk().join(MARKER)).is_ok_and(|marker| marker.contains("\"committed\""))
}

fn runs_etcd(machine: &Machine) -> bool {
    machine.exec(&["pgrep", "-x", "etcd"]).is_ok()
}
