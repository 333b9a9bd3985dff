//! A cluster of the real servers: nodes as machines on one switch, and each component in its pod's view of its node, under its pod's
//! user, with its manifest's own command line.
//!
//! No kubelet, agent or container is involved: the words that found etcd are those that the agent's guard says on a node.

use super::machine::Machine;
use super::node::{NodeRoot, Workplace};
use super::pod::Container;
use super::program::{both, built, find, run, succeed, succeed_with};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Nodes of a render, and what runs on them.
pub(crate) struct Cluster {
    /// Where it was rendered, and where the logs are.
    pub(crate) workplace: Workplace,
    nodes: Vec<(NodeRoot, Machine)>,
    _switch: Machine,
    /// By node and component. They end with the machines.
    running: BTreeMap<(String, String), Child>,
}

/// Where the agent's plan has the manifests that the agent installs when their time has come.
const WAITING: [(&str, &str); 3] = [
    ("etcd", "/etcd/manifest/source"),
    ("kube-apiserver", "/apiServerManifest/source"),
    ("keepalived", "/keepalivedManifest/source"),
];

/// Programs of this machine's distribution; all others are built.
const OF_DISTRIBUTION: [&str; 2] = ["haproxy", "keepalived"];

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// What a program printed that succeeded.
pub(crate) fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", both(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Cluster {
    /// The nodes that are wanted, as Ignition leaves them; nothing runs.
    pub(crate) fn of(workplace: Workplace, wanted: impl Fn(&NodeRoot) -> bool) -> Self {
        let switch = Machine::switch();
        let plugged = |node: NodeRoot| {
            let machine = Machine::plugged(&switch, &node);
            (node, machine)
        };
        let nodes = workplace.apply_all().into_iter().filter(wanted).map(plugged).collect();
        Self { workplace, nodes, _switch: switch, running: BTreeMap::new() }
    }

    fn at(&self, name: &str) -> usize {
        self.nodes.iter().position(|(node, _)| node.name == name).unwrap_or_else(|| panic!("there is no node {name}"))
    }

    /// All nodes, by name.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &NodeRoot> {
        self.nodes.iter().map(|(node, _)| node)
    }

    /// A node as it lies on its disk.
    pub(crate) fn node(&self, name: &str) -> &NodeRoot {
        &self.nodes[self.at(name)].0
    }

    /// The node's machine.
    pub(crate) fn machine(&self, name: &str) -> &Machine {
        &self.nodes[self.at(name)].1
    }

    /// Lays the newest render's payload out on an empty disk, below `label`, for what is started from now on.
    pub(crate) fn deliver(&mut self, name: &str, label: &str) {
        let (at, root) = (self.at(name), self.workplace.apply(&find("ignition"), label, name));
        self.nodes[at].0 = root;
    }

    /// The container of a component of a node.
    pub(crate) fn pod(&self, node: &str, component: &str) -> Container {
        let root = self.node(node);
        Container::read(&root.text(&manifest(root, component)), component)
    }

    /// Starts a component of a node; what it says goes to a file. etcd is told to found the cluster of all members.
    pub(crate) fn start(&mut self, node: &str, component: &str) {
        self.start_with(node, component, &[]);
    }

    /// The same with more arguments.
    pub(crate) fn start_with(&mut self, node: &str, component: &str, more: &[String]) {
        let program = if OF_DISTRIBUTION.contains(&component) { component.into() } else { built(component) };
        let root = self.node(node);
        let mut command = self.pod(node, component).start(self.machine(node), root, program);
        if component == "etcd" {
            command.args(founding(root));
        }
        self.keep(node, component, command.args(more));
    }

    /// Starts a command on a node's machine, such as whom the servers ask; what it says goes to a file.
    pub(crate) fn keep(&mut self, node: &str, label: &str, command: &mut Command) {
        let log = File::options().create(true).append(true).open(self.log(node, label)).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        self.running.insert((node.to_owned(), label.to_owned()), child);
    }

    /// Cuts a component's power.
    pub(crate) fn stop(&mut self, node: &str, component: &str) {
        let child = self.running.remove(&(node.to_owned(), component.to_owned()));
        self.machine(node).end(child.unwrap_or_else(|| panic!("{component} does not run on {node}")));
    }

    /// What a component of a node said.
    fn log(&self, node: &str, component: &str) -> PathBuf {
        self.workplace.folder().join(format!("{node}-{component}.log"))
    }

    /// Waits for what must become true within two minutes on a slow machine.
    pub(crate) fn wait(&self, what: &str, mut ready: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(120);
        while !ready() {
            assert!(Instant::now() < end, "{what} is not ready\n{}", self.last_words());
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Waits for a node's API server.
    pub(crate) fn wait_for_api(&self, node: &str) {
        self.wait(&format!("the API server of {node}"), || {
            self.kubectl(node, &["get", "--raw", "/readyz"]).status.success()
        });
    }

    /// The end of every log.
    fn last_words(&self) -> String {
        let script = "tail -n 3 -- *.log | cut -c 1-500";
        succeed(Command::new("sh").args(["-euc", script]).current_dir(self.workplace.folder()))
    }

    /// `kubectl` on a node's machine, as the administrator; the server is the kubeconfig's.
    pub(crate) fn kubectl_command(&self, node: &str) -> Command {
        let mut command = self.machine(node).command(built("kubectl"));
        command.arg(format!("--kubeconfig={}", self.workplace.output().join("admin.kubeconfig").display()));
        command.arg("--request-timeout=20s");
        command
    }

    /// The same, against the node's own API server.
    pub(crate) fn kubectl(&self, node: &str, arguments: &[&str]) -> Output {
        run(self.kubectl_command(node).arg(self.server(node)).args(arguments))
    }

    /// `kubectl` against the node's own API server, as whoever has this token.
    pub(crate) fn kubectl_with_token(&self, node: &str, token: &str, arguments: &[&str]) -> Output {
        let mut command = self.machine(node).command(built("kubectl"));
        command.args(["--kubeconfig=/dev/null", "--request-timeout=20s"]).arg(self.server(node));
        let authority = self.node(node).path("/etc/kubernetes/pki/ca.crt");
        command.arg(format!("--certificate-authority={}", authority.display()));
        run(command.arg(format!("--token={token}")).args(arguments))
    }

    /// What the node's own API server answers a stranger, over TLS that the cluster's authority vouches for.
    pub(crate) fn answer(&self, node: &str, request: &str) -> String {
        let root = self.node(node);
        let mut client = self.machine(node).command(find("openssl"));
        client.args(["s_client", "-quiet", "-verify_return_error", "-connect", &format!("{}:6443", root.address())]);
        client.arg("-CAfile").arg(root.path("/etc/kubernetes/pki/ca.crt"));
        succeed_with(&mut client, request)
    }

    /// Applies the addons as the node's agent does, in order and with its own credential; gives their number.
    ///
    /// # Panics
    /// When one is refused, or the API server warns of it.
    pub(crate) fn apply_addons(&self, node: &str) -> usize {
        let root = self.node(node);
        let plan = root.plan();
        let kubeconfig = root.path(plan["addons"]["kubeconfig"].as_str().unwrap());
        let files = plan["addons"]["files"].as_array().unwrap();
        for file in files {
            let mut apply = self.machine(node).command(built("kubectl"));
            apply.arg(format!("--kubeconfig={}", kubeconfig.display()));
            apply.args(["apply", "--server-side", "--validate=strict", "-f"]).arg(root.path(file.as_str().unwrap()));
            let said = run(&mut apply);
            assert!(said.status.success() && !both(&said).contains("Warning"), "{file}: {}", both(&said));
        }
        files.len()
    }

    fn server(&self, node: &str) -> String {
        format!("--server=https://{}:6443", self.node(node).address())
    }

    /// `etcdctl`, as the node's own health check asks the node's own member.
    pub(crate) fn etcdctl(&self, node: &str, arguments: &[&str]) -> Output {
        self.machine(node).etcdctl(self.node(node), arguments)
    }

    /// What etcd holds at a key.
    pub(crate) fn stored(&self, node: &str, key: &str) -> String {
        ok(&self.etcdctl(node, &["get", key, "--print-value-only"]))
    }
}

/// A component's manifest: the one that the agent installs later, or that lies there already.
fn manifest(node: &NodeRoot, component: &str) -> String {
    match WAITING.iter().find(|(name, _)| *name == component) {
        Some((_, place)) => text(node.plan().pointer(place).unwrap_or(&Value::Null)),
        None => format!("/etc/kubernetes/manifests/{component}.yaml"),
    }
}

/// The words that the guard adds to etcd's manifest when members found a cluster.
fn founding(node: &NodeRoot) -> [String; 3] {
    let plan = node.plan();
    let members = plan["etcd"]["members"].as_array().unwrap();
    let pair = |member: &Value| text(&member["name"]) + "=" + &text(&member["peerURL"]);
    let own = members.iter().find(|member| member["name"] == node.name.as_str()).unwrap();
    [
        "--initial-cluster-state=new".to_owned(),
        format!("--initial-cluster={}", members.iter().map(pair).collect::<Vec<_>>().join(",")),
        format!("--initial-advertise-peer-urls={}", text(&own["peerURL"])),
    ]
}
