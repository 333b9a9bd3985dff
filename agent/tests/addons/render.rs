//! What a render gives the agents: the addons of `ha3` as the golden files show them, and objects of a site.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One render.
#[derive(Clone)]
pub struct Render {
    pub generation: u64,
    pub uid: &'static str,
    pub kubernetes_version: &'static str,
    /// Lists by path.
    pub files: BTreeMap<String, Value>,
}

const GOLDEN: &str = include_str!("../../../cli/tests/golden/ha3-master1.txt");
const FOLDER: &str = "/etc/kfimg/addons/";

impl Render {
    /// All addons of `ha3`.
    pub fn ha3() -> Self {
        let parts = GOLDEN.split("\n=== ").filter_map(|part| part.split_once('\n'));
        let addon = |(head, text): (&str, &str)| {
            let path = head.split(' ').next()?;
            let list = path.starts_with(FOLDER).then(|| serde_json::from_str(text).unwrap())?;
            Some((path.to_owned(), list))
        };
        let files: BTreeMap<String, Value> = parts.filter_map(addon).collect();
        assert!(files.len() >= 6, "{:?}", files.keys());
        Self { generation: 1, uid: "0123456789abcdef", kubernetes_version: "v1.36.3", files }
    }

    /// The labels of Nodes alone.
    pub fn small() -> Self {
        let mut render = Self::ha3();
        render.files.retain(|path, _| path.ends_with("node-roles.json"));
        render
    }

    /// The next generation, with these objects as the site's own.
    pub fn next(&self, objects: &[Value]) -> Self {
        Self { generation: self.generation + 1, ..self.clone() }.with(objects)
    }

    /// With these objects as the site's own.
    pub fn with(mut self, objects: &[Value]) -> Self {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.files.insert(format!("{FOLDER}50-user-01.json"), list);
        self
    }

    /// How many objects there are.
    pub fn count(&self) -> usize {
        self.files.values().map(|list| list["items"].as_array().unwrap().len()).sum()
    }

    /// The same objects with another tag of kube-proxy's image.
    pub fn with_kube_proxy(mut self, version: &'static str) -> Self {
        let list = self.files.get_mut(&format!("{FOLDER}10-kube-proxy.json")).unwrap();
        let set =
            list["items"].as_array_mut().unwrap().iter_mut().find(|object| object["kind"] == "DaemonSet").unwrap();
        set["spec"]["template"]["spec"]["containers"][0]["image"] =
            Value::from(format!("registry.k8s.io/kube-proxy:{version}"));
        self.kubernetes_version = version;
        self
    }
}

/// A `ConfigMap`.
pub fn config(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
        "data": {"text": "two\n  words"},
    })
}

/// A Namespace.
pub fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// The kind `Gate` of `example.com`.
pub fn gates() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gates.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "gates", "singular": "gate", "kind": "Gate", "listKind": "GateList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
        },
    })
}

/// An object of that kind.
pub fn gate(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "example.com/v1", "kind": "Gate", "metadata": {"name": name, "namespace": namespace},
        "spec": {"open": true},
    })
}
