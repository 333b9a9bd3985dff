//! Conditions that are more than a value: files that flags name, and what several settings mean together.

use super::audit_policy::{self, REQUESTS};
use super::facts;
use super::node::Node;
use super::outcome::{Fault, Outcome};
use super::program::{Program, StaticPod};
use super::require::Require;
use serde_json::Value;

/// Pages that may answer without a login: probes and load balancers ask them.
const HEALTH_PAGES: [&str; 3] = ["/livez", "/readyz", "/healthz"];
/// Providers that encrypt.
const ENCRYPTION_PROVIDERS: [&str; 3] = ["aescbc", "kms", "secretbox"];

/// A configuration that a flag of the API server names, with its path. The pod has its copies under the node's own paths.
fn named_by(node: &Node<'_>, flag: &str) -> Result<(String, Value), Outcome> {
    let Some(pod) = node.program(Program::ApiServer) else {
        return Err(wrong("the manifest of kube-apiserver", "it is not there", "it is there"));
    };
    let Some(path) = pod.value(flag) else {
        return Err(wrong(&pod.path, &format!("--{flag} is not set"), &format!("--{flag} is set")));
    };
    match facts::object(node.tree, &path) {
        Some(object) => Ok((path, object)),
        None => Err(wrong(&path, "the file is not there", &format!("the file that --{flag} names"))),
    }
}

fn wrong(path: &str, found: &str, required: &str) -> Outcome {
    Outcome::Fail(vec![Fault::new(path, found, required)])
}

fn or(result: Result<Outcome, Outcome>) -> Outcome {
    result.unwrap_or_else(|outcome| outcome)
}

/// 1.2.1: nobody without a login, or health pages alone (KEP-4633).
pub(super) fn anonymous(node: &Node<'_>) -> Outcome {
    let off = |pod: &StaticPod| Require::Is("false").holds(&pod.values("anonymous-auth"));
    if node.program(Program::ApiServer).is_some_and(off) {
        return Outcome::Pass;
    }
    or(named_by(node, "authentication-config").map(|(path, config)| {
        let anonymous = &config["anonymous"];
        let pages = anonymous["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_health = |page: &Value| page["path"].as_str().is_some_and(|path| HEALTH_PAGES.contains(&path));
        let closed = anonymous["enabled"] == false || (!pages.is_empty() && pages.iter().all(is_health));
        Outcome::holds_or(closed, || {
            Fault::new(path, "pages answer without a login", format!("only {} do", HEALTH_PAGES.join(", ")))
        })
    }))
}

/// 1.2.27: secrets are encrypted in etcd.
pub(super) fn encryption_file(node: &Node<'_>) -> Outcome {
    or(named_by(node, "encryption-provider-config").map(|_| Outcome::Pass))
}

/// 1.2.28: with a provider that encrypts; the first one writes.
pub(super) fn encryption_provider(node: &Node<'_>) -> Outcome {
    or(named_by(node, "encryption-provider-config").map(|(path, config)| {
        let resources = config["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
        let first = |resource: &Value| {
            let provider = resource.pointer("/providers/0").and_then(Value::as_object);
            provider.and_then(|provider| provider.keys().next().cloned()).unwrap_or_else(|| "none".to_owned())
        };
        let encrypts = |provider: &String| ENCRYPTION_PROVIDERS.contains(&provider.as_str());
        let weak = resources.iter().map(first).filter(|provider| !encrypts(provider));
        let required = format!("{} first", ENCRYPTION_PROVIDERS.join(", "));
        weak.map(|provider| Fault::new(&path, format!("{provider} is the first provider"), &required)).collect()
    }))
}

/// 2.7: no certificate of the cluster opens etcd.
pub(super) fn own_authority_of_etcd(node: &Node<'_>) -> Outcome {
    let Some(etcd) = node.program(Program::Etcd) else {
        return wrong("the manifest of etcd", "it is not there", "it is there");
    };
    let Some(path) = etcd.value("trusted-ca-file") else {
        return wrong(&etcd.path, "--trusted-ca-file is not set", "--trusted-ca-file is set");
    };
    let of_cluster = node.program(Program::ApiServer).and_then(|pod| pod.value("client-ca-file"));
    let of_cluster = of_cluster.unwrap_or_else(|| "/etc/kubernetes/pki/ca.crt".to_owned());
    match facts::text(node.tree, &path) {
        None => wrong(&path, "the file is not there", "the file that --trusted-ca-file names"),
        Some(own) => Outcome::holds_or(facts::text(node.tree, &of_cluster) != Some(own), || {
            Fault::new(&path, format!("the same authority as {of_cluster}"), "an authority of etcd's own")
        }),
    }
}

/// 3.1.1: people have another way in than certificates, which nobody can withdraw.
pub(super) fn ways_for_people(node: &Node<'_>) -> Outcome {
    let webhook = |pod: &StaticPod| pod.value("authentication-token-webhook-config-file").is_some();
    if node.program(Program::ApiServer).is_some_and(webhook) {
        return Outcome::Pass;
    }
    or(named_by(node, "authentication-config").map(|(path, config)| {
        let issuers = config["jwt"].as_array().is_some_and(|issuers| !issuers.is_empty());
        Outcome::holds_or(issuers, || {
            Fault::new(path, "no issuer of tokens and no token webhook", "a way for people without certificates")
        })
    }))
}

/// 3.2.1: there is a policy with rules.
pub(super) fn audit_policy(node: &Node<'_>) -> Outcome {
    or(named_by(node, "audit-policy-file").map(|(path, policy)| {
        let has_rules = policy["rules"].as_array().is_some_and(|rules| !rules.is_empty());
        Outcome::holds_or(has_rules, || Fault::new(path, "a policy without rules", "a policy with rules"))
    }))
}

/// 3.2.2: the policy misses nothing that matters.
pub(super) fn audit_coverage(node: &Node<'_>) -> Outcome {
    or(named_by(node, "audit-policy-file").map(|(path, policy)| {
        let faults = REQUESTS.iter().filter_map(|request| audit_policy::fault(&policy, request));
        faults.map(|found| Fault::new(&path, found, "logged, and of secrets the metadata alone")).collect()
    }))
}

/// 4.3.1: kube-proxy's metrics are for the node alone.
pub(super) fn proxy_metrics(node: &Node<'_>) -> Outcome {
    let Some(proxy) = node.applied.proxy() else {
        return Outcome::NotApplicable("kube-proxy is switched off");
    };
    let require = Require::OrUnset(&Require::Address("127.0.0.1"));
    Outcome::holds_or(require.holds(&proxy.metrics_addresses), || {
        let found = format!("metricsBindAddress {}", proxy.metrics_addresses.join(" "));
        Fault::new(&proxy.path, found, require.words("metricsBindAddress"))
    })
}
