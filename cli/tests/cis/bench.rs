//! kube-bench on a rendered node: it sees the node's files, and processes with the names and flags of the node's programs.

use super::support::machine::Machine;
use super::support::node::NodeRoot;
use super::support::pod::Container;
use super::support::program::{as_root, find, go_folder, succeed};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Manual checks on which the two differ: id, kube-bench's state (`any`: it depends on what runs), ours.
const DIFFERING: &str = include_str!("../../../qemu-tests/kube-bench-differs.txt");
/// Where kube-bench finds its checks.
const CONFIG: &str = "/opt/kube-bench-cfg";
/// What it looks at.
const SEEN: [&str; 7] = [
    "/etc/kubernetes",
    "/etc/systemd/system",
    "/var/lib/kubelet",
    "/var/lib/etcd",
    "/etc/passwd",
    "/etc/group",
    CONFIG,
];

/// A node ready to be looked at.
pub(crate) struct Bench {
    node: NodeRoot,
    machine: Machine,
    processes: Vec<Child>,
}

/// What kube-bench says of a check.
pub(crate) struct Verdict {
    pub(crate) id: String,
    pub(crate) state: String,
    /// It has no test for it.
    is_untested: bool,
    reason: String,
}

impl Bench {
    /// Does what systemd and the agent do at boot, and starts processes that do nothing.
    pub(crate) fn of(node: NodeRoot) -> Self {
        succeed(as_root(find("systemd-sysusers")).arg(format!("--root={}", node.root().display())));
        install_manifests(&node);
        let config = go_folder(&["kube-bench"]).join("kube-bench-cfg");
        succeed(as_root("mkdir").arg("-p").arg(node.path("/opt")));
        succeed(as_root("cp").args(["-rLT", "--"]).arg(config).arg(node.path(CONFIG)));
        let machine = Machine::of(&node);
        for command in node.commands("kubelet.service", |key| key == "ExecStartPre") {
            let program = command[0].clone();
            let container = Container::of_host(command, &["/etc/kubernetes", "/var/lib/kubelet"]);
            let name = program.rsplit('/').next().unwrap().to_owned();
            succeed(&mut container.start(&machine, &node, name));
        }
        let processes = commands(&node).iter().map(|command| idle(&machine, &node, command)).collect();
        Self { node, machine, processes }
    }

    /// Runs kube-bench for these parts of the benchmark.
    pub(crate) fn run(&self, targets: &str) -> Vec<Verdict> {
        let options = ["--config-dir", CONFIG, "--benchmark", "cis-1.12", "run", "--targets", targets, "--json"]
            .map(str::to_owned);
        let command = [&["kube-bench".to_owned()], &options[..]].concat();
        let program = go_folder(&["kube-bench"]).join("kube-bench").canonicalize().unwrap();
        let said = succeed(&mut Container::of_host(command, &SEEN).start(&self.machine, &self.node, program));
        let report: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        let groups = list(&report, "Controls").into_iter().flat_map(|control| list(&control, "tests"));
        groups.flat_map(|group| list(&group, "results")).map(|result| Verdict::of(&result)).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Verdict {
    fn of(result: &Value) -> Self {
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        Self {
            id: text("test_number"),
            state: text("status"),
            is_untested: result["type"] == "manual",
            reason: [text("reason"), text("actual_value")].join(" "),
        }
    }

    /// Where our state of the check is another one.
    pub(crate) fn difference(&self, ours: &Value) -> Option<String> {
        let ours = ours.as_str().unwrap_or("absent");
        let rows = DIFFERING.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = rows.into_iter().find(|row| row.first() == Some(&&*self.id));
        let agree = match row.as_deref() {
            _ if self.is_untested => true,
            Some([_, theirs, expected, ..]) => (*theirs == "any" || *theirs == self.state) && *expected == ours,
            _ => matches!((&*self.state, ours), ("PASS", "pass") | ("FAIL", "fail") | ("WARN", "warn")),
        };
        (!agree).then(|| format!("{}: kube-bench {}, kfimg {ours} ({})", self.id, self.state, self.reason))
    }
}

/// Puts the manifests where the agent puts them, with the agent's mode.
fn install_manifests(node: &NodeRoot) {
    let plan = node.plan();
    for install in [&plan["etcd"]["manifest"], &plan["apiServerManifest"], &plan["keepalivedManifest"]] {
        let (Some(source), Some(destination)) = (install["source"].as_str(), install["destination"].as_str()) else {
            continue;
        };
        succeed(as_root("install").args(["-m", "0600"]).args([node.path(source), node.path(destination)]));
    }
}

/// Command lines of the node: static pods, the kubelet, kube-proxy.
fn commands(node: &NodeRoot) -> Vec<Vec<String>> {
    let kinds = ["yaml", "json"].into_iter();
    let files = kinds.flat_map(|kind| node.files("/etc/kubernetes/manifests", kind));
    let pods = files.map(|file| serde_saphyr::from_str::<Value>(&node.text(&file)).unwrap());
    let words = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap_or_default() };
    let mut found: Vec<Vec<String>> = pods.map(|pod| words(&pod["spec"]["containers"][0]["command"])).collect();
    found.extend(node.commands("kubelet.service", |key| key == "ExecStart"));
    found.push(vec!["kube-proxy".to_owned(), "--config=/var/lib/kube-proxy/config.conf".to_owned()]);
    found
}

/// A process with that name and those arguments, which waits for its end.
fn idle(machine: &Machine, node: &NodeRoot, command: &[String]) -> Child {
    let name = Path::new(&command[0]).file_name().unwrap();
    let folder = node.path("/opt/idle");
    succeed(as_root("mkdir").arg("-p").arg(&folder));
    let program = folder.join(name);
    succeed(as_root("cp").arg(find("dash").canonicalize().unwrap()).arg(&program));
    let mut process: Command = machine.command(program);
    // What a shell is told after its script are parameters: they do nothing and are seen.
    process.args(["-c", "read end"]).args(command).stdin(Stdio::piped());
    process.spawn().unwrap()
}
