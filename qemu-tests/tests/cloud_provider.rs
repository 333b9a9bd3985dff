//! `cloudProvider: external`, with a cloud that exists for tests and the real controllers of `k8s.io/cloud-provider`: Nodes boot Ready and not
//! initialised, what the cloud's controller needs runs on them, other pods wait; each Node is the cluster's once the cloud
//! knows its machine, and no longer when the cloud has it no more.

#[allow(dead_code)]
#[path = "../../cli/tests/support/fenced.rs"]
mod fenced;

use kfimg_lab::observe::{has_condition, items};
use kfimg_lab::site::node_address;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Result, Topology, scenario};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// The description and the controller's manifest are those of the document.
const DOCUMENT: &str = include_str!("../../docs/topologies.md");
const CONTROLLER: &str = "cloud-controller-manager.yaml";
/// What a cloud's maker brings with it: an account, with the rights of the example in Kubernetes' own documentation.
const ACCOUNT: &str = "\
apiVersion: v1
kind: ServiceAccount
metadata: {name: cloud-controller-manager, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: system:cloud-controller-manager}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: cloud-controller-manager, namespace: kube-system}]
";
/// A site's own workload, which tolerates nothing.
const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: default}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: shop, image: 'docker.io/library/busybox:1.37', command: [sleep, infinity]}]
";
const UNINITIALIZED: &str = "node.cloudprovider.kubernetes.io/uninitialized";
/// The cloud's list of machines (`go/cloud-controller-manager`).
const MACHINES: [&str; 4] = ["configmap", "cloud-machines", "-n", "kube-system"];

#[test]
#[ignore = "boots machines: make cluster-test"]
fn nodes_wait_for_their_cloud_and_belong_to_the_cluster_once_it_knows_them() {
    scenario::run("cloud_provider", topology(), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(2, BOUND)?;
        wait_others_wait(cluster, &["metrics-server", "shop"])?;
        for node in ["master1", "worker1"] {
            let found = cluster.get(&["node", node])?;
            assert!(is_tainted(&found) && found["spec"]["providerID"].is_null(), "{node}: {found}");
        }

        // The cloud answers, and knows one machine; then the other, too.
        cluster.kubectl(&[&["create"], &MACHINES[..], &[&known("worker1")]].concat())?;
        wait_initialized(cluster, "worker1")?;
        cluster.wait_pods(BOUND)?;
        let nodes = cluster.kubectl(&["get", "pods", "-l", "app=shop", "-o", "jsonpath={.items[*].spec.nodeName}"])?;
        assert_eq!(nodes, "worker1");
        assert!(is_tainted(&cluster.get(&["node", "master1"])?), "nobody knows master1 yet");
        tell_cloud(cluster, "master1", Some(&node_address("master1").to_string()))?;
        wait_initialized(cluster, "master1")?;

        // A boot asks nobody again.
        cluster.machine("worker1")?.power_cut()?;
        cluster.power_on("worker1")?;
        cluster.wait_node("worker1", BOUND)?;
        wait_initialized(cluster, "worker1")?;

        // What the cloud has no more goes without anybody's order; a machine with its name is a new one.
        cluster.machine("worker1")?.power_cut()?;
        tell_cloud(cluster, "worker1", None)?;
        wait_gone(cluster, "worker1")?;
        cluster.power_on("worker1")?;
        tell_cloud(cluster, "worker1", Some(&node_address("worker1").to_string()))?;
        cluster.wait_node("worker1", BOUND)?;
        wait_initialized(cluster, "worker1")
    });
}

/// As the document says; what the cloud's maker and the site have of their own stands in the same file.
fn topology() -> Topology {
    let blocks = fenced::of(DOCUMENT, "yaml").into_iter().map(|block| block.text());
    let description = blocks.into_iter().find(|text| text.contains("cloudProvider: external\n")).expect("it has one");
    let manifest = fenced::that(DOCUMENT, "yaml", &format!("# file: {CONTROLLER}")).text();
    Topology::new(1, 1).layer(&description).file(CONTROLLER, &[ACCOUNT, &manifest, SHOP].join("---\n"))
}

