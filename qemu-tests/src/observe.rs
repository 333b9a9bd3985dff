//! What can be seen of a cluster from outside: by `kubectl`, by a look at the machines' cards, by etcd's own client.

use crate::command::{output, succeed};
use crate::lan::Lan;
use crate::wait::{Look, wait_for};
use crate::{Cluster, Error, Machine, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Beginning of the keys under which etcd has the marks.
const MARKS: &str = "/registry/configmaps/default/mark-";

/// A member of etcd, as etcd itself lists it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct EtcdMember {
    /// Its name; empty before it has started.
    #[serde(default)]
    pub name: String,
    /// Its number.
    #[serde(rename = "ID")]
    pub id: u64,
    /// Whether it has no vote yet.
    #[serde(rename = "isLearner", default)]
    pub is_learner: bool,
}

#[derive(Deserialize)]
struct MemberList {
    members: Vec<EtcdMember>,
}

impl Cluster {
    /// `kubectl` on the LAN with the administrator's kubeconfig as it was rendered: through the endpoint.
    pub fn kubectl_command(&self) -> Command {
        let mut kubectl = self.lab().lan().command(&self.lab().parts().kubectl);
        kubectl.arg("--kubeconfig").arg(self.output().join("admin.kubeconfig"));
        kubectl.arg("--cache-dir").arg(self.lab().folder().join("kubectl-cache"));
        kubectl
    }

    /// Runs `kubectl`; gives what it wrote.
    ///
    /// # Errors
    /// What it said when it failed.
    pub fn kubectl(&self, words: &[&str]) -> Result<String> {
        succeed(self.kubectl_command().arg("--request-timeout=10s").args(words))
    }

