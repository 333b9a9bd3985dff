//! Kubernetes 1.35 becomes 1.36 by the next render, one machine after the other, while a workload and the API answer.

use kfimg_lab::workload::with_workload;
use kfimg_lab::{Cluster, Result, Topology, scenario, site};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const OLDER: &str = "v1.35.4";
const BOUND: Duration = Duration::from_secs(300);
/// How often is asked.
const EVERY: Duration = Duration::from_millis(250);
/// The node whose port is asked; it is the last to be booted, and is not asked while it is.
const ASKED: &str = "worker1";
/// An answer may take this long to be there again: a connection of kube-proxy's to a pod that has just gone.
const GAP: Duration = Duration::from_secs(5);

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
        cluster.render(newer)?;
        let stop = AtomicBool::new(false);
        let (rolled, silent) = std::thread::scope(|scope| {
            let watch = scope.spawn(|| longest_silence(cluster, &stop));
            let rolled = ["master1", "master2", "master3", "worker2"].iter().try_for_each(|node| {
                cluster.reboot(node, BOUND)?;
                cluster.wait_pods(BOUND).map(drop)
            });
            stop.store(true, Ordering::Relaxed);
            (rolled, watch.join().unwrap_or(BOUND))
        });
        rolled?;
        println!("the workload was silent for {:.1} s at most", silent.as_secs_f32());
        assert!(silent <= GAP, "the workload was silent for {silent:?}");

        cluster.reboot(ASKED, BOUND)?;
        cluster.wait_pods(BOUND)?;
        assert_eq!(versions(cluster)?, [site::KUBERNETES; 5]);
        assert_eq!(cluster.marks()?, ["before"]);
        Ok(())
    });
}

/// The longest time between two answers.
fn longest_silence(cluster: &Cluster, stop: &AtomicBool) -> Duration {
    let (mut longest, mut answered) = (Duration::ZERO, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let answers = cluster.workload_answers(ASKED);
        longest = longest.max(answered.elapsed());
        if answers {
            answered = Instant::now();
        }
        std::thread::sleep(EVERY);
    }
    longest
}

/// Versions of all kubelets.
fn versions(cluster: &Cluster) -> Result<Vec<String>> {
    let text = cluster.kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.kubeletVersion}"])?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}
