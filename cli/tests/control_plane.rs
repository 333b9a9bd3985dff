//! The control planes of `ha3` run: three real etcd members and one real API server with controller-manager, scheduler and haproxy, each in its
//! pod's view of its node, under its pod's user, with its manifest's own command line.
//!
//! No kubelet, agent or container is involved: the test says the words to etcd that the agent's guard will say on a node.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use support::machine::Machine;
use support::node::{NodeRoot, Workplace, executable};
use support::pod::Container;
use support::program::{both, built, find, run, succeed, succeed_with};

/// The control planes, each a machine on one switch. The first has the API server.
struct ControlPlane {
    workplace: Workplace,
    nodes: Vec<NodeRoot>,
    machines: Vec<Machine>,
    _switch: Machine,
    /// They end with the machines.
    running: Vec<Child>,
}

const VIP: &str = "192.168.49.150";
const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// Stands for the agent that keepalived asks, which is another program's test: `check-api URL`.
const AGENT: &str = "#!/bin/bash
[[ $1 = check-api && $2 =~ ^http://127.0.0.1:([0-9]+)(/.*) ]]
exec 3<>/dev/tcp/127.0.0.1/${BASH_REMATCH[1]}
printf 'GET %s HTTP/1.0\\r\\n\\r\\n' ${BASH_REMATCH[2]} >&3
read -r version status rest <&3
[[ $status = 200 ]]
";

static CONTROL_PLANE: LazyLock<ControlPlane> = LazyLock::new(ControlPlane::start);

impl ControlPlane {
    fn start() -> Self {
        let workplace = Workplace::render("control-plane");
        let mut nodes = workplace.apply_all();
        nodes.retain(NodeRoot::is_control_plane);
        let switch = Machine::switch();
        let machines = nodes.iter().map(|node| Machine::plugged(&switch, node)).collect();
        let mut control_plane = Self { workplace, nodes, machines, _switch: switch, running: Vec::new() };
        for number in 0..3 {
            control_plane.start_etcd(number);
        }
        control_plane.wait("etcd", || control_plane.etcdctl(&["endpoint", "health", "--cluster"]).status.success());
        let waiting = control_plane.nodes[0].plan()["apiServerManifest"]["source"].as_str().unwrap().to_owned();
        control_plane.start_pod(0, "kube-apiserver", &waiting, built("kube-apiserver"), &[]);
        control_plane.wait("the API server", || control_plane.kubectl(&["get", "--raw", "/readyz"]).status.success());
        for name in ["kube-controller-manager", "kube-scheduler"] {
            control_plane.start_pod(0, name, &format!("{MANIFESTS}/{name}.yaml"), built(name), &[]);
        }
        for number in 0..3 {
            control_plane.start_balancing(number);
        }
        control_plane
    }

    /// Founds the cluster, in the words that the guard of a node will add to the manifest.
    fn start_etcd(&mut self, number: usize) {
        let plan = self.nodes[number].plan();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let members = plan["etcd"]["members"].as_array().unwrap();
        let all: Vec<_> =
            members.iter().map(|member| text(&member["name"]) + "=" + &text(&member["peerURL"])).collect();
        let founding = [
            "--initial-cluster-state=new".to_owned(),
            format!("--initial-cluster={}", all.join(",")),
            format!("--initial-advertise-peer-urls={}", text(&members[number]["peerURL"])),
        ];
        self.start_pod(number, "etcd", &text(&plan["etcd"]["manifest"]["source"]), built("etcd"), &founding);
    }

    /// haproxy and keepalived, under the node's kernel settings.
    fn start_balancing(&mut self, number: usize) {
        let settings = self.nodes[number].text("/etc/sysctl.d/90-kfimg.conf");
        for (name, value) in settings.lines().filter_map(|line| line.split_once('=')) {
            if name.contains("ip_nonlocal_bind") {
                let file = format!("/proc/sys/{}", name.trim().replace('.', "/"));
                succeed(self.machines[number].command("sh").args(["-euc", "echo $1 >$2", "sh", value.trim(), &file]));
            }
        }
        let agent = self.nodes[number].path("/usr/bin/kfimg-agent");
        executable(&agent);
        std::fs::write(&agent, AGENT).unwrap();
        let waiting = self.nodes[number].plan()["keepalivedManifest"]["source"].as_str().unwrap().to_owned();
        for (name, manifest) in [("haproxy", &format!("{MANIFESTS}/haproxy.yaml")), ("keepalived", &waiting)] {
            self.start_pod(number, name, manifest, name.into(), &[]);
        }
    }

    /// Starts a container of a node; what it says goes to a file.
    fn start_pod(&mut self, number: usize, name: &str, manifest: &str, program: PathBuf, more: &[String]) {
        let (node, machine) = (&self.nodes[number], &self.machines[number]);
        let log = File::create(self.log(&node.name, name)).unwrap();
        let mut command = Container::read(&node.text(manifest), name).start(machine, node, program);
        command.args(more).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        self.running.push(child);
    }

    fn log(&self, node: &str, name: &str) -> PathBuf {
        self.workplace.folder().join(format!("{node}-{name}.log"))
    }

    /// Waits for what must become true within two minutes on a slow machine.
    fn wait(&self, what: &str, mut ready: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(120);
        while !ready() {
            assert!(Instant::now() < end, "{what} is not ready\n{}", self.last_words());
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// The end of every log.
    fn last_words(&self) -> String {
        let script = "tail -n 3 -- *.log | cut -c 1-500";
        succeed(Command::new("sh").args(["-euc", script]).current_dir(self.workplace.folder()))
    }

    /// `kubectl` as the administrator, against the first API server itself.
    fn kubectl(&self, arguments: &[&str]) -> Output {
        let server = format!("--server=https://{}:6443", self.nodes[0].address());
        run(self.kubectl_command().arg(server).args(arguments))
    }

    fn kubectl_command(&self) -> Command {
        let mut command = self.machines[0].command(built("kubectl"));
        let admin = self.workplace.output().join("admin.kubeconfig");
        command.arg(format!("--kubeconfig={}", admin.display())).arg("--request-timeout=20s");
        command
    }

    fn etcdctl(&self, arguments: &[&str]) -> Output {
        self.machines[0].etcdctl(&self.nodes[0], arguments)
    }
}

fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", both(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn etcd_has_three_voters_that_agree() {
    let members = ok(&CONTROL_PLANE.etcdctl(&["member", "list", "--write-out=json"]));
    let members: Value = serde_json::from_str(&members).unwrap();
    let members = members["members"].as_array().unwrap();
    let started = members.iter().filter(|member| member["name"].is_string() && member["isLearner"].is_null());
    assert_eq!(started.count(), 3, "{members:?}");
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_administrator_reaches_the_api_through_haproxy_at_the_address_of_the_kubeconfig() {
    let through = || run(CONTROL_PLANE.kubectl_command().args(["get", "--raw", "/readyz"]));
    CONTROL_PLANE.wait("haproxy", || through().status.success());
    let workers =
        run(CONTROL_PLANE.kubectl_command().args(["--server=https://127.0.0.1:6443", "get", "--raw", "/readyz"]));
    assert_eq!(ok(&workers), "ok");
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn one_control_plane_holds_the_virtual_address() {
    let holders = || {
        let machines = CONTROL_PLANE.machines.iter();
        machines.filter(|machine| machine.ip(&["-oneline", "address"]).contains(&format!(" {VIP}/"))).count()
    };
    CONTROL_PLANE.wait("keepalived", || holders() == 1);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(holders(), 1);
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn strangers_reach_the_health_paths_and_nothing_else() {
    let node = &CONTROL_PLANE.nodes[0];
    let paths =
        [("/livez", 200), ("/readyz", 200), ("/healthz", 200), ("/version", 401), ("/api", 401), ("/metrics", 401)];
    for (path, status) in paths {
        let mut client = CONTROL_PLANE.machines[0].command(find("openssl"));
        client.args(["s_client", "-quiet", "-verify_return_error", "-connect", &format!("{}:6443", node.address())]);
        client.arg("-CAfile").arg(node.path("/etc/kubernetes/pki/ca.crt"));
        let said = succeed_with(&mut client, &format!("GET {path} HTTP/1.0\r\n\r\n"));
        assert!(said.starts_with(&format!("HTTP/1.0 {status} ")), "{path}: {said}");
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_api_server_accepts_every_addon_from_the_agents_credential() {
    let node = &CONTROL_PLANE.nodes[0];
    let plan = node.plan();
    let kubeconfig = node.path(plan["addons"]["kubeconfig"].as_str().unwrap());
    let files = plan["addons"]["files"].as_array().unwrap();
    assert!(files.len() > 3, "{files:?}");
    for file in files {
        let mut apply = CONTROL_PLANE.machines[0].command(built("kubectl"));
        apply.arg(format!("--kubeconfig={}", kubeconfig.display())).args([
            "apply",
            "--server-side",
            "--validate=strict",
            "-f",
        ]);
        let said = run(apply.arg(node.path(file.as_str().unwrap())));
        assert!(said.status.success() && !both(&said).contains("Warning"), "{file}: {}", both(&said));
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_api_server_accepts_every_static_pod() {
    CONTROL_PLANE.wait("a service account", || {
        CONTROL_PLANE.kubectl(&["-n", "kube-system", "get", "serviceaccount", "default"]).status.success()
    });
    for node in &CONTROL_PLANE.nodes {
        let plan = node.plan();
        let waiting = ["/apiServerManifest/source", "/keepalivedManifest/source", "/etcd/manifest/source"]
            .map(|at| plan.pointer(at).unwrap().as_str().unwrap());
        let mut manifests = node.files("/etc/kubernetes/manifests", "yaml");
        manifests.extend(waiting.map(str::to_owned));
        for manifest in manifests {
            let path = node.path(&manifest);
            let path = path.to_str().unwrap();
            let output = CONTROL_PLANE.kubectl(&["create", "--dry-run=server", "--validate=strict", "-f", path]);
            assert!(output.status.success(), "{}: {manifest}: {}", node.name, both(&output));
        }
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn a_secret_is_unreadable_in_etcd() {
    let secret = ["create", "secret", "generic", "canary", "--from-literal=word=nightingale"];
    ok(&CONTROL_PLANE.kubectl(&secret));
    let stored = ok(&CONTROL_PLANE.etcdctl(&["get", "/registry/secrets/default/canary", "--print-value-only"]));
    assert!(stored.starts_with("k8s:enc:secretbox:v1:") && !stored.contains("nightingale"), "{stored}");
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn controller_manager_and_scheduler_take_their_leases() {
    for lease in ["kube-controller-manager", "kube-scheduler"] {
        CONTROL_PLANE
            .wait(lease, || CONTROL_PLANE.kubectl(&["-n", "kube-system", "get", "lease", lease]).status.success());
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_audit_log_is_written() {
    ok(&CONTROL_PLANE.kubectl(&["get", "--raw", "/api"]));
    let node = &CONTROL_PLANE.nodes[0];
    let manifest = node.plan()["apiServerManifest"]["source"].as_str().unwrap().to_owned();
    let pod = Container::read(&node.text(&manifest), "kube-apiserver");
    let log = pod.flag("--audit-log-path").expect("the API server writes an audit log");
    let log = node.path(pod.on_node(log).expect("the audit log lies on the node").as_str());
    CONTROL_PLANE.wait("the audit log", || {
        succeed(Command::new("wc").arg("-c").arg(&log)).trim_start().starts_with(|c| c > '0')
    });
}
