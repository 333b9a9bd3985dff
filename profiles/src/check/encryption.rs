//! What is encrypted in etcd: an API server that is given what is refused here would not start.
//!
//! Source: `validateResourceOverlap` and `validateResourceNames` of `k8s.io/apiserver/pkg/apis/apiserver/validation`.

use std::collections::BTreeSet;

use super::{at, syntax};
use crate::description::{ApiServer, EncryptionProvider};
use crate::problem::Report;

/// They lie in etcd and in no API.
const WITHOUT_API: [&str; 3] = ["apiserveripinfo", "serviceipallocations", "servicenodeportallocations"];

const EXAMPLES: &str = "write it in the plural with its group, such as `secrets` or `deployments.apps`";

pub(super) fn check(api_server: &ApiServer, report: &mut Report) {
    let encryption = &api_server.encryption;
    if encryption.provider == EncryptionProvider::Identity {
        report
            .warning(
                "secrets-unencrypted",
                at("apiServer.encryption.provider"),
                "secrets lie readable in etcd and in its snapshots",
            )
            .help("write `provider: secretbox`");
    }
    let mut seen = BTreeSet::new();
    for (index, resource) in encryption.resources.iter().enumerate() {
        let wrong = wrong(resource)
            .or_else(|| (!seen.insert(resource)).then(|| (format!("`{resource}` is given twice"), "remove one")))
            .or_else(|| {
                let wider = encryption.resources.iter().find(|other| has(other, resource))?;
                Some((format!("`{resource}` is among `{wider}` already"), "remove one: an API server refuses both"))
            });
        if let Some((message, help)) = wrong {
            report.error("invalid-resource", at("apiServer.encryption.resources").index(index), message).help(help);
        }
    }
}

/// What is wrong with the resource by itself, and what to write.
fn wrong(resource: &str) -> Option<(String, &'static str)> {
    match group(resource) {
        "events.k8s.io" => return Some((format!("`{resource}` is stored as `events`"), "write `events`")),
        "extensions" => return Some((format!("`{resource}` is of a group that is no more"), "remove it")),
        _ => {}
    }
    let of_group = resource.strip_prefix("*.");
    let is_wildcard = of_group.is_some_and(|group| matches!(group, "" | "*") || syntax::subdomain(group).is_none());
    let is_resource = syntax::subdomain(resource).is_none() && !WITHOUT_API.contains(&resource);
    (!is_wildcard && !is_resource).then(|| (format!("`{resource}` is no resource"), EXAMPLES))
}

/// Whether `wider` stands for all of a group, or for everything, and the other one is among it.
fn has(wider: &str, resource: &str) -> bool {
    let is_group = wider.strip_prefix("*.") == Some(group(resource));
    wider != resource && (wider == "*.*" || is_group)
}

fn group(resource: &str) -> &str {
    resource.split_once('.').map_or("", |(_, group)| group)
}