/// Waits until pods of these names, and no others, wait for a Node, and all others are Ready: the network, names, the controller.
fn wait_others_wait(cluster: &Cluster, expected: &[&str]) -> Result<()> {
    let look = || {
        let found = match cluster.get(&["pods", "--all-namespaces"]) {
            Ok(found) => found,
            Err(error) => return Ok(Look::NotYet(error.to_string())),
        };
        let (placed, waiting): (Vec<&Value>, Vec<&Value>) =
            items(&found).into_iter().partition(|pod| has_condition(pod, "PodScheduled"));
        let waiting: BTreeSet<&str> = waiting.into_iter().map(owner).collect();
        let unready: Vec<&str> =
            placed.iter().filter(|pod| !has_condition(pod, "Ready")).map(|pod| owner(pod)).collect();
        let names: BTreeSet<&str> = placed.iter().map(|pod| owner(pod)).collect();
        let runs = ["cloud-controller-manager", "kube-dns", "flannel"].iter().all(|name| names.contains(name));
        let holds = runs && unready.is_empty() && waiting == expected.iter().copied().collect();
        Ok(Look::when(holds, (), || format!("{waiting:?} wait, {unready:?} are not Ready, {names:?} are placed")))
    };
    wait_for("pods that wait for the cloud, and those that do not", BOUND, look).map(drop)
}

/// The name of the pod's kind: what a label says, else its own.
fn owner(pod: &Value) -> &str {
    let labels = &pod["metadata"]["labels"];
    let named = ["k8s-app", "app", "component"].into_iter().find_map(|label| labels[label].as_str());
    named.or_else(|| pod["metadata"]["name"].as_str()).unwrap_or_default()
}

fn is_tainted(node: &Value) -> bool {
    node["spec"]["taints"].as_array().into_iter().flatten().any(|taint| taint["key"] == UNINITIALIZED)
}

/// Waits until the cloud has said of a Node what it is, and nothing keeps pods from it. The controller asks at intervals that grow with
/// the time that it has waited.
fn wait_initialized(cluster: &Cluster, name: &str) -> Result<()> {
    let look = || {
        let node = match cluster.get(&["node", name]) {
            Ok(node) => node,
            Err(error) => return Ok(Look::NotYet(error.to_string())),
        };
        let told = node["spec"]["providerID"] == format!("example://{name}")
            && node["metadata"]["labels"]["topology.kubernetes.io/zone"] == "north-1";
        let mut addresses = node["status"]["addresses"].as_array().into_iter().flatten();
        let has_address = addresses.any(|address| address["address"] == node_address(name).to_string());
        let holds = told && has_address && !is_tainted(&node);
        Ok(Look::when(holds, (), || format!("{} {}", node["spec"], node["status"]["addresses"])))
    };
    let (_, time) = wait_for(&format!("{name} initialised by the cloud"), BOUND, look)?;
    scenario::tell(&format!("{name} was initialised"), time);
    Ok(())
}

fn wait_gone(cluster: &Cluster, name: &str) -> Result<()> {
    let look = || {
        let names = cluster.kubectl(&["get", "nodes", "-o", "name"]);
        let gone = names.as_ref().is_ok_and(|names| !names.contains(name));
        Ok(Look::when(gone, (), || format!("{names:?}")))
    };
    wait_for(&format!("{name} taken out by the cloud"), BOUND, look).map(drop)
}

fn known(node: &str) -> String {
    format!("--from-literal={node}={}", node_address(node))
}

/// Puts a machine on the cloud's list, or takes it off.
fn tell_cloud(cluster: &Cluster, node: &str, address: Option<&str>) -> Result<()> {
    let patch = serde_json::json!({ "data": { node: address } }).to_string();
    cluster.kubectl(&[&["patch"], &MACHINES[..], &["--type=merge", "--patch", &patch]].concat()).map(drop)
}
