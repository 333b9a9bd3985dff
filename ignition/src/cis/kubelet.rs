//! The kubelet of a node: its unit, its command line, its configuration and the copy of it that the unit makes.

use super::facts;
use super::outcome::Fault;
use super::program::{self, Flag};
use super::require::Require;
use super::unit;
use crate::tree::NodeTree;
use serde_json::Value;

/// Where the unit lies.
pub(super) const UNIT: &str = "/etc/systemd/system/kubelet.service";

/// A copy that the unit makes before the kubelet starts, by `install`.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) source: String,
    pub(super) destination: String,
    /// Permission bits; `None`: those of `install`, 0755.
    pub(super) mode: Option<u32>,
}

/// What decides how the kubelet behaves. A flag wins over the field of the configuration.
#[derive(Debug)]
pub(super) struct Kubelet {
    flags: Vec<Flag>,
    /// Where the configuration lies in the tree.
    pub(super) config_path: String,
    config: Value,
    /// The copy that the kubelet reads, where it reads one.
    pub(super) copy: Option<Copy>,
}

/// A setting of the kubelet: its flag, where it has one, and its field, as JSON pointer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) flag: Option<&'static str>,
    pub(super) pointer: &'static str,
    pub(super) require: Require,
}

impl Kubelet {
    pub(super) fn read(tree: &NodeTree) -> Self {
        let text = facts::text(tree, UNIT).unwrap_or_default();
        let command = unit::commands(text, "ExecStart").pop().unwrap_or_default();
        let flags = program::flags(command.iter().map(String::as_str));
        let wanted = program::values(&flags, "config").pop().unwrap_or_default();
        let copy = copies(text).into_iter().find(|copy| copy.destination == wanted);
        let config_path = copy.as_ref().map_or(wanted, |copy| copy.source.clone());
        let config = facts::object(tree, &config_path).unwrap_or_default();
        Self { flags, config_path, config, copy }
    }

    /// Whether it answers on its port: without it there is nobody to let in.
    pub(super) fn is_open(&self) -> bool {
        self.config["enableServer"] != false
    }

    /// Whether it talks to an API server.
    pub(super) fn joins(&self) -> bool {
        !self.flag("kubeconfig").is_empty()
    }

    /// Values of a flag.
    pub(super) fn flag(&self, name: &str) -> Vec<String> {
        program::values(&self.flags, name)
    }

    /// The value of a field of the configuration.
    pub(super) fn field(&self, pointer: &str) -> Option<String> {
        self.config.pointer(pointer).and_then(text)
    }

    /// What is wrong with a setting.
    pub(super) fn fault(&self, field: &Field) -> Option<Fault> {
        let by_flag = field.flag.map(|flag| self.flag(flag)).unwrap_or_default();
        let (path, name, values) = match field.flag {
            Some(flag) if !by_flag.is_empty() || field.pointer.is_empty() => (UNIT, format!("--{flag}"), by_flag),
            _ => {
                let values: Vec<String> = self.field(field.pointer).into_iter().collect();
                (self.config_path.as_str(), field.pointer.trim_start_matches('/').replace('/', "."), values)
            }
        };
        let holds = field.require.holds(&values);
        (!holds).then(|| Fault::new(path, program::shown(&name, &values), field.require.words(&name)))
    }
}

/// Lines such as `install -D -m 0600 SOURCE DESTINATION`.
fn copies(unit_text: &str) -> Vec<Copy> {
    let copy = |words: Vec<String>| {
        let [program, .., source, destination] = words.as_slice() else { return None };
        let mode = words.iter().position(|word| word == "-m").and_then(|at| words.get(at + 1));
        program.ends_with("/install").then(|| Copy {
            source: source.clone(),
            destination: destination.clone(),
            mode: mode.and_then(|mode| u32::from_str_radix(mode, 8).ok()),
        })
    };
    unit::commands(unit_text, "ExecStartPre").into_iter().filter_map(copy).collect()
}

/// A field as a flag would say it: lists with commas, nothing for what is left out.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(text).collect::<Vec<_>>().join(",")),
        other => Some(other.to_string()),
    }
}
