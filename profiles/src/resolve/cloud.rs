//! Whether somebody will initialise the Nodes of a cluster with `cloudProvider: external`.
//!
//! Until a cloud controller manager has done it, nothing runs on a Node but what tolerates that. Which one it is, is not
//! known here: it shows itself by what it tolerates, or by its name.

use serde_json::Value;

use crate::cluster::{Chart, Manifest};
use crate::description::Description;
use crate::document::Path;
use crate::problem::Report;

/// The taint of a Node that waits (`TaintExternalCloudProvider` of `k8s.io/cloud-provider/api`).
pub(crate) const UNINITIALIZED: &str = "node.cloudprovider.kubernetes.io/uninitialized";
/// What names of such programs and of their charts have in them.
const NAMES: [&str; 5] = ["cloud-controller", "cloud-provider", "cloud-node-manager", "ccm", "cpi"];
/// Kinds whose pods may be a controller manager.
const KINDS: [&str; 5] = ["DaemonSet", "Deployment", "Pod", "ReplicaSet", "StatefulSet"];

/// Warns when nothing of the user's looks like one. A chart that is not rendered yet is judged by its name and path.
pub(super) fn look_for_controller(
    description: &Description,
    manifests: Option<&[Manifest]>,
    charts: Option<&[Chart]>,
    report: &mut Report,
) {
    let (Some(manifests), Some(charts)) = (manifests, charts) else { return };
    let objects = || manifests.iter().flat_map(|manifest| &manifest.objects);
    let is_there = objects().any(|object| is_controller(&object.value))
        || charts.iter().any(|chart| is_named(&chart.name) || is_named(&chart.path.to_string_lossy()));
    if description.cloud_provider.is_none() || is_there {
        return;
    }
    report
        .warning(
            "no-cloud-controller",
            Path::root().key("cloudProvider"),
            "no manifest or chart looks like a cloud controller manager, and without one no pod of yours ever starts",
        )
        .help(format!(
            "name its files under `manifests` or `charts`: its pods tolerate `{UNINITIALIZED}` and run on the nodes' network"
        ));
}

fn is_controller(object: &Value) -> bool {
    let kind = object["kind"].as_str().unwrap_or_default();
    let spec = if kind == "Pod" { &object["spec"] } else { &object["spec"]["template"]["spec"] };
    let tolerations = spec["tolerations"].as_array();
    let tolerates = tolerations.into_iter().flatten().any(|toleration| toleration["key"] == UNINITIALIZED);
    KINDS.contains(&kind) && (tolerates || object["metadata"]["name"].as_str().is_some_and(is_named))
}

/// Whether a word of the text is one of the names, or begins or ends with a longer one.
fn is_named(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    NAMES.iter().any(|name| if name.contains('-') { text.contains(name) } else { words.contains(name) })
}

#[cfg(test)]
mod tests {
    use super::{is_controller, is_named};
    use serde_json::json;

    #[test]
    fn controllers_show_themselves_by_what_they_tolerate_or_by_name() {
        let daemon = |name: &str, key: &str| {
            let pod = json!({"spec": {"tolerations": [{"key": key, "value": "true"}]}});
            json!({"kind": "DaemonSet", "metadata": {"name": name}, "spec": {"template": pod}})
        };
        assert!(is_controller(&daemon("any", super::UNINITIALIZED)));
        assert!(is_controller(&daemon("vsphere-cloud-controller-manager", "x")));
        assert!(!is_controller(&daemon("web", "node-role.kubernetes.io/control-plane")));
        assert!(!is_controller(&json!({"kind": "ConfigMap", "metadata": {"name": "cloud-controller-config"}})));
        assert!(is_controller(&json!({"kind": "Pod", "metadata": {"name": "ccm"}, "spec": {}})));
        for (text, expected) in [
            ("charts/vsphere-cpi-1.36.tgz", true),
            ("openstack-cloud-controller-manager", true),
            ("hcloud-ccm", true),
            ("occmp", false),
            ("copied", false),
        ] {
            assert_eq!(is_named(text), expected, "{text}");
        }
    }
}
