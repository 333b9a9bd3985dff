//! Kubernetes 1.35 becomes 1.36 by the next render, one machine after the other as `kfimg diff` says, while a workload and the API answer.

use kfimg_lab::generation::Step;
use kfimg_lab::watch::{Asked, Watch};
use kfimg_lab::workload::with_workload;
use kfimg_lab::{Cluster, Result, Topology, scenario, site};
use std::time::Duration;

const OLDER: &str = "v1.35.4";
const BOUND: Duration = Duration::from_secs(300);
/// The node whose port is asked; it is the last to be booted, and is not asked while it is.
const ASKED: &str = "worker2";
/// An answer of the workload may take this long to be there again: a connection of kube-proxy's to a pod that has just gone.
const GAP: Duration = Duration::from_secs(5);
/// One of the API: haproxy finds out who has gone, and the address moves, while two processors boot a machine.
const API_GAP: Duration = Duration::from_secs(10);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn an_upgrade_boots_one_machine_after_the_other_and_the_workload_answers_all_the_time() {
    let older = with_workload(Topology::new(3, 2)).kubernetes(OLDER);
    scenario::run("upgrade_keeps_answering", older, |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(5, BOUND)?;
        cluster.wait_pods(BOUND)?;
        assert_eq!(versions(cluster)?, [OLDER; 5]);
        cluster.write_mark("before")?;

        let newer = cluster.topology().clone().kubernetes(site::KUBERNETES);
        let steps = cluster.render_next(newer)?;
        let (before, last) = Step::split(&steps, ASKED);
        let watch = Watch::begin(cluster, &[Asked::Api, Asked::Workload(ASKED)]);
        follow(cluster, before)?;
        let silent = watch.end();
        assert!(silent[0] <= API_GAP && silent[1] <= GAP, "API and workload were silent for {silent:?}");

        follow(cluster, last)?;
        assert_eq!(versions(cluster)?, [site::KUBERNETES; 5]);
        assert_eq!(cluster.marks()?, ["before"]);
        Ok(())
    });
}

fn follow(cluster: &Cluster, steps: &[Step]) -> Result<()> {
    for step in steps {
        cluster.follow(step, BOUND)?;
        cluster.wait_pods(BOUND)?;
    }
    Ok(())
}

/// Versions of all kubelets.
fn versions(cluster: &Cluster) -> Result<Vec<String>> {
    let text = cluster.kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.kubeletVersion}"])?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}
