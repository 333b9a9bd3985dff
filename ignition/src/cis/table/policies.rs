//! 5: policies. Judged for what control planes apply (addons, your manifests and charts) and for their own static pods; what
//! people make later is theirs.

use crate::cis::check::On::ControlPlanes;
use crate::cis::check::{Check, manual};
use crate::cis::outcome::Outcome;
use crate::cis::pods::{self, Look};
use crate::cis::program::Program::ApiServer;
use crate::cis::require::Require::Has;
use crate::cis::rights::{self, Right};
use crate::cis::rule::Rule::{self, Flags, Judge, People, Pods, Rights};
use crate::cis::{node::Node, policies};

const MANIFESTS: &str = "manifests, charts";
const READING: &[&str] = &["get", "list", "watch"];
const CHANGING: &[&str] = &["create", "update", "patch"];
const BUILT_IN: &str = "roles that the API server makes by itself are not judged";

const fn policy(id: &'static str, title: &'static str, rule: Rule) -> Check {
    manual(id, title, ControlPlanes, rule)
}

const fn right(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Right {
    Right { group, resource, verbs }
}

fn administrators(node: &Node<'_>) -> Outcome {
    rights::administrators(node.applied)
}

fn wildcards(node: &Node<'_>) -> Outcome {
    rights::wildcards(node.applied)
}

pub(super) const CHECKS: &[Check] = &[
    policy("5.1.1", "nothing is bound to cluster-admin", Judge(administrators)).setting(MANIFESTS),
    policy("5.1.2", "no role reads secrets", Rights(&[right("", "secrets", READING)]))
        .setting(MANIFESTS)
        .note(BUILT_IN),
    policy("5.1.3", "no role has wildcards", Judge(wildcards)).setting(MANIFESTS).note(BUILT_IN),
    policy("5.1.4", "no role makes pods", Rights(&[right("", "pods", &["create"])])).setting(MANIFESTS).note(BUILT_IN),
    policy("5.1.5", "accounts called default are not used", Judge(policies::default_accounts)).setting(MANIFESTS),
    policy("5.1.6", "pods without rights get no tokens", Judge(policies::idle_tokens)).setting(MANIFESTS),
    policy("5.1.7", "nobody is of the group system:masters", Judge(policies::masters)).note(
        "the agent applies the first roles before any role can let it; its certificate stays on its control plane",
    ),
    policy(
        "5.1.8",
        "no role gives away rights it does not have",
        Rights(&[
            right("rbac.authorization.k8s.io", "roles", &["bind", "escalate"]),
            right("rbac.authorization.k8s.io", "clusterroles", &["bind", "escalate"]),
            right("", "users", &["impersonate"]),
            right("", "groups", &["impersonate"]),
            right("", "serviceaccounts", &["impersonate"]),
        ]),
    )
    .setting(MANIFESTS)
    .note(BUILT_IN),
    policy("5.1.9", "no role makes volumes", Rights(&[right("", "persistentvolumes", &["create"])]))
        .setting(MANIFESTS)
        .note(BUILT_IN),
    policy(
        "5.1.10",
        "no role reaches pods by way of kubelets",
        Rights(&[right("", "nodes/proxy", &["get", "create", "update", "patch", "delete"])]),
    )
    .setting(MANIFESTS)
    .note(BUILT_IN),
    policy(
        "5.1.11",
        "no role approves certificates",
        Rights(&[right("certificates.k8s.io", "certificatesigningrequests/approval", &["update", "patch"])]),
    )
    .setting(MANIFESTS)
    .note(BUILT_IN),
    policy(
        "5.1.12",
        "no role changes webhooks of admission",
        Rights(&[
            right("admissionregistration.k8s.io", "validatingwebhookconfigurations", CHANGING),
            right("admissionregistration.k8s.io", "mutatingwebhookconfigurations", CHANGING),
        ]),
    )
    .setting(MANIFESTS)
    .note(BUILT_IN),
    policy("5.1.13", "no role makes tokens", Rights(&[right("", "serviceaccounts/token", &["create"])]))
        .setting(MANIFESTS)
        .note(BUILT_IN),
    policy("5.2.1", "something refuses pods", Judge(policies::admission_policy)).setting("apiServer.admission.config"),
    policy("5.2.2", "no privileged containers", Pods(Look::Container(pods::privileged, "privileged: false")))
        .setting(MANIFESTS)
        .note("kube-proxy writes the node's /proc/sys/net, which no capability opens"),
    policy("5.2.3", "no pod sees the node's processes", Pods(Look::Pod(pods::host_pid, "hostPID: false")))
        .setting(MANIFESTS),
    policy("5.2.4", "no pod shares the node's IPC", Pods(Look::Pod(pods::host_ipc, "hostIPC: false")))
        .setting(MANIFESTS),
    policy("5.2.5", "no pod uses the node's network", Pods(Look::Pod(pods::host_network, "hostNetwork: false")))
        .setting(MANIFESTS)
        .note("the control plane and whatever makes the pods' network have no other"),
    policy(
        "5.2.6",
        "no container may gain privileges",
        Pods(Look::Container(pods::escalation, "allowPrivilegeEscalation: false")),
    )
    .setting(MANIFESTS),
    policy("5.2.7", "no container runs as root", Pods(Look::Container(pods::root, "runAsNonRoot: true")))
        .setting(MANIFESTS)
        .note("keepalived, kube-proxy and flannel change the node's network"),
    policy(
        "5.2.8",
        "no container sends raw packets",
        Pods(Look::Container(pods::raw_packets, "capabilities drop ALL")),
    )
    .setting(MANIFESTS),
    policy(
        "5.2.9",
        "no container has capabilities",
        Pods(Look::Container(pods::added_capabilities, "capabilities drop ALL, add none")),
    )
    .setting(MANIFESTS)
    .note("keepalived, kube-proxy and flannel change the node's network, CoreDNS binds port 53"),
    policy(
        "5.2.10",
        "no Windows HostProcess containers",
        Pods(Look::Container(pods::host_process, "hostProcess: false")),
    )
    .setting(MANIFESTS),
    policy("5.2.11", "no pod mounts folders of the node", Pods(Look::Pod(pods::host_paths, "no hostPath")))
        .setting(MANIFESTS)
        .note("the control plane's certificates and data are files of the node"),
    policy("5.2.12", "no container takes ports of the node", Pods(Look::Container(pods::host_ports, "no hostPort")))
        .setting(MANIFESTS),
    policy("5.3.1", "the pods' network knows NetworkPolicies", Judge(policies::network_policies))
        .setting("networking.cni"),
    policy("5.3.2", "each namespace has a NetworkPolicy", Judge(policies::namespaces_without_policies))
        .setting(MANIFESTS),
    policy(
        "5.4.1",
        "secrets are files, not variables",
        Pods(Look::Container(pods::secrets_in_environment, "a volume with the Secret")),
    )
    .setting(MANIFESTS),
    policy("5.4.2", "secrets lie outside of the cluster", People("whether secrets are kept elsewhere is your choice")),
    policy(
        "5.5.1",
        "somebody vouches for images",
        Flags(ApiServer, &[("enable-admission-plugins", Has("ImagePolicyWebhook"))]),
    )
    .setting("apiServer.admission.enable"),
    policy("5.6.1", "namespaces separate what belongs apart", People("what belongs apart only you know")),
    policy("5.6.2", "pods have a filter of system calls", Judge(policies::seccomp)).setting(MANIFESTS),
    policy("5.6.3", "pods say what they may", Pods(Look::Container(pods::without_context, "a securityContext")))
        .setting(MANIFESTS),
    policy("5.6.4", "nothing lies in the namespace default", Judge(policies::default_namespace)).setting(MANIFESTS),
];
