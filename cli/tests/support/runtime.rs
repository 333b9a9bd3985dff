//! A node that is switched on, with the real containerd and without a network.

use super::internet::Internet;
use super::machine::Machine;
use super::node::{NodeRoot, Workplace};
use super::pod::Container;
use super::program::{find, go_folder, run};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// The node; its machine ends with it.
pub(crate) struct Node {
    pub(crate) machine: Machine,
    root: NodeRoot,
    programs: PathBuf,
}

impl Node {
    /// The node `worker1` of a render. The machine also has `registry` as an address of its own.
    pub(crate) fn start(workplace: &Workplace, registry: &str) -> Self {
        let root = workplace.apply(&find("ignition"), "nodes", "worker1");
        // Elsewhere it may be a link to what systemd-resolved writes.
        let _ = fs::remove_file(root.path("/etc/resolv.conf"));
        fs::write(root.path("/etc/resolv.conf"), Internet::resolv_conf()).unwrap();
        let machine = Machine::of(&root);
        machine.ip(&["address", "add", &format!("{registry}/32"), "dev", "lo"]);
        Self { machine, root, programs: go_folder(&["containerd", "crictl"]) }
    }

    /// A program in the node's view: all of its `/etc`, and containerd's socket.
    pub(crate) fn program(&self, name: &str) -> Command {
        let host = Container::of_host(vec![name.to_owned()], &["/etc", "/run/containerd"]);
        host.view(&self.machine, &self.root, self.programs.join(name))
    }

    /// Asks containerd as the kubelet does.
    pub(crate) fn crictl(&self, arguments: &[&str]) -> Output {
        run(self.program("crictl").args(arguments))
    }

    /// Starts containerd, which ends with the machine.
    pub(crate) fn start_containerd(&self, workplace: &Workplace) -> Child {
        let log = workplace.folder().join("containerd.log");
        let out = fs::File::create(&log).unwrap();
        let mut containerd = self.program("containerd");
        containerd.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        let mut containerd = containerd.spawn().unwrap();
        while !self.crictl(&["info"]).status.success() {
            let ended = containerd.try_wait().unwrap();
            assert!(ended.is_none(), "containerd ended: {}", fs::read_to_string(&log).unwrap());
            std::thread::sleep(Duration::from_millis(200));
        }
        containerd
    }
}