    /// Runs `kubectl get … -o json`.
    ///
    /// # Errors
    /// What it said when it failed.
    pub fn get(&self, words: &[&str]) -> Result<Value> {
        let text = self.kubectl(&[&["get"], words, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).map_err(|error| Error::unusable("kubectl", error))
    }

    /// Waits until exactly this many nodes are there and all are Ready since they got power; gives the time that it took.
    ///
    /// # Errors
    /// [`Error::Late`].
    pub fn wait_ready(&self, nodes: usize, bound: Duration) -> Result<Duration> {
        let look = || {
            let found = match self.get(&["nodes"]) {
                Ok(list) => list,
                Err(error) => return Ok(Look::NotYet(error.to_string())),
            };
            let items = items(&found);
            let ready = items.iter().filter(|node| self.is_ready(node)).count();
            let all = ready == nodes && items.len() == nodes;
            Ok(Look::when(all, (), || format!("{ready} of {} nodes are Ready", items.len())))
        };
        wait_for(&format!("{nodes} Ready nodes"), bound, look).map(|((), time)| time)
    }

    /// Waits until a node is Ready since it got power, and a control plane's own API server answers.
    ///
    /// # Errors
    /// [`Error::Late`].
    pub fn wait_node(&self, name: &str, bound: Duration) -> Result<()> {
        let url = format!("https://{}:6443/readyz", crate::site::node_address(name));
        let is_master = self.topology().masters.iter().any(|master| master == name);
        let look = || {
            if is_master && !self.answers(&url) {
                return Ok(Look::NotYet("its API server does not answer".to_owned()));
            }
            let ready = self.get(&["node", name]).map(|node| self.is_ready(&node)).map_err(|error| error.to_string());
            Ok(Look::when(ready == Ok(true), (), || format!("Ready: {ready:?}")))
        };
        wait_for(&format!("{name} Ready after its boot"), bound, look).map(drop)
    }

    /// Whether the kubelet has said so of this node since the machine got power: what it said before stays for a while.
    fn is_ready(&self, node: &Value) -> bool {
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        let power = self.lab().machine(name).ok().and_then(|machine| machine.on_since());
        let power = power.and_then(|power| Timestamp::try_from(power).ok());
        let Some(ready) = condition(node, "Ready").filter(|ready| ready["status"] == "True") else { return false };
        let said = ready["lastHeartbeatTime"].as_str().and_then(|time| time.parse().ok());
        power.is_none_or(|power| said.is_some_and(|said: Timestamp| said > power))
    }

    /// Waits until every pod of every namespace runs and is Ready, but those that a machine ended when it was switched
    /// off and that others have replaced; gives the time that it took.
    ///
    /// # Errors
    /// [`Error::Late`] with the names of those that are not.
    pub fn wait_pods(&self, bound: Duration) -> Result<Duration> {
        let look = || {
            let found = match self.get(&["pods", "--all-namespaces"]) {
                Ok(list) => list,
                Err(error) => return Ok(Look::NotYet(error.to_string())),
            };
            let unready = items(&found).into_iter().filter(|pod| !is_over(pod) && !has_condition(pod, "Ready"));
            let waiting = unready.map(|pod| {
                let text = |path: &str| pod.pointer(path).and_then(Value::as_str).unwrap_or("?").to_owned();
                format!("{} ({})", text("/metadata/name"), text("/status/phase"))
            });
            let waiting: Vec<String> = waiting.collect();
            Ok(Look::when(waiting.is_empty(), (), || waiting.join(", ")))
        };
        wait_for("all pods Ready", bound, look).map(|((), time)| time)
    }

    /// Whether the API answers at the endpoint that it is ready, within a second.
    pub fn endpoint_answers(&self) -> bool {
        self.answers(&format!("https://{}:6443/readyz", self.topology().endpoint()))
    }

    /// Whether a URL answers with 200 on the LAN within a second; certificates are not looked at.
    pub fn answers(&self, url: &str) -> bool {
        answers(&self.lab().lan(), url)
    }

    /// The machines whose card has the endpoint's address, those that the topology does not name any more among them.
    ///
    /// # Errors
    /// [`Error::NoMachine`].
    pub fn endpoint_holders(&self) -> Result<Vec<String>> {
        let endpoint = self.topology().endpoint();
        let machines = self.lab().machines()?;
        let holders = machines.iter().filter(|machine| machine.has_address(endpoint));
        Ok(holders.map(|machine| machine.name().to_owned()).collect())
    }

    /// Waits until exactly one machine has the endpoint's address; gives its name.
    ///
    /// # Errors
    /// [`Error::Late`] with the names of those that have it.
    pub fn wait_one_holder(&self, bound: Duration) -> Result<String> {
        let look = || {
            let holders = self.endpoint_holders()?;
            let one = if let [one] = &holders[..] { Some(one.clone()) } else { None };
            Ok(one.map_or_else(|| Look::NotYet(format!("held by {holders:?}")), Look::Found))
        };
        wait_for("one holder of the virtual address", bound, look).map(|(holder, _)| holder)
    }

    /// `etcdctl` to the member of a running machine, with the certificate of its own probes.
    ///
    /// # Errors
    /// [`Error::Off`].
    pub fn etcdctl_command(&self, machine: &Machine) -> Result<Command> {
        let root = machine.running_root()?;
        let pki = root.join("etc/kubernetes/pki");
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let mut etcdctl = self.lab().lan().command(&self.lab().parts().etcdctl);
        etcdctl.arg(format!("--endpoints=https://{}:2379", crate::site::node_address(machine.name())));
        etcdctl.arg(option("cacert", &pki.join("etcd/ca.crt")));
        etcdctl.arg(option("cert", &pki.join("etcd/healthcheck-client.crt")));
        etcdctl.arg(option("key", &pki.join("etcd/healthcheck-client.key")));
        etcdctl.args(["--command-timeout=5s", "--dial-timeout=2s"]);
        Ok(etcdctl)
    }

    /// The members of etcd, as this machine's own member lists them, sorted by name.
    ///
    /// # Errors
    /// [`Error::Off`]; what etcd said.
    pub fn etcd_members(&self, machine: &Machine) -> Result<Vec<EtcdMember>> {
        let text = succeed(self.etcdctl_command(machine)?.args(["member", "list", "-w", "json"]))?;
        let list: MemberList = serde_json::from_str(&text).map_err(|error| Error::unusable("etcdctl", error))?;
        let mut members = list.members;
        members.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(members)
    }

    /// Waits until etcd has exactly the topology's members as voters, as each of them sees it.
    ///
    /// # Errors
    /// [`Error::Late`]; [`Error::NoMachine`].
    pub fn wait_voters(&self, bound: Duration) -> Result<Duration> {
        let planned = self.topology().members().to_vec();
        let machines: Vec<Machine> = planned.iter().map(|name| self.machine(name)).collect::<Result<_>>()?;
        let look = || {
            for machine in &machines {
                let members = match self.etcd_members(machine) {
                    Ok(members) => members,
                    Err(error) => return Ok(Look::NotYet(format!("{}: {error}", machine.name()))),
                };
                let names: Vec<&String> = members.iter().map(|member| &member.name).collect();
                if names != planned.iter().collect::<Vec<_>>() || members.iter().any(|member| member.is_learner) {
                    return Ok(Look::NotYet(format!("{} sees {members:?}", machine.name())));
                }
            }
            Ok(Look::Found(()))
        };
        wait_for("all members as voters of etcd", bound, look).map(|((), time)| time)
    }

    /// The marks that this machine's own member of etcd holds, sorted, whatever the others have.
    ///
    /// # Errors
    /// [`Error::Off`]; what etcd said.
    pub fn marks_of(&self, machine: &Machine) -> Result<Vec<String>> {
        let mut etcdctl = self.etcdctl_command(machine)?;
        etcdctl.args(["get", "--consistency=s", "--prefix", "--keys-only", MARKS]);
        let mut marks: Vec<String> =
            succeed(&mut etcdctl)?.lines().filter_map(|line| line.strip_prefix(MARKS)).map(str::to_owned).collect();
        marks.sort();
        Ok(marks)
    }

    /// Waits until this machine's own member of etcd holds exactly these marks: a write is acknowledged when a majority has it.
    ///
    /// # Errors
    /// [`Error::Late`] with the marks that it holds.
    pub fn wait_marks_of(&self, machine: &Machine, marks: &[String], bound: Duration) -> Result<()> {
        let look = || {
            let held = self.marks_of(machine).map_err(|error| error.to_string());
            Ok(Look::when(held.as_deref() == Ok(marks), (), || format!("{held:?}")))
        };
        wait_for(&format!("{marks:?} on {}", machine.name()), bound, look).map(drop)
    }

    /// Writes down that something happened, in the cluster itself: an acknowledged write that must never be lost.
    ///
    /// # Errors
    /// What `kubectl` said: then the write counts as not acknowledged.
    pub fn write_mark(&self, mark: &str) -> Result<()> {
        self.kubectl(&["create", "configmap", &format!("mark-{mark}")]).map(drop)
    }

    /// Writes it down after machines were lost: a connection may still lead to one of them. A write that was done and not answered
    /// says that the mark exists.
    ///
    /// # Errors
    /// [`Error::Late`].
    pub fn wait_written(&self, mark: &str, bound: Duration) -> Result<()> {
        let look = || {
            let said = self.write_mark(mark).map_err(|error| error.to_string());
            let written = said.as_ref().map_or_else(|error| error.contains("already exists"), |()| true);
            Ok(Look::when(written, (), || format!("{said:?}")))
        };
        wait_for(&format!("the mark {mark}"), bound, look).map(drop)
    }

    /// All marks that the cluster knows, sorted.
    ///
    /// # Errors
    /// What `kubectl` said.
    pub fn marks(&self) -> Result<Vec<String>> {
        let found = self.get(&["configmaps"])?;
        let names = items(&found).into_iter().filter_map(|item| item.pointer("/metadata/name")?.as_str());
        let mut marks: Vec<String> = names.filter_map(|name| name.strip_prefix("mark-")).map(str::to_owned).collect();
        marks.sort();
        Ok(marks)
    }
}

/// Whether a URL answers with 200 on this LAN within a second; certificates are not looked at.
pub(crate) fn answers(lan: &Lan, url: &str) -> bool {
    let mut curl = lan.command("curl");
    curl.args(["--silent", "--insecure", "--max-time", "1", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    output(curl.arg(url)).is_ok_and(|output| output.stdout == b"200")
}

/// The items of a Kubernetes list.
pub fn items(list: &Value) -> Vec<&Value> {
    list["items"].as_array().into_iter().flatten().collect()
}

/// Whether a pod has ended, and only waits to be collected.
fn is_over(pod: &Value) -> bool {
    match pod["status"]["phase"].as_str() {
        Some("Succeeded") => true,
        Some("Failed") => pod["status"]["reason"] == "Terminated",
        _ => false,
    }
}

/// Whether a condition of an object's status is true.
pub fn has_condition(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().find(|condition| condition["type"] == kind)
}
