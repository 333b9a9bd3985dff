//! What an audit policy writes down of the requests that matter (CIS 3.2.2).
//!
//! Rules match as in `k8s.io/apiserver/pkg/audit/policy`: the first one decides, and a request without one is not logged.

use serde_json::Value;

/// A request of somebody who is logged in, for an object with a name in some namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) verb: &'static str,
    pub(super) group: &'static str,
    /// With its part after a `/`.
    pub(super) resource: &'static str,
    /// Whether its bodies are secrets, so that they must not be logged.
    pub(super) is_secret: bool,
}

const fn secret(verb: &'static str, group: &'static str, resource: &'static str) -> Request {
    Request { verb, group, resource, is_secret: true }
}

const fn open(verb: &'static str, group: &'static str, resource: &'static str) -> Request {
    Request { verb, group, resource, is_secret: false }
}

/// Requests that a policy must not miss.
pub(super) const REQUESTS: [Request; 15] = [
    secret("get", "", "secrets"),
    secret("update", "", "secrets"),
    secret("get", "", "configmaps"),
    secret("update", "", "configmaps"),
    secret("create", "authentication.k8s.io", "tokenreviews"),
    open("create", "", "pods"),
    open("delete", "", "pods"),
    open("create", "apps", "deployments"),
    open("update", "apps", "deployments"),
    open("delete", "apps", "deployments"),
    open("create", "", "pods/exec"),
    open("create", "", "pods/portforward"),
    open("create", "", "pods/proxy"),
    open("get", "", "services/proxy"),
    open("create", "", "serviceaccounts/token"),
];

/// What is wrong about how a policy treats a request.
pub(super) fn fault(policy: &Value, request: &Request) -> Option<String> {
    let what = format!("{} {}", request.verb, request.resource);
    match level(policy, request) {
        "None" => Some(format!("{what} is not logged")),
        level @ ("Request" | "RequestResponse") if request.is_secret => {
            Some(format!("{what} is logged with its bodies ({level})"))
        }
        _ => None,
    }
}

fn level<'a>(policy: &'a Value, request: &Request) -> &'a str {
    let rules = policy["rules"].as_array().into_iter().flatten();
    let first = rules.into_iter().find(|rule| matches(rule, request));
    first.and_then(|rule| rule["level"].as_str()).unwrap_or("None")
}

fn matches(rule: &Value, request: &Request) -> bool {
    let list = |key: &str| rule[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let admits = |key: &str, ours: &str| list(key).is_empty() || list(key).iter().any(|item| item == ours);
    if !list("users").is_empty() || !admits("userGroups", "system:authenticated") || !admits("verbs", request.verb) {
        return false;
    }
    if list("resources").is_empty() {
        return list("nonResourceURLs").is_empty() && list("namespaces").is_empty();
    }
    list("namespaces").is_empty() && list("resources").iter().any(|resources| names(resources, request))
}

/// Whether an entry of `resources` is about a request.
fn names(resources: &Value, request: &Request) -> bool {
    if resources["group"].as_str().unwrap_or_default() != request.group {
        return false;
    }
    let (resource, part) = request.resource.split_once('/').unwrap_or((request.resource, ""));
    let named = |name: &str| match name.split_once('/') {
        None => name == "*" || name == request.resource,
        Some(("*", of)) => !part.is_empty() && of == part,
        Some((of, "*")) => of == resource,
        Some(_) => name == request.resource,
    };
    let of_some_objects = resources["resourceNames"].as_array().is_some_and(|names| !names.is_empty());
    match resources["resources"].as_array().map(Vec::as_slice) {
        None | Some([]) => true,
        Some(list) => !of_some_objects && list.iter().filter_map(Value::as_str).any(named),
    }
}

#[cfg(test)]
mod tests {
    use super::{REQUESTS, fault};
    use serde_json::{Value, json};

    fn faults(rules: &Value) -> Vec<String> {
        REQUESTS.iter().filter_map(|request| fault(&json!({"rules": rules}), request)).collect()
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let metadata = json!({"level": "Metadata"});
        assert_eq!(faults(&json!([metadata])), Vec::<String>::new());
        assert_eq!(faults(&json!([])).len(), REQUESTS.len());
        for (rule, wrong) in [
            (
                json!({"level": "None", "resources": [{"group": "", "resources": ["pods/exec"]}]}),
                vec!["create pods/exec is not logged"],
            ),
            (json!({"level": "None", "users": ["system:apiserver"]}), vec![]),
            (json!({"level": "None", "userGroups": ["system:nodes"]}), vec![]),
            (json!({"level": "None", "nonResourceURLs": ["/healthz*"]}), vec![]),
            (json!({"level": "None", "namespaces": ["kube-system"]}), vec![]),
            (
                json!({"level": "None", "resources": [{"group": "", "resources": ["pods"], "resourceNames": ["a"]}]}),
                vec![],
            ),
            (
                json!({"level": "None", "verbs": ["delete"], "resources": [{"group": "apps"}]}),
                vec!["delete deployments is not logged"],
            ),
            (
                json!({"level": "None", "resources": [{"group": "", "resources": ["*/proxy"]}]}),
                vec!["create pods/proxy is not logged", "get services/proxy is not logged"],
            ),
            (
                json!({"level": "Request", "resources": [{"group": "authentication.k8s.io", "resources": ["tokenreviews"]}]}),
                vec!["create tokenreviews is logged with its bodies (Request)"],
            ),
        ] {
            assert_eq!(faults(&json!([rule, metadata])), wrong, "{rule}");
        }
    }
}
