//! What the audit log says where the description brings no policy of its own: who did what, never the contents of
//! secrets, and not the constant reading of the cluster's own parts.
//!
//! Source: `audit.k8s.io/v1` (`k8s.io/apiserver/pkg/apis/audit/v1`). The first rule that matches an event decides.

use serde::Serialize;

/// `Policy` of `audit.k8s.io/v1`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Policy {
    api_version: &'static str,
    kind: &'static str,
    omit_stages: [&'static str; 1],
    omit_managed_fields: bool,
    rules: Vec<Rule>,
}

/// One rule; empty lists match everything.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    level: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    users: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    user_groups: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    verbs: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    resources: &'static [Resources],
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "<[_]>::is_empty")]
    non_resource_urls: &'static [&'static str],
}

/// Resources of an API group, `""` for the core one; no names mean all of the group.
#[derive(Clone, Copy, Serialize)]
struct Resources {
    group: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    resources: &'static [&'static str],
}

/// Not logged.
const NONE: Rule =
    Rule { level: "None", users: &[], user_groups: &[], verbs: &[], resources: &[], non_resource_urls: &[] };
/// Who, when, what, from where.
const METADATA: Rule = Rule { level: "Metadata", ..NONE };
/// The object that was sent, too.
const REQUEST: Rule = Rule { level: "Request", ..NONE };

const READING: &[&str] = &["get", "list", "watch"];
const CHANGING: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];

const RULES: [Rule; 8] = [
    // Probes, haproxy's checks and discovery, many a second.
    Rule {
        non_resource_urls: &["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*", "/api", "/apis"],
        ..NONE
    },
    // Events are records themselves.
    Rule {
        resources: &[
            Resources { group: "", resources: &["events"] },
            Resources { group: "events.k8s.io", resources: &["events"] },
        ],
        ..NONE
    },
    // Signs of life of kubelets and leaders.
    Rule {
        user_groups: &["system:nodes", "system:serviceaccounts:kube-system"],
        resources: &[Resources { group: "coordination.k8s.io", resources: &["leases"] }],
        ..NONE
    },
    Rule {
        users: &["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"],
        resources: &[Resources { group: "coordination.k8s.io", resources: &["leases"] }],
        ..NONE
    },
    // Their bodies are secrets or may hold some. Before the rule on reading: who read a secret is of interest.
    Rule {
        resources: &[
            Resources { group: "", resources: &["secrets", "configmaps", "serviceaccounts/token"] },
            Resources { group: "authentication.k8s.io", resources: &["tokenreviews", "tokenrequests"] },
        ],
        ..METADATA
    },
    // The cluster's own parts read all the time.
    Rule {
        users: &["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"],
        verbs: READING,
        ..NONE
    },
    Rule { user_groups: &["system:nodes", "system:serviceaccounts:kube-system"], verbs: READING, ..NONE },
    // Who gets which rights, and what steps between requests and the store.
    Rule {
        verbs: CHANGING,
        resources: &[
            Resources { group: "rbac.authorization.k8s.io", resources: &[] },
            Resources { group: "admissionregistration.k8s.io", resources: &[] },
            Resources { group: "apiregistration.k8s.io", resources: &[] },
            Resources { group: "certificates.k8s.io", resources: &[] },
        ],
        ..REQUEST
    },
];

/// kfimg's policy.
pub(super) fn policy() -> Policy {
    Policy {
        api_version: "audit.k8s.io/v1",
        kind: "Policy",
        // The end of a request tells all that its beginning does.
        omit_stages: ["RequestReceived"],
        omit_managed_fields: true,
        rules: RULES.into_iter().chain([METADATA]).collect(),
    }
}
