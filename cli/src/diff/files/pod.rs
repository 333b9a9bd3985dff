//! Static pods: flags by container, and all other settings. Their images are told with the node's images.

use super::{command, named};
use crate::diff::change::{Change, Topic};
use crate::diff::settings::{self, flatten};
use serde_json::Value;

/// What differs between two manifests of a static pod.
pub(super) fn changes(pod: &str, old: &str, new: &str) -> Vec<Change> {
    let (Some(mut old), Some(mut new)) = (settings::yaml(old), settings::yaml(new)) else { return Vec::new() };
    let (old_lines, new_lines) = (take_commands(&mut old), take_commands(&mut new));
    let mut changes = Vec::new();
    for (container, old_words) in &old_lines {
        if let Some((_, new_words)) = new_lines.iter().find(|(name, _)| name == container) {
            changes.extend(command::changes(container, old_words, new_words));
        }
    }
    let mut others = settings::compare(&flatten(&old), &flatten(&new));
    for (name, _) in &mut others {
        *name = short(name, pod);
    }
    changes.extend(named(Topic::Pods, pod, others));
    changes
}

/// Takes the containers' images and command lines out of a manifest; gives the command lines by container.
fn take_commands(pod: &mut Value) -> Vec<(String, Vec<String>)> {
    let mut lines = Vec::new();
    for list in ["initContainers", "containers"] {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            container.remove("image");
            let parts = ["command", "args"].map(|key| container.remove(key).unwrap_or_default());
            let words = parts.iter().flat_map(|part| part.as_array().cloned().unwrap_or_default());
            let words = words.filter_map(|word| word.as_str().map(str::to_owned)).collect();
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            lines.push((name, words));
        }
    }
    lines
}

/// A setting's name without what says nothing: `spec`, and the container that is called like its pod.
fn short(name: &str, pod: &str) -> String {
    let name = name.strip_prefix("spec.").unwrap_or(name);
    name.strip_prefix(&format!("containers[{pod}].")).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::changes;

    const POD: &str = "spec:
  containers:
  - name: api
    image: a:1
    command: [api, --a=1, '--list=x,y', --gone=0, run]
    resources: {requests: {cpu: 100m}}
  hostNetwork: true
";

    #[test]
    fn flags_are_told_by_name_and_images_are_not_told_here() {
        let new =
            POD.replace("a:1", "a:2").replace("--a=1", "--a=2").replace("x,y", "y,z").replace("--gone=0", "--new=1");
        let new = new.replace("100m", "200m").replace("hostNetwork: true", "hostPID: true");
        let words: Vec<String> = changes("api", POD, &new)
            .iter()
            .map(|change| format!("{} {}: {:?}", change.subject, change.name, change.what))
            .collect();
        assert_eq!(
            words,
            [
                r#"api --a: Changed { from: "1", to: "2" }"#,
                r#"api --gone: Removed { from: Some("0") }"#,
                r#"api --list: Items { added: ["z"], removed: ["x"] }"#,
                r#"api --new: Added { to: Some("1") }"#,
                r#"api resources.requests.cpu: Changed { from: "100m", to: "200m" }"#,
                r#"api hostNetwork: Removed { from: Some("true") }"#,
                r#"api hostPID: Added { to: Some("true") }"#,
            ]
        );
    }
}
