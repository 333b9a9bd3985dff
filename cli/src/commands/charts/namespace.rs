//! The namespace of a release: as `helm install --create-namespace` does, it is created, and objects that name none lie in it.

use kfimg_profiles::cluster::{Manifest, ManifestObject};
use serde_json::{Value, json};

/// Namespaces that every cluster has.
const ALWAYS_THERE: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Kinds of Kubernetes that lie in no namespace, by group. Source: `kubectl api-resources --namespaced=false` of 1.36.
const CLUSTER_SCOPED: [(&str, &str); 30] = [
    ("", "ComponentStatus"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("certificates.k8s.io", "ClusterTrustBundle"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("node.k8s.io", "RuntimeClass"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("resource.k8s.io", "DeviceClass"),
    ("resource.k8s.io", "DeviceTaintRule"),
    ("resource.k8s.io", "ResourceSlice"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
];

/// Gives objects their namespace, and the chart its Namespace unless somebody brings it.
pub(super) fn settle(manifest: &mut Manifest, namespace: &str, others: &[Manifest]) {
    let definitions: Vec<Value> = all(others).chain(&manifest.objects).map(|object| object.value.clone()).collect();
    for object in &mut manifest.objects {
        let names_none = object.value["metadata"]["namespace"].as_str().is_none_or(str::is_empty);
        if names_none && !is_cluster_scoped(&object.value, &definitions) {
            object.value["metadata"]["namespace"] = Value::from(namespace);
        }
    }
    let is_there = ALWAYS_THERE.contains(&namespace)
        || definitions.iter().any(|object| {
            (group(object), text(object, "kind")) == ("", "Namespace") && object["metadata"]["name"] == namespace
        });
    if let (false, Some(first)) = (is_there, manifest.objects.first().cloned()) {
        let value = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        let mut own = first;
        own.value = value;
        manifest.objects.insert(0, own);
    }
}

fn all(manifests: &[Manifest]) -> impl Iterator<Item = &ManifestObject> {
    manifests.iter().flat_map(|manifest| &manifest.objects)
}

/// By Kubernetes' own kinds, and by the definitions that are at hand; other custom objects are taken to lie in a namespace.
fn is_cluster_scoped(object: &Value, definitions: &[Value]) -> bool {
    let (group, kind) = (group(object), text(object, "kind"));
    CLUSTER_SCOPED.contains(&(group, kind))
        || definitions.iter().any(|definition| {
            text(definition, "kind") == "CustomResourceDefinition"
                && definition["spec"]["group"] == group
                && definition["spec"]["names"]["kind"] == kind
                && definition["spec"]["scope"] == "Cluster"
        })
}

fn group(object: &Value) -> &str {
    text(object, "apiVersion").split_once('/').map_or("", |(group, _)| group)
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::settle;
    use kfimg_profiles::cluster::Manifest;
    use kfimg_profiles::resolve::rendered;

    fn manifest(text: &str) -> Manifest {
        rendered("chart x", text).unwrap()
    }

    fn told(manifest: &Manifest) -> Vec<String> {
        let shown = |object: &serde_json::Value| {
            let metadata = &object["metadata"];
            format!("{} {}/{}", object["kind"], metadata["namespace"], metadata["name"]).replace('"', "")
        };
        manifest.objects.iter().map(|object| shown(&object.value)).collect()
    }

    #[test]
    fn objects_lie_in_the_namespace_of_their_release() {
        let text = "
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: gates.example.com},
 spec: {group: example.com, scope: Cluster, names: {kind: Gate}}}
---
{apiVersion: example.com/v1, kind: Gate, metadata: {name: g}}
---
{apiVersion: example.com/v1, kind: Door, metadata: {name: d}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: other}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: c}}
";
        let mut chart = manifest(text);
        settle(&mut chart, "web", &[]);
        let expected = [
            "Namespace null/web",
            "CustomResourceDefinition null/gates.example.com",
            "Gate null/g",
            "Door web/d",
            "Deployment web/a",
            "ConfigMap other/b",
            "ClusterRole null/c",
        ];
        assert_eq!(told(&chart), expected);
    }

    #[test]
    fn a_namespace_that_somebody_brings_is_not_written_over() {
        let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}}";
        for (namespace, others) in [
            ("kube-system", vec![]),
            ("web", vec![manifest("{apiVersion: v1, kind: Namespace, metadata: {name: web, labels: {a: b}}}")]),
        ] {
            let mut chart = manifest(pod);
            settle(&mut chart, namespace, &others);
            assert_eq!(told(&chart), [format!("Pod {namespace}/a")]);
        }
    }
}
