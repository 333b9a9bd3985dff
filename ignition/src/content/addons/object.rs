//! Objects that several addons have: names and labels, accounts and their rights, configuration. No pods.

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Labels, annotations, data: text to text.
pub(super) type Texts = BTreeMap<String, String>;

/// The namespace of everything that upstream keeps there.
pub(super) const KUBE_SYSTEM: &str = "kube-system";

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// A typed object as JSON.
pub(super) fn json(object: &impl Serialize) -> Value {
    serde_json::to_value(object).expect("Kubernetes objects have no map with keys other than text")
}

/// A map of texts.
pub(super) fn texts<const N: usize>(entries: [(&str, &str); N]) -> Texts {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// A list of texts.
pub(super) fn list<const N: usize>(entries: [&str; N]) -> Vec<String> {
    entries.into_iter().map(str::to_owned).collect()
}

/// Rights on resources of one API group.
pub(super) fn rule<const R: usize, const V: usize>(group: &str, resources: [&str; R], verbs: [&str; V]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(list([group])),
        resources: Some(list(resources)),
        verbs: list(verbs),
        ..PolicyRule::default()
    }
}

/// A user or group of certificates, by `kind`.
pub(super) fn certificate_subject(kind: &str, name: &str) -> Subject {
    Subject { api_group: Some(RBAC_GROUP.to_owned()), kind: kind.to_owned(), name: name.to_owned(), namespace: None }
}

/// An addon as the owner of objects: gives them their labels and their namespace.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    pub(super) addon: &'static str,
    pub(super) namespace: &'static str,
}

impl Owner {
    /// An addon whose objects live in `kube-system`.
    pub(super) const fn in_kube_system(addon: &'static str) -> Self {
        Self { addon, namespace: KUBE_SYSTEM }
    }

    /// The labels of every object of the addon.
    pub(super) fn labels(self) -> Texts {
        texts([("app.kubernetes.io/managed-by", "kfimg"), ("app.kubernetes.io/name", self.addon)])
    }

    /// Metadata of an object without a namespace.
    pub(super) fn cluster_metadata(self, name: &str) -> ObjectMeta {
        ObjectMeta { name: Some(name.to_owned()), labels: Some(self.labels()), ..ObjectMeta::default() }
    }

    /// Metadata of an object in the addon's namespace.
    pub(super) fn metadata(self, name: &str) -> ObjectMeta {
        ObjectMeta { namespace: Some(self.namespace.to_owned()), ..self.cluster_metadata(name) }
    }

    /// An account for the addon's pods.
    pub(super) fn service_account(self, name: &str) -> Value {
        json(&ServiceAccount { metadata: self.metadata(name), ..ServiceAccount::default() })
    }

    /// The account as somebody who gets rights.
    pub(super) fn account_subject(self, name: &str) -> Subject {
        let namespace = Some(self.namespace.to_owned());
        Subject { api_group: None, kind: "ServiceAccount".to_owned(), name: name.to_owned(), namespace }
    }

    /// Rights in the whole cluster.
    pub(super) fn cluster_role(self, name: &str, rules: Vec<PolicyRule>) -> Value {
        json(&ClusterRole { metadata: self.cluster_metadata(name), rules: Some(rules), ..ClusterRole::default() })
    }

    /// Gives the rights of a `ClusterRole` in the whole cluster.
    pub(super) fn cluster_role_binding(self, name: &str, role: &str, subject: Subject) -> Value {
        json(&ClusterRoleBinding {
            metadata: self.cluster_metadata(name),
            role_ref: role_ref("ClusterRole", role),
            subjects: Some(vec![subject]),
        })
    }

    /// Gives the rights of a `Role` in the addon's namespace.
    pub(super) fn role_binding(self, name: &str, role: &str, subject: Subject) -> Value {
        json(&RoleBinding {
            metadata: self.metadata(name),
            role_ref: role_ref("Role", role),
            subjects: Some(vec![subject]),
        })
    }

    /// Configuration.
    pub(super) fn config_map(self, name: &str, data: Texts) -> Value {
        json(&ConfigMap { metadata: self.metadata(name), data: Some(data), ..ConfigMap::default() })
    }

    /// Lets a drain take one pod at a time. A pod that is not healthy protects nothing, so it never blocks a drain.
    pub(super) fn disruption_budget(self, name: &str, selector: Texts) -> Value {
        json(&PodDisruptionBudget {
            metadata: self.metadata(name),
            spec: Some(PodDisruptionBudgetSpec {
                max_unavailable: Some(IntOrString::Int(1)),
                selector: Some(LabelSelector { match_labels: Some(selector), ..LabelSelector::default() }),
                unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
                ..PodDisruptionBudgetSpec::default()
            }),
            ..PodDisruptionBudget::default()
        })
    }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef { api_group: Some(RBAC_GROUP.to_owned()), kind: kind.to_owned(), name: name.to_owned() }
}
