//! The cache of names on every node: pods ask it first, it answers for the cluster and for itself, and without it they ask
//! cluster DNS.

use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::workload::with_workload;
use kfimg_lab::{Cluster, Result, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
const CACHE: &str = "169.254.20.10";
const NAME: &str = "web.default.svc.cluster.local";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn pods_ask_the_cache_of_their_node_and_the_cluster_while_it_is_away() {
    let topology = with_workload(Topology::new(1, 1)).layer("dns: {nodeLocalCache: {enabled: true}}\n");
    scenario::run("node_local_dns", topology, |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(2, BOUND)?;
        cluster.wait_pods(BOUND)?;
        let pods = cluster.workload_pods()?;
        assert_eq!(pods.len(), 2, "{pods:?}");
        for pod in &pods {
            let resolver = cluster.kubectl(&["exec", pod, "--", "cat", "/etc/resolv.conf"])?;
            assert!(resolver.contains(&format!("nameserver {CACHE}\nnameserver 10.96.0.10\n")), "{resolver}");
            wait_found(cluster, pod, Some(CACHE))?;
        }
        cluster.kubectl(&["delete", "daemonset", "-n", "kube-system", "node-local-dns"])?;
        for pod in &pods {
            wait_found(cluster, pod, None)?;
        }
        Ok(())
    });
}

/// The name is found, by one server or by those of the pod's own file.
fn wait_found(cluster: &Cluster, pod: &str, server: Option<&str>) -> Result<()> {
    let words = [&["exec", pod, "--", "nslookup", NAME][..], server.as_slice()].concat();
    let look = || {
        let said = cluster.kubectl(&words);
        Ok(Look::when(said.is_ok(), (), || format!("{said:?}")))
    };
    wait_for(&format!("{NAME} in {pod}"), Duration::from_secs(60), look).map(drop)
}
