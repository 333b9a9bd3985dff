//! What people run on the cluster works: pods on every node, Services, DNS, node ports, logs, exec, metrics; and the same with
//! kube-proxy's rules in iptables.

use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::workload::with_workload;
use kfimg_lab::{Cluster, Result, Topology, scenario};
use std::collections::BTreeSet;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(240);

/// What kube-proxy makes in each of its modes, as the machine's own tools list it. IPVS is none of the lab's: its kernel has no `ip_vs`.
const NFTABLES: (&[&str], &str) = (&["nft", "list", "tables"], "table ip kube-proxy");
const IPTABLES: (&[&str], &str) = (&["iptables-save", "-t", "nat"], ":KUBE-SERVICES");

#[test]
#[ignore = "boots machines: make cluster-test"]
fn pods_services_dns_logs_and_metrics_work_on_every_node() {
    scenario::run("services_and_dns_work", with_workload(Topology::new(3, 1)), |cluster| {
        boots_and_answers(cluster)?;
        has_rules(cluster, NFTABLES, IPTABLES)?;
        cluster.kubectl(&["logs", "-n", "kube-system", "etcd-master1", "--tail=1"])?;
        metrics_come(cluster)
    });
}

#[test]
#[ignore = "boots machines: make cluster-test"]
fn services_work_the_same_by_iptables() {
    let topology = with_workload(Topology::new(1, 1)).layer("kubeProxy: {mode: iptables}\n");
    scenario::run("services_by_iptables", topology, |cluster| {
        boots_and_answers(cluster)?;
        has_rules(cluster, IPTABLES, NFTABLES)
    });
}

/// The workload answers every pod by its name, and at every node's port from outside.
fn boots_and_answers(cluster: &Cluster) -> Result<()> {
    let nodes: Vec<String> = cluster.topology().machines().map(str::to_owned).collect();
    cluster.power_on_all()?;
    cluster.wait_ready(nodes.len(), BOUND)?;
    cluster.wait_pods(BOUND)?;
    let pods = cluster.workload_pods()?;
    assert_eq!(pods.len(), nodes.len(), "{pods:?}");
    for pod in &pods {
        names_are_found(cluster, pod)?;
    }
    for node in &nodes {
        assert!(cluster.workload_answers(node), "the node port of {node} is silent");
    }
    Ok(())
}

/// Every node has kube-proxy's rules in the one and not in the other.
fn has_rules(cluster: &Cluster, here: (&[&str], &str), elsewhere: (&[&str], &str)) -> Result<()> {
    for machine in cluster.machines()? {
        assert!(machine.exec(here.0)?.contains(here.1), "{} has no {}", machine.name(), here.1);
        assert!(!machine.exec(elsewhere.0)?.contains(elsewhere.1), "{} has {}", machine.name(), elsewhere.1);
    }
    Ok(())
}

/// By the Service's name and through its address, and not always from the same pod.
fn names_are_found(cluster: &Cluster, pod: &str) -> Result<()> {
    let script = "nslookup kubernetes.default.svc.cluster.local >/dev/null && \
                  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do wget -q -O - http://web.default.svc.cluster.local/; done";
    let said = cluster.kubectl(&["exec", pod, "--", "sh", "-c", script])?;
    let answers: BTreeSet<&str> = said.lines().collect();
    assert!(answers.len() > 1, "{pod} reached {answers:?} only");
    Ok(())
}

/// metrics-server answers through the API servers' front proxy.
fn metrics_come(cluster: &Cluster) -> Result<()> {
    let look = || {
        let said = cluster.kubectl(&["top", "nodes", "--no-headers"]);
        let lines = said.as_ref().map_or(0, |text| text.lines().count());
        Ok(Look::when(lines == 4, (), || format!("{said:?}")))
    };
    wait_for("metrics of four nodes", Duration::from_secs(120), look).map(drop)
}
