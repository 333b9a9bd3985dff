//! kube-bench, run on booted machines, passes every automated check of the CIS Kubernetes Benchmark 1.12, and says of every check
//! what `kfimg validate --cis` said before the machines booted: on a control plane and a worker of `single-vip`, on a machine for etcd alone, and on
//! the control plane beside it.

use kfimg_lab::{Cluster, Entrance, Error, Machine, Result, Topology, cache, scenario};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);

/// A machine, and what kube-bench finds there.
struct Role {
    node: &'static str,
    /// What kube-bench is told to look at.
    targets: &'static str,
    /// The number of automated checks that the benchmark has for these.
    automated: usize,
    /// Automated checks of something that this machine does not have: kube-bench calls them failed (`docs/cis.md`).
    without: &'static [&'static str],
}

const CONTROL_PLANE: Role =
    Role { node: "master1", targets: "master,etcd,controlplane,node", automated: 65, without: &[] };
const WORKER: Role = Role { node: "worker1", targets: "node", automated: 12, without: &[] };
const ETCD: Role = Role { node: "etcd1", targets: "etcd", automated: 6, without: &[] };
const BESIDE_ETCD: Role = Role {
    node: "master1",
    targets: "master,controlplane,node",
    automated: 59,
    without: &["1.1.7", "1.1.8", "1.1.11", "1.1.12"],
};

/// Manual checks on which the two differ, and why: id, kube-bench's state (`any`: it depends on what runs), kfimg's state.
const DIFFERING: &str = include_str!("../kube-bench-differs.txt");

#[test]
#[ignore = "boots machines: make cluster-test"]
fn every_automated_check_passes_on_a_control_plane_and_on_a_worker() {
    let topology = Topology::of_profile("single-vip", 1, 1, Entrance::Virtual);
    scenario::run("kube_bench_finds_nothing", topology, |cluster| boots_and_passes(cluster, &[CONTROL_PLANE, WORKER]));
}

#[test]
#[ignore = "boots machines: make cluster-test"]
fn every_automated_check_passes_on_a_machine_for_etcd_and_beside_it() {
    let topology = Topology::of_profile("external-etcd", 1, 0, Entrance::Virtual).etcd(3);
    scenario::run("kube_bench_beside_etcd", topology, |cluster| boots_and_passes(cluster, &[ETCD, BESIDE_ETCD]));
}

fn boots_and_passes(cluster: &Cluster, roles: &[Role]) -> Result<()> {
    cluster.power_on_all()?;
    cluster.wait_ready(cluster.topology().nodes(), BOUND)?;
    let lint = cluster.cis()?;
    roles.iter().try_for_each(|role| passes(&cluster.machine(role.node)?, role, &states(&lint, role.node)))
}

fn passes(machine: &Machine, role: &Role, states: &BTreeMap<String, String>) -> Result<()> {
    let node = role.node;
    let results = results(machine, role.targets)?;
    let judged: Vec<&Value> = results.iter().filter(|result| !is_manual(result)).collect();
    let failed: Vec<&Value> = judged.iter().filter(|result| result["status"] != "PASS").copied().collect();
    println!("{node}: {} of {} automated checks pass", judged.len() - failed.len(), judged.len());
    let ids: Vec<&str> = failed.iter().filter_map(|result| result["test_number"].as_str()).collect();
    assert_eq!(ids, role.without, "{node}:\n{}", failed.iter().map(text).collect::<Vec<_>>().join("\n"));
    assert_eq!(judged.len(), role.automated, "{node}: the benchmark has other checks than expected");
    for id in role.without {
        assert_eq!(states.get(*id).map(String::as_str), Some("not-applicable"), "{node}: kfimg on {id}");
    }
    let compared = results.iter().filter(|result| !role.without.iter().any(|id| result["test_number"] == *id));
    let differing: Vec<String> = compared.filter_map(|result| difference(result, states)).collect();
    assert!(differing.is_empty(), "{node}: kube-bench and kfimg differ:\n{}", differing.join("\n"));
    Ok(())
}

/// The benchmark leaves it to people: the name of the check says so.
fn is_manual(result: &Value) -> bool {
    result["test_desc"].as_str().is_some_and(|text| text.trim_end().ends_with("(Manual)"))
}

/// What kfimg said of a node, by id.
fn states(lint: &Value, node: &str) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = lint["checks"].as_array().into_iter().flatten();
    checks.map(|check| (text(&check["id"]), text(&check["nodes"][node]))).collect()
}

/// Where the two do not say the same of a check. A check without a test in kube-bench is a warning there whatever it finds.
fn difference(result: &Value, states: &BTreeMap<String, String>) -> Option<String> {
    let field = |name: &str| result[name].as_str().unwrap_or_default();
    if field("type") == "manual" {
        return None;
    }
    let (id, theirs) = (field("test_number"), field("status"));
    let ours = states.get(id).map_or("absent", String::as_str);
    let row =
        DIFFERING.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|row| row.first() == Some(&id));
    let agree = match row.as_deref() {
        Some([_, their_state, our_state, ..]) => {
            (*their_state == "any" || *their_state == theirs) && *our_state == ours
        }
        _ => matches!((theirs, ours), ("PASS", "pass") | ("FAIL", "fail") | ("WARN", "warn")),
    };
    (!agree).then(|| format!("{id}: kube-bench {theirs}, kfimg {ours} ({})", field("reason")))
}

fn text(result: &&Value) -> String {
    let field = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
    format!("{} {} {}: {}", field("status"), field("test_number"), field("test_desc"), field("reason"))
}

/// Results of all checks, as kube-bench sees the machine from inside.
fn results(machine: &Machine, targets: &str) -> Result<Vec<Value>> {
    let inside = machine.running_root()?.join("run");
    let copied = Command::new("cp").args(["-rL", "--"]).args(programs()?).arg(&inside).status()?;
    assert!(copied.success(), "kube-bench could not be copied to {}", inside.display());
    let options =
        ["--config-dir", "/run/kube-bench-cfg", "--benchmark", "cis-1.12", "run", "--targets", targets, "--json"];
    let report = machine.exec(&[&["/run/kube-bench"], &options[..]].concat())?;
    let report: Value = serde_json::from_str(&report).map_err(|error| Error::unusable("kube-bench", error))?;
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let groups = list(&report, "Controls").into_iter().flat_map(move |control| list(&control, "tests"));
    Ok(groups.flat_map(move |group| list(&group, "results")).collect())
}

/// kube-bench and its checks.
fn programs() -> Result<[PathBuf; 2]> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/go/build.sh");
    let built = Command::new(script).arg("kube-bench").env("KFIMG_CACHE", cache()).output()?;
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let folder = PathBuf::from(String::from_utf8_lossy(&built.stdout).trim_end());
    Ok([folder.join("kube-bench"), folder.join("kube-bench-cfg")])
}
