//! Flags that were gone before the oldest known Kubernetes version, and what took their place.
//!
//! Old recipes still name them. Flags that went within the known versions are in the lists of known flags.

use super::Component::{self, ApiServer, ControllerManager, Etcd, KubeProxy, Kubelet, Scheduler};

const ENDED_LOGGING: &str = "remove it: components log to their standard error, which the container runtime keeps";
const NO_PLAIN_PORT: &str = "remove it: the component serves TLS only";
const RUNTIME: &str = "remove it: the runtime is containerd, and network plug-ins are its business";

/// Component, or `None` for all; flag; what to do instead.
const REMOVED: [(Option<Component>, &str, &str); 44] = [
    (None, "logtostderr", ENDED_LOGGING),
    (None, "alsologtostderr", ENDED_LOGGING),
    (None, "log-dir", ENDED_LOGGING),
    (None, "log-file", ENDED_LOGGING),
    (None, "log-file-max-size", ENDED_LOGGING),
    (None, "stderrthreshold", ENDED_LOGGING),
    (None, "skip-headers", ENDED_LOGGING),
    (Some(ApiServer), "insecure-port", NO_PLAIN_PORT),
    (Some(ApiServer), "insecure-bind-address", NO_PLAIN_PORT),
    (Some(ApiServer), "kubelet-https", "remove it: the API server always asks kubelets over TLS"),
    (Some(ApiServer), "basic-auth-file", "use `apiServer.authentication.jwt`"),
    (Some(ApiServer), "cloud-provider", "use `cloudProvider`"),
    (Some(ApiServer), "cloud-config", "use `cloudProvider`"),
    (Some(ApiServer), "experimental-encryption-provider-config", "use `apiServer.encryption`"),
    (Some(ApiServer), "service-account-api-audiences", "use `api-audiences`"),
    (Some(ApiServer), "target-ram-mb", "remove it: caches are sized automatically"),
    (Some(ApiServer), "repair-malformed-updates", "remove it"),
    (Some(ApiServer), "master-service-namespace", "remove it"),
    (Some(ControllerManager), "port", NO_PLAIN_PORT),
    (Some(ControllerManager), "address", NO_PLAIN_PORT),
    (Some(ControllerManager), "experimental-cluster-signing-duration", "use `cluster-signing-duration`"),
    (Some(ControllerManager), "pod-eviction-timeout", "use taints and tolerations with `tolerationSeconds`"),
    (Some(ControllerManager), "enable-taint-manager", "remove it: taints always evict"),
    (Some(ControllerManager), "deleting-pods-qps", "remove it"),
    (Some(ControllerManager), "register-retry-count", "remove it"),
    (Some(ControllerManager), "volume-host-cidr-denylist", "remove it"),
    (Some(ControllerManager), "volume-host-allow-local-loopback", "remove it"),
    (Some(Scheduler), "port", NO_PLAIN_PORT),
    (Some(Scheduler), "address", NO_PLAIN_PORT),
    (Some(Scheduler), "algorithm-provider", "write a KubeSchedulerConfiguration and give it with `config`"),
    (Some(Scheduler), "policy-config-file", "write a KubeSchedulerConfiguration and give it with `config`"),
    (Some(Scheduler), "lock-object-name", "use `leader-elect-resource-name`"),
    (Some(Scheduler), "lock-object-namespace", "use `leader-elect-resource-namespace`"),
    (Some(Kubelet), "container-runtime", RUNTIME),
    (Some(Kubelet), "network-plugin", RUNTIME),
    (Some(Kubelet), "cni-bin-dir", RUNTIME),
    (Some(Kubelet), "cni-conf-dir", RUNTIME),
    (Some(Kubelet), "cadvisor-port", "remove it: ask the kubelet's own port"),
    (Some(Kubelet), "allow-privileged", "use pod security admission"),
    (Some(Kubelet), "dynamic-config-dir", "use the settings under `kubelet`"),
    (Some(KubeProxy), "resource-container", "remove it"),
    (Some(Etcd), "enable-v2", "remove it: etcd has no v2 store any more"),
    (Some(Etcd), "debug", "use `log-level`"),
    (Some(Etcd), "log-package-levels", "use `log-level`"),
];

/// What to do instead of a flag that the component had once.
pub(super) fn instead(component: Component, flag: &str) -> Option<&'static str> {
    let is_it = |(owner, name): (Option<Component>, &str)| name == flag && owner.is_none_or(|owner| owner == component);
    REMOVED.iter().find(|(owner, name, _)| is_it((*owner, name))).map(|(_, _, instead)| *instead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::known;

    #[test]
    fn no_flag_that_a_component_still_has_is_called_removed() {
        for component in Component::ALL {
            for name in known::flags(component).keys() {
                assert_eq!(instead(component, name), None, "{component} {name}");
            }
        }
    }
}
