//! Members together, and what is asked of their etcd.

use super::certificates::Authority;
use super::kubelet::etcd;
use super::node::{Node, Render};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A cluster of a test.
pub struct Cluster {
    pub nodes: Vec<Node>,
    pub render: Render,
    folder: PathBuf,
    network: u8,
    authority: Authority,
}

impl Cluster {
    /// So many blank machines, switched off, with a payload.
    pub fn new(test: &str, network: u8, members: u8) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = std::fs::remove_dir_all(&folder);
        let authority = Authority::new();
        let render = Render {
            uid: format!("uid-{test}"),
            incarnation: 1,
            generation: 1,
            members: (1..=members).collect(),
            recover_from: None,
            without: Vec::new(),
            discard: Vec::new(),
            bootstrap_not_after: i64::MAX,
        };
        let nodes = (1..=members).map(|number| Node::new(&folder, network, number, &authority)).collect();
        let cluster = Self { nodes, render, folder, network, authority };
        cluster.deliver();
        cluster
    }

    /// One more blank machine.
    pub fn add(&mut self) {
        let number = u8::try_from(self.nodes.len() + 1).unwrap();
        self.nodes.push(Node::new(&self.folder, self.network, number, &self.authority));
        self.render.members.push(number);
        self.render.generation += 1;
    }

    /// A control plane whose etcd is elsewhere.
    pub fn add_client(&mut self) {
        let number = u8::try_from(self.nodes.len() + 1).unwrap();
        self.nodes.push(Node::new(&self.folder, self.network, number, &self.authority));
        self.deliver();
    }

    /// Puts the payload of the present render on all machines; they read it when they boot.
    pub fn deliver(&self) {
        for node in &self.nodes {
            node.payload(&self.render, |number| self.address(number));
        }
    }

    pub fn address(&self, number: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(127, 42, self.network, number))
    }

    pub fn boot_all(&mut self) {
        self.nodes.iter_mut().filter(|node| !node.is_on()).for_each(Node::boot);
    }

    /// Waits until it holds.
    ///
    /// # Panics
    /// After so many seconds, with everybody's state.
    pub fn wait(&self, what: &str, seconds: u64, mut holds: impl FnMut(&Self) -> bool) -> Duration {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed().as_secs() < seconds, "{what}: not within {seconds} s\n{}", self.report());
            std::thread::sleep(Duration::from_millis(20));
        }
        start.elapsed()
    }

    /// Waits until all that are on have joined.
    pub fn wait_joined(&self, seconds: u64) -> Duration {
        self.wait("all joined", seconds, |cluster| cluster.nodes.iter().filter(|node| node.is_on()).all(Node::is_done))
    }

    fn report(&self) -> String {
        let line = |node: &Node| format!("{}: {}\n", node.name, node.status());
        self.nodes.iter().map(line).collect::<String>() + &self.folder.display().to_string()
    }

    /// etcdctl against one member, or all.
    pub fn etcdctl(&self, through: &[u8], words: &[&str]) -> Output {
        let pki = self.nodes[0].root.join("etc/kubernetes/pki/etcd");
        let endpoints = through.iter().map(|number| format!("https://{}:2379", self.address(*number)));
        let mut command = Command::new(etcd().with_file_name("etcdctl"));
        command.arg("--endpoints").arg(endpoints.collect::<Vec<_>>().join(","));
        for (flag, file) in [("--cacert", "ca.crt"), ("--cert", "peer.crt"), ("--key", "peer.key")] {
            command.arg(flag).arg(pki.join(file));
        }
        command.args(words).output().unwrap()
    }

    /// Writes a key; whether it was acknowledged.
    pub fn put(&self, through: &[u8], key: &str, value: &str) -> bool {
        self.etcdctl(through, &["put", key, value]).status.success()
    }

    /// A linearizable read.
    pub fn get(&self, through: &[u8], key: &str) -> String {
        let output = self.etcdctl(through, &["get", "--print-value-only", key]);
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Names of the members that etcd lists, sorted.
    pub fn listed(&self, through: &[u8]) -> Vec<String> {
        let output = self.etcdctl(through, &["member", "list"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let mut names: Vec<String> =
            text.lines().filter_map(|line| line.split(", ").nth(2)).map(str::to_owned).collect();
        names.sort_unstable();
        names
    }
}

impl Drop for Cluster {
    /// A failure leaves its files; a success would fill the disk with them.
    fn drop(&mut self) {
        self.nodes.clear();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
