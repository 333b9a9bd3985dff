//! What the description is and what the cluster is called; `nodeDefaults` that would make all machines one.

use super::{Subject, at, syntax};
use crate::description::{API_VERSION, KIND, Node};
use crate::problem::Report;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let description = subject.description;
    header("apiVersion", &description.api_version, API_VERSION, report);
    header("kind", &description.kind, KIND, report);
    match &description.cluster_name {
        None => {
            report
                .error("missing-setting", at("clusterName"), "the cluster has no name")
                .help("write `clusterName: NAME`: it names the state folder and the kubeconfig's context");
        }
        Some(name) => {
            if let Some(wrong) = syntax::label(name) {
                report
                    .error("invalid-name", at("clusterName"), format!("the cluster's name {wrong}"))
                    .help("use at most 63 lower-case letters, digits and `-`");
            }
        }
    }
    defaults(&description.node_defaults, report);
}

fn header(key: &str, written: &str, expected: &str, report: &mut Report) {
    if written == expected {
        return;
    }
    let message = match written {
        "" => format!("`{key}` is missing"),
        other => format!("`{key}` is `{other}`, which this program does not read"),
    };
    report.error("unsupported-format", at(key), message).help(format!("write `{key}: {expected}`"));
}

/// What tells machines apart cannot be a default.
fn defaults(defaults: &Node, report: &mut Report) {
    let set = [
        ("name", defaults.name.is_some()),
        ("role", defaults.role.is_some()),
        ("address", defaults.address.is_some()),
        ("mac", defaults.mac.is_some()),
        ("uuid", defaults.uuid.is_some()),
        ("serial", defaults.serial.is_some()),
    ];
    for (key, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
        report
            .error(
                "not-a-default",
                at("nodeDefaults").key(key),
                format!("`{key}` belongs to one machine and can be no default"),
            )
            .at_key()
            .help(format!("write `{key}` at the nodes that it is for"));
    }
}
