//! The profile `external-etcd` runs, as far as it differs: three real etcd on machines of their own, and the real API server of a
//! control plane without a member, each in its pod's view of its node, under its pod's user, with its manifest's command line.
//!
//! The test says the words to etcd that the agent's guard will say on a node; `make interop` runs it.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};
use support::machine::Machine;
use support::node::{NodeRoot, Workplace};
use support::pod::Container;
use support::program::{both, built, run};

/// The machines on one switch.
struct Cluster {
    workplace: Workplace,
    nodes: Vec<(NodeRoot, Machine)>,
    _switch: Machine,
    /// They end with the machines.
    running: Vec<Child>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Cluster {
    fn start() -> Self {
        let workplace = Workplace::render_profile("external-etcd", &[]);
        let switch = Machine::switch();
        let nodes = workplace.apply_all().into_iter().filter(|node| !node.name.starts_with("worker"));
        let nodes = nodes.map(|node| {
            let machine = Machine::plugged(&switch, &node);
            (node, machine)
        });
        let nodes = nodes.collect();
        let mut cluster = Self { workplace, nodes, _switch: switch, running: Vec::new() };
        for name in ["etcd1", "etcd2", "etcd3"] {
            cluster.start_etcd(name);
        }
        let plan = cluster.node("master2").0.plan();
        let waiting = text(&plan["apiServerManifest"]["source"]);
        cluster.start_pod("master2", "kube-apiserver", &waiting, &[]);
        cluster
    }

    fn node(&self, name: &str) -> &(NodeRoot, Machine) {
        self.nodes.iter().find(|(node, _)| node.name == name).unwrap()
    }

    /// Founds the cluster, in the words that the guard of a node will add to the manifest.
    fn start_etcd(&mut self, name: &str) {
        let plan = self.node(name).0.plan();
        let members = plan["etcd"]["members"].as_array().unwrap();
        let pair = |member: &Value| text(&member["name"]) + "=" + &text(&member["peerURL"]);
        let own = members.iter().find(|member| member["name"] == name).unwrap();
        let founding = [
            "--initial-cluster-state=new".to_owned(),
            format!("--initial-cluster={}", members.iter().map(pair).collect::<Vec<_>>().join(",")),
            format!("--initial-advertise-peer-urls={}", text(&own["peerURL"])),
        ];
        self.start_pod(name, "etcd", &text(&plan["etcd"]["manifest"]["source"]), &founding);
    }

    fn start_pod(&mut self, node: &str, name: &str, manifest: &str, more: &[String]) {
        let log = File::create(self.log(node)).unwrap();
        let (root, machine) = self.node(node);
        let mut command = Container::read(&root.text(manifest), name).start(machine, root, built(name));
        command.args(more).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        self.running.push(child);
    }

    fn log(&self, node: &str) -> PathBuf {
        self.workplace.folder().join(format!("{node}.log"))
    }

    /// `kubectl` as the administrator, on a machine for etcd, against the API server itself.
    fn kubectl(&self, words: &[&str]) -> Output {
        let mut command = self.node("etcd3").1.command(built("kubectl"));
        let admin = self.workplace.output().join("admin.kubeconfig");
        command.arg(format!("--kubeconfig={}", admin.display())).arg("--request-timeout=20s");
        command.arg(format!("--server=https://{}:6443", self.node("master2").0.address()));
        run(command.args(words))
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn an_api_server_without_a_member_beside_it_serves_from_the_members_elsewhere() {
    let cluster = Cluster::start();
    let end = Instant::now() + Duration::from_secs(120);
    while !cluster.kubectl(&["get", "--raw", "/readyz"]).status.success() {
        let log = std::fs::read_to_string(cluster.log("master2")).unwrap();
        let last = log.lines().rev().take(5).collect::<Vec<_>>().join("\n");
        assert!(Instant::now() < end, "the API server is not ready\n{last}");
        std::thread::sleep(Duration::from_millis(500));
    }
    let written = cluster.kubectl(&["create", "configmap", "canary", "--from-literal=word=nightingale"]);
    assert!(written.status.success(), "{}", both(&written));
    // One of three members may go.
    cluster.node("etcd1").1.ip(&["link", "set", "eth0", "down"]);
    let read = cluster.kubectl(&["get", "configmap", "canary", "-o", "jsonpath={.data.word}"]);
    assert_eq!(String::from_utf8_lossy(&read.stdout), "nightingale", "{}", both(&read));
}
