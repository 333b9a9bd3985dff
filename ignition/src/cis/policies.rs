//! Conditions of section 5 that look at several objects together.

use super::applied::{Object, Pod};
use super::facts;
use super::node::Node;
use super::outcome::{Fault, Outcome};
use super::pods;
use super::program::Program;
use super::require::Require;
use super::rights;
use data_encoding::BASE64;
use kfimg_pki::x509::organization;
use serde_json::Value;
use std::collections::BTreeMap;

/// The group that no rule can take rights from.
const MASTERS: &str = "system:masters";
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// 5.1.5: nothing runs as, and nothing gives rights to, the account that every namespace has.
pub(super) fn default_accounts(node: &Node<'_>) -> Outcome {
    let users = node.applied.pods().iter().filter_map(|pod| {
        let found = pods::default_account(pod)?;
        Some(Fault::new(&pod.path, format!("{} {found}", pod.name), "an account of its own"))
    });
    let is_default = |subject: &Value| subject["kind"] == "ServiceAccount" && subject["name"] == "default";
    let given = rights::bindings(node.applied).filter(|binding| binding.list("subjects").iter().any(is_default));
    let given = given.map(|binding| {
        Fault::new(
            &binding.path,
            format!("{} gives rights to an account default", binding.title()),
            "an account of its own",
        )
    });
    users.chain(given).collect()
}

/// 5.1.6: who has no rights needs no token.
pub(super) fn idle_tokens(node: &Node<'_>) -> Outcome {
    let mounts = |pod: &&Pod| {
        let of_account = node
            .applied
            .of_kind("ServiceAccount")
            .find(|account| account.metadata("name") == pods::account(pod) && account.namespace() == pod.namespace);
        let of_account = of_account.and_then(|account| account.value["automountServiceAccountToken"].as_bool());
        pod.spec["automountServiceAccountToken"].as_bool().or(of_account).unwrap_or(true)
    };
    let idle = |pod: &&Pod| !rights::is_bound(node.applied, "ServiceAccount", Some(&pod.namespace), pods::account(pod));
    let found = node.applied.pods().iter().filter(mounts).filter(idle);
    found
        .map(|pod| {
            let found = format!("{} mounts the token of {}, which has no rights", pod.name, pods::account(pod));
            Fault::new(&pod.path, found, "automountServiceAccountToken: false")
        })
        .collect()
}

/// 5.1.7: nobody is in the group that no rule can take rights from.
pub(super) fn masters(node: &Node<'_>) -> Outcome {
    const ADMIN: &str = "/etc/kubernetes/admin.conf";
    let by_certificate = certificate(node, ADMIN).and_then(|pem| organization(&pem)).filter(|group| group == MASTERS);
    let by_certificate = by_certificate
        .map(|group| Fault::new(ADMIN, format!("its certificate is of the group {group}"), "another group"));
    let is_masters = |subject: &Value| subject["kind"] == "Group" && subject["name"] == MASTERS;
    let bound = rights::bindings(node.applied).filter(|binding| binding.list("subjects").iter().any(is_masters));
    let bound =
        bound.map(|binding| Fault::new(&binding.path, format!("{} names {MASTERS}", binding.title()), "another group"));
    by_certificate.into_iter().chain(bound).collect()
}

/// The client certificate of a kubeconfig, PEM.
fn certificate(node: &Node<'_>, kubeconfig: &str) -> Option<String> {
    let config = facts::object(node.tree, kubeconfig)?;
    let data = config.pointer("/users/0/user/client-certificate-data")?.as_str()?;
    String::from_utf8(BASE64.decode(data.as_bytes()).ok()?).ok()
}

