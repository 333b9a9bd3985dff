//! Containers that were created and had not been started when the power went.
//!
//! containerd calls them `Created` after the boot, too. The kubelet (1.35, 1.36) takes one for a sign that the init containers of its pod
//! have run, and leaves them out of the pod's new sandbox (kubernetes/kubernetes#137710, `computeInitContainerActions`): without
//! flannel's there is no CNI configuration, and the node never becomes Ready. So they go before the kubelet starts.

use super::containerd::Containerd;
use crate::failure::{Code, Weight};
use crate::step::StepLog;
use crate::texts;
use serde_json::Value;

pub(super) const CREATED_CONTAINERS: Code = Code {
    name: "CREATED_CONTAINERS",
    weight: Weight::Warning,
    meaning: "containers that were never started before the last power cut could not be looked for or removed; the kubelet may leave out the init containers of their pods",
    remedy: "see that `crictl` is there and answers; delete a pod that lacks what its init containers make",
};

/// Removes them.
pub(super) fn remove(containerd: &Containerd, log: &mut StepLog) {
    if let Err(reason) = try_to_remove(containerd, log) {
        log.warn(&CREATED_CONTAINERS, &reason);
    }
}

fn try_to_remove(containerd: &Containerd, log: &mut StepLog) -> Result<(), String> {
    let ask = |arguments: &[&str]| containerd.ask_cri(arguments).map_err(|error| error.to_string());
    let listed = ask(&["ps", "--all", "--state", "Created", "--output", "json"])?;
    let listed: Value = serde_json::from_str(&listed).map_err(|error| format!("the answer of crictl: {error}"))?;
    let created = listed["containers"].as_array().map_or(&[][..], Vec::as_slice);
    if created.is_empty() {
        return Ok(());
    }
    let dead = of_dead_sandboxes(created, &ask(&["pods", "--state", "Ready", "--quiet", "--no-trunc"])?);
    if dead.is_empty() {
        return Ok(());
    }
    log.running(&texts::images::created(dead.len()));
    ask(&[&["rm"], &dead[..]].concat()).map(drop)
}

/// Those whose sandbox is none of these (CRI, `ListContainersResponse`). Of a sandbox that is, the kubelet is about to start one.
fn of_dead_sandboxes<'a>(created: &'a [Value], alive: &str) -> Vec<&'a str> {
    let dead = |container: &&Value| {
        let sandbox = container["podSandboxId"].as_str();
        !alive.lines().any(|line| Some(line.trim()) == sandbox)
    };
    created.iter().filter(dead).filter_map(|container| container["id"].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::of_dead_sandboxes;
    use serde_json::json;

    #[test]
    fn a_container_goes_unless_its_sandbox_is_ready() {
        let created = [
            json!({"id": "76342a", "podSandboxId": "3f9d89", "metadata": {"name": "kube-flannel"}, "state": "CONTAINER_CREATED"}),
            json!({"id": "0a1eb1", "podSandboxId": "8c2d2c", "metadata": {"name": "web"}, "state": "CONTAINER_CREATED"}),
        ];
        assert_eq!(of_dead_sandboxes(&created, "8c2d2c\naaaaaa\n"), ["76342a"]);
        assert_eq!(of_dead_sandboxes(&created, ""), ["76342a", "0a1eb1"]);
    }
}
