//! What pods of the cluster do that few should: those of applied objects and those of the control plane itself.

use super::applied::Pod;
use super::node::Node;
use super::outcome::{Fault, Outcome};
use serde_json::Value;

/// Something that a pod or one of its containers does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    /// Of the pod: what it does, and what is required.
    Pod(fn(&Pod) -> Option<String>, &'static str),
    /// Of one container, by the pod's own settings and its own: what it does, and what is required.
    Container(fn(&Value, &Value) -> Option<String>, &'static str),
}

impl Look {
    pub(super) fn judge(self, node: &Node<'_>) -> Outcome {
        let of_node: Vec<Pod> = node.static_pods.iter().map(|pod| Pod::of_node(&pod.path, &pod.object)).collect();
        of_node.iter().chain(node.applied.pods()).flat_map(|pod| self.faults(pod)).collect()
    }

    fn faults(self, pod: &Pod) -> Vec<Fault> {
        match self {
            Self::Pod(look, required) => {
                let found = look(pod).map(|found| Fault::new(&pod.path, format!("{} {found}", pod.name), required));
                found.into_iter().collect()
            }
            Self::Container(look, required) => {
                let seen = pod.containers().filter_map(|container| Some((container, look(&pod.spec, container)?)));
                let fault = |(container, found): (&Value, String)| {
                    let name = container["name"].as_str().unwrap_or_default();
                    let whose = if pod.name.ends_with(&format!(" {name}")) {
                        String::new()
                    } else {
                        format!(" container {name}")
                    };
                    Fault::new(&pod.path, format!("{}{whose} {found}", pod.name), required)
                };
                seen.map(fault).collect()
            }
        }
    }
}

/// A setting of a container, else of its pod.
fn security<'a>(spec: &'a Value, container: &'a Value, key: &str) -> &'a Value {
    match &container["securityContext"][key] {
        Value::Null => &spec["securityContext"][key],
        own => own,
    }
}

fn capabilities<'a>(container: &'a Value, what: &str) -> Vec<&'a str> {
    let list = container["securityContext"]["capabilities"][what].as_array();
    list.into_iter().flatten().filter_map(Value::as_str).map(|name| name.trim_start_matches("CAP_")).collect()
}

fn is_privileged(container: &Value) -> bool {
    container["securityContext"]["privileged"] == true
}

pub(super) fn privileged(_: &Value, container: &Value) -> Option<String> {
    is_privileged(container).then(|| "is privileged".to_owned())
}

pub(super) fn host_pid(pod: &Pod) -> Option<String> {
    (pod.spec["hostPID"] == true).then(|| "sees the node's processes".to_owned())
}

pub(super) fn host_ipc(pod: &Pod) -> Option<String> {
    (pod.spec["hostIPC"] == true).then(|| "shares the node's IPC".to_owned())
}

pub(super) fn host_network(pod: &Pod) -> Option<String> {
    (pod.spec["hostNetwork"] == true).then(|| "uses the node's network".to_owned())
}

pub(super) fn escalation(_: &Value, container: &Value) -> Option<String> {
    let allowed = container["securityContext"]["allowPrivilegeEscalation"] == true;
    allowed.then(|| "may gain privileges".to_owned())
}

pub(super) fn root(spec: &Value, container: &Value) -> Option<String> {
    let user = security(spec, container, "runAsUser");
    let never = security(spec, container, "runAsNonRoot") == true;
    let other = user.as_u64().is_some_and(|user| user != 0);
    (!never && !other).then(|| if user == 0 { "runs as root" } else { "may run as root" }.to_owned())
}

pub(super) fn raw_packets(_: &Value, container: &Value) -> Option<String> {
    let (added, dropped) = (capabilities(container, "add"), capabilities(container, "drop"));
    let named = |list: &[&str]| list.contains(&"ALL") || list.contains(&"NET_RAW");
    (is_privileged(container) || named(&added) || !named(&dropped)).then(|| "has NET_RAW".to_owned())
}

pub(super) fn added_capabilities(_: &Value, container: &Value) -> Option<String> {
    let added = capabilities(container, "add");
    if !added.is_empty() {
        return Some(format!("has {}", added.join(", ")));
    }
    (!capabilities(container, "drop").contains(&"ALL")).then(|| "keeps the runtime's capabilities".to_owned())
}

pub(super) fn host_process(spec: &Value, container: &Value) -> Option<String> {
    let is_one = security(spec, container, "windowsOptions")["hostProcess"] == true;
    is_one.then(|| "is a HostProcess container".to_owned())
}

pub(super) fn host_paths(pod: &Pod) -> Option<String> {
    let volumes = pod.spec["volumes"].as_array().into_iter().flatten();
    let paths: Vec<&str> = volumes.filter_map(|volume| volume.pointer("/hostPath/path")?.as_str()).collect();
    (!paths.is_empty()).then(|| format!("mounts {}", paths.join(", ")))
}

pub(super) fn host_ports(_: &Value, container: &Value) -> Option<String> {
    let ports = container["ports"].as_array().into_iter().flatten();
    let ports: Vec<String> = ports.filter_map(|port| port["hostPort"].as_u64()).map(|port| port.to_string()).collect();
    (!ports.is_empty()).then(|| format!("takes the node's port {}", ports.join(", ")))
}

pub(super) fn secrets_in_environment(_: &Value, container: &Value) -> Option<String> {
    let one = |entry: &Value| entry.pointer("/valueFrom/secretKeyRef").is_some() || entry.get("secretRef").is_some();
    let lists = ["env", "envFrom"].into_iter().filter_map(|key| container[key].as_array()).flatten();
    let count = lists.filter(|entry| one(entry)).count();
    (count > 0).then(|| "has a Secret in its environment".to_owned())
}

pub(super) fn without_context(spec: &Value, container: &Value) -> Option<String> {
    let missing = container["securityContext"].is_null() && spec["securityContext"].is_null();
    missing.then(|| "has no securityContext".to_owned())
}

pub(super) fn unconfined(spec: &Value, container: &Value) -> Option<String> {
    let profile = &security(spec, container, "seccompProfile")["type"];
    (profile == "Unconfined").then(|| "has no filter of system calls".to_owned())
}

pub(super) fn default_namespace(pod: &Pod) -> Option<String> {
    (pod.namespace == "default").then(|| "lies in the namespace default".to_owned())
}

pub(super) fn default_account(pod: &Pod) -> Option<String> {
    let account = account(pod);
    (!pod.is_static && account == "default" && pod.spec["automountServiceAccountToken"] != false)
        .then(|| "uses the account default of its namespace".to_owned())
}

/// The service account of a pod.
pub(super) fn account(pod: &Pod) -> &str {
    let name = ["serviceAccountName", "serviceAccount"].into_iter().find_map(|key| pod.spec[key].as_str());
    name.filter(|name| !name.is_empty()).unwrap_or("default")
}
