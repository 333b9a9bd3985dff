//! Machines of their own for as long as a test runs: network, process and mount namespaces with the nodes' addresses, so that
//! components can listen where the payload says.

use super::node::NodeRoot;
use super::program::{as_root, built, find, run, succeed};
use rustix::process::geteuid;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

/// Namespaces. They end, with everything in them, when this is dropped or the test dies: their first process reads a pipe of
/// ours.
pub(crate) struct Machine {
    first: Child,
    pipe: Option<ChildStdin>,
    pid: String,
    /// What leads inside, before a command.
    enter: Vec<OsString>,
}

/// Says its own number, then waits for the pipe's end.
const WAIT: &str = "read pid rest </proc/self/stat; echo $pid; mount -t proc proc /proc; cat >/dev/null";
const WAIT_INSIDE: &str = "read pid rest </proc/self/stat; echo $pid; mount -t sysfs -o ro sysfs /sys; cat >/dev/null";

impl Machine {
    fn empty() -> Self {
        let mut unshare = as_root(find("unshare"));
        unshare.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", WAIT]);
        let user = (!geteuid().is_root()).then_some("--user");
        let nsenter = find("nsenter").into_os_string();
        let enter =
            [nsenter].into_iter().chain(user.into_iter().chain(["--net", "--mount", "--pid"]).map(OsString::from));
        Self::started(unshare, enter.collect())
    }

    fn started(mut unshare: Command, mut enter: Vec<OsString>) -> Self {
        let mut first = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut pid = String::new();
        BufReader::new(first.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        let pid = pid.trim().to_owned();
        enter.extend(["--target", &pid, "--"].map(OsString::from));
        Self { pipe: first.stdin.take(), first, pid, enter }
    }

    /// A machine whose one interface, with a cable to nowhere, has these addresses, each with its prefix length.
    pub(crate) fn alone(interface: &str, mac: Option<&str>, addresses: &[String]) -> Self {
        let machine = Self::empty();
        let mut link = vec!["link", "add", "name", interface];
        link.extend(mac.iter().flat_map(|mac| ["address", *mac]));
        link.extend(["type", "veth", "peer", "name", "uplink"]);
        machine.ip(&link);
        machine.ip(&["link", "set", "uplink", "up"]);
        machine.bring_up(interface, addresses);
        machine
    }

    /// The machine of one node, with its addresses.
    pub(crate) fn of(node: &NodeRoot) -> Self {
        Self::alone(&node.interface(), node.plan()["node"]["macs"][0].as_str(), &addresses(node))
    }

    /// A machine that is nothing but a switch.
    pub(crate) fn switch() -> Self {
        let switch = Self::empty();
        switch.ip(&["link", "add", "name", "switch", "type", "bridge"]);
        switch.ip(&["link", "set", "switch", "up"]);
        switch
    }

    /// The machine of one node, on a switch. It ends with the switch.
    pub(crate) fn plugged(switch: &Self, node: &NodeRoot) -> Self {
        let mut unshare = switch.command(find("unshare"));
        unshare.args(["--net", "--mount", "sh", "-euc", WAIT_INSIDE]);
        let nsenter = [find("nsenter").into_os_string(), "--net".into(), "--mount".into()];
        let machine = Self::started(unshare, [&switch.enter[..], &nsenter].concat());
        let port = format!("to-{}", node.name);
        switch.ip(&["link", "add", "name", "eth0", "netns", &machine.pid, "type", "veth", "peer", "name", &port]);
        switch.ip(&["link", "set", &port, "master", "switch", "up"]);
        machine.bring_up("eth0", &addresses(node));
        machine
    }

    fn bring_up(&self, interface: &str, addresses: &[String]) {
        for name in ["lo", interface] {
            self.ip(&["link", "set", name, "up"]);
        }
        for address in addresses {
            self.ip(&["address", "add", address, "dev", interface]);
        }
    }

    /// A command inside.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(&self.enter[0]);
        command.args(&self.enter[1..]).arg(program);
        command
    }

    /// Ends a command of [`Self::command`] at once, and waits until it is gone.
    ///
    /// What leads inside waits outside for the process that it made there; that one has a number of its own inside.
    pub(crate) fn end(&self, mut child: Child) {
        let id = child.id();
        let made = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", made.trim())).unwrap();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
        let inside = numbers.split_whitespace().last().unwrap();
        succeed(self.command("sh").args(["-c", "kill -KILL $1", "sh", inside]));
        child.wait().unwrap();
    }

    /// Runs etcdctl inside, as the node's own health check asks the node's own member.
    pub(crate) fn etcdctl(&self, node: &NodeRoot, arguments: &[&str]) -> Output {
        let mut command = self.command(built("etcdctl"));
        let file = |option: &str, path: &str| format!("--{option}={}", node.path(path).display());
        command.arg(format!("--endpoints=https://{}:2379", node.address()));
        command.arg(file("cacert", "/etc/kubernetes/pki/etcd/ca.crt"));
        command.arg(file("cert", "/etc/kubernetes/pki/etcd/healthcheck-client.crt"));
        command.arg(file("key", "/etc/kubernetes/pki/etcd/healthcheck-client.key"));
        run(command.args(arguments))
    }

    /// Runs `ip(8)` inside.
    pub(crate) fn ip(&self, arguments: &[&str]) -> String {
        succeed(self.command(find("ip")).args(arguments))
    }
}

fn addresses(node: &NodeRoot) -> Vec<String> {
    let plan = node.plan();
    let addresses = plan["node"]["addresses"].as_array().unwrap().iter();
    addresses.map(|address| format!("{}/24", address.as_str().unwrap())).collect()
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.pipe.take();
        let _ = self.first.wait();
    }
}
