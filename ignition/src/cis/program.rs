//! Programs of the control plane, and their flags in the manifests of their static pods.

use super::outcome::Fault;
use super::require::Require;
use crate::tree::{Entry, NodeTree};
use serde_json::Value;

/// A program that a check is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Program {
    ApiServer,
    ControllerManager,
    Scheduler,
    Etcd,
}

impl Program {
    /// The name of its static pod.
    pub(super) fn pod(self) -> &'static str {
        match self {
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Etcd => "etcd",
        }
    }
}

/// A static pod in the tree: where the kubelet looks, or where it waits for the agent.
#[derive(Debug)]
pub(super) struct StaticPod {
    pub(super) path: String,
    pub(super) object: Value,
    flags: Vec<Flag>,
}

impl StaticPod {
    /// Reads a manifest; `None` for what is no pod.
    pub(super) fn read(tree: &NodeTree, path: &str) -> Option<Self> {
        let Some(Entry::File(file)) = tree.get(path) else { return None };
        let object: Value = serde_saphyr::from_slice(&file.content).ok()?;
        let container = object.pointer("/spec/containers/0")?;
        let words = ["command", "args"].into_iter().filter_map(|key| container[key].as_array()).flatten();
        let flags = flags(words.filter_map(Value::as_str));
        Some(Self { path: path.to_owned(), object, flags })
    }

    pub(super) fn name(&self) -> &str {
        self.object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
    }

    /// Values of a flag, without dashes.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        values(&self.flags, name)
    }

    /// The value of a flag that has one.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.values(name).pop()
    }

    /// What is wrong with a flag.
    pub(super) fn fault(&self, name: &str, require: &Require) -> Option<Fault> {
        let values = self.values(name);
        (!require.holds(&values)).then(|| {
            let dashed = format!("--{name}");
            Fault::new(&self.path, shown(&dashed, &values), require.words(&dashed))
        })
    }
}

/// A flag without dashes, and its value.
pub(super) type Flag = (String, String);

/// The flags of a command line. One without a value switches something on.
pub(super) fn flags<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Flag> {
    let flag = |word: &str| {
        let (name, value) = word.strip_prefix("--")?.split_once('=').unwrap_or((word.strip_prefix("--")?, "true"));
        Some((name.to_owned(), value.to_owned()))
    };
    words.filter_map(flag).collect()
}

/// Values of one flag.
pub(super) fn values(flags: &[Flag], name: &str) -> Vec<String> {
    flags.iter().filter(|flag| flag.0 == name).map(|flag| flag.1.clone()).collect()
}

/// What was found of `name`.
pub(super) fn shown(name: &str, values: &[String]) -> String {
    if values.is_empty() {
        return format!("{name} is not set");
    }
    values.iter().map(|value| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}
