//! Arguments of a component: kfimg's own and those of the description, each flag once, sorted by name.
//!
//! Whether an argument of the description is allowed was decided when the description was read.

use kfimg_profiles::description::{Argument, FeatureGates};
use std::collections::BTreeMap;

/// Arguments by the name of their flag, without dashes. A flag has more than one value only where the description
/// repeats a flag that may be repeated.
#[derive(Clone, Debug, Default)]
pub(in crate::content) struct Arguments(BTreeMap<String, Vec<String>>);

impl Arguments {
    /// kfimg's own arguments.
    pub(in crate::content) fn new<const N: usize>(own: [(&str, &str); N]) -> Self {
        Self(own.into_iter().map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).collect())
    }

    /// Sets a flag.
    pub(in crate::content) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), vec![value.into()]);
    }

    /// Sets a flag to a comma-separated list; an empty list sets nothing.
    pub(in crate::content) fn set_list<T: ToString>(&mut self, name: &str, values: impl IntoIterator<Item = T>) {
        let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        if !values.is_empty() {
            self.set(name, values.join(","));
        }
    }

    /// Sets `feature-gates`; no gates set nothing.
    pub(in crate::content) fn set_feature_gates(&mut self, gates: &FeatureGates) {
        self.set_list("feature-gates", gates.iter().map(|(gate, on)| format!("{gate}={on}")));
    }

    /// Takes a flag away.
    pub(in crate::content) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The value of a flag, where it has exactly one.
    pub(in crate::content) fn get(&self, name: &str) -> Option<&str> {
        match self.0.get(name).map(Vec::as_slice) {
            Some([value]) => Some(value),
            _ => None,
        }
    }

    /// Adds the description's arguments. Each replaces kfimg's own value of the same flag, as in kubeadm.
    pub(in crate::content) fn extend(&mut self, extra: &[Argument]) {
        let name = |argument: &Argument| argument.name.trim_start_matches('-').to_owned();
        for argument in extra {
            self.0.remove(&name(argument));
        }
        for argument in extra {
            self.0.entry(name(argument)).or_default().push(argument.value.clone());
        }
    }

    /// The program and its arguments: `--name=value`.
    pub(in crate::content) fn command(&self, program: &str) -> Vec<String> {
        let flags =
            self.0.iter().flat_map(|(name, values)| values.iter().map(move |value| format!("--{name}={value}")));
        [program.to_owned()].into_iter().chain(flags).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(name: &str, value: &str) -> Argument {
        Argument { name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn the_descriptions_arguments_replace_ours_and_may_repeat() {
        let mut arguments = Arguments::new([("v", "2"), ("profiling", "false"), ("bind-address", "127.0.0.1")]);
        arguments.extend(&[
            argument("v", "4"),
            argument("tls-sni-cert-key", "a,b"),
            argument("--tls-sni-cert-key", "c,d"),
        ]);
        let expected = [
            "kube-scheduler",
            "--bind-address=127.0.0.1",
            "--profiling=false",
            "--tls-sni-cert-key=a,b",
            "--tls-sni-cert-key=c,d",
            "--v=4",
        ];
        assert_eq!(arguments.command("kube-scheduler"), expected);
        assert_eq!(arguments.get("v"), Some("4"));
        assert_eq!(arguments.get("tls-sni-cert-key"), None);
    }

    #[test]
    fn empty_lists_set_no_flag() {
        let mut arguments = Arguments::default();
        arguments.set_list::<&str>("cors-allowed-origins", []);
        arguments.set_feature_gates(&FeatureGates::new());
        assert_eq!(arguments.command("a"), ["a"]);
    }
}