/// 5.2.1: something refuses pods, by a level for all namespaces, by levels of some, or by policies of admission.
pub(super) fn admission_policy(node: &Node<'_>) -> Outcome {
    let Some(pod) = node.program(Program::ApiServer) else {
        return Outcome::NotApplicable("there is no API server");
    };
    let is_on = Require::OrUnset(&Require::Lacks("PodSecurity")).holds(&pod.values("disable-admission-plugins"));
    let policies = node.applied.of_kind("ValidatingAdmissionPolicyBinding").count() > 0;
    let refuses = |level: &str| matches!(level, "baseline" | "restricted");
    let of_all = pod.value("admission-control-config-file").and_then(|path| facts::object(node.tree, &path));
    let of_all = of_all.as_ref().and_then(default_level).is_some_and(refuses);
    let of_some = node.applied.of_kind("Namespace").any(|namespace| {
        let level = namespace.value["metadata"]["labels"][ENFORCE].as_str();
        level.is_some_and(refuses)
    });
    Outcome::holds_or(policies || (is_on && (of_all || of_some)), || {
        let required = "a default level of PodSecurity (admission.config), a level of a Namespace, or a ValidatingAdmissionPolicyBinding";
        Fault::new(&pod.path, "no pod is refused", required)
    })
}

/// `defaults.enforce` of the plug-in PodSecurity in an `AdmissionConfiguration`.
fn default_level(config: &Value) -> Option<&str> {
    let plugins = config["plugins"].as_array()?;
    let plugin = plugins.iter().find(|plugin| plugin["name"] == "PodSecurity")?;
    plugin.pointer("/configuration/defaults/enforce")?.as_str()
}

/// 5.3.1: flannel knows no network policies.
pub(super) fn network_policies(node: &Node<'_>) -> Outcome {
    let runs = |container: &Value| container["image"].as_str().is_some_and(|image| image.contains("flannel"));
    match node.applied.pods().iter().find(|pod| pod.containers().any(runs)) {
        Some(pod) => Outcome::Fail(vec![Fault::new(
            &pod.path,
            format!("{} knows no NetworkPolicies", pod.name),
            "a plug-in that does",
        )]),
        None => Outcome::NotJudged("the plug-in of the pods' network is your own"),
    }
}

/// 5.3.2: each namespace with pods has a NetworkPolicy.
pub(super) fn namespaces_without_policies(node: &Node<'_>) -> Outcome {
    let made = node.applied.of_kind("Namespace").map(|namespace| (namespace.metadata("name"), namespace.path.as_str()));
    let used = node.applied.pods().iter().map(|pod| (pod.namespace.as_str(), pod.path.as_str()));
    let namespaces: BTreeMap<&str, &str> = used.chain(made).collect();
    let has_one = |name: &str| node.applied.of_kind("NetworkPolicy").any(|policy| policy.namespace() == name);
    let bare = namespaces.into_iter().filter(|(name, _)| !has_one(name));
    bare.map(|(name, path)| Fault::new(path, format!("namespace {name} has no NetworkPolicy"), "one at least"))
        .collect()
}

/// 5.6.2: no pod runs without a filter of system calls; the kubelet gives the runtime's own to whoever names none.
pub(super) fn seccomp(node: &Node<'_>) -> Outcome {
    let outcome = pods::Look::Container(pods::unconfined, "RuntimeDefault").judge(node);
    let by_kubelet = node.kubelet.field("/seccompDefault").as_deref() == Some("true");
    if by_kubelet || matches!(outcome, Outcome::Fail(_)) {
        return outcome;
    }
    Outcome::NotJudged("the kubelet gives no profile to pods that name none (4.2.14)")
}

/// 5.6.4: objects have a namespace of their own.
pub(super) fn default_namespace(node: &Node<'_>) -> Outcome {
    const KINDS: [&str; 6] = ["ConfigMap", "Ingress", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount"];
    let pods = node.applied.pods().iter().filter_map(|pod| {
        let found = pods::default_namespace(pod)?;
        Some(Fault::new(&pod.path, format!("{} {found}", pod.name), "a namespace of its own"))
    });
    let is_there = |object: &&Object| KINDS.contains(&object.kind()) && object.namespace() == "default";
    let objects = node.applied.objects().filter(is_there).map(|object| {
        Fault::new(&object.path, format!("{} lies in the namespace default", object.title()), "a namespace of its own")
    });
    pods.chain(objects).collect()
}
