//! Parts of the pods that addons run, and the DaemonSets and Deployments around them. Static pods are elsewhere.

use super::Site;
use super::object::{Owner, Texts, json, list};
use k8s_openapi::api::apps::v1::{
    DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, Deployment, DeploymentSpec, DeploymentStrategy,
    RollingUpdateDaemonSet, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, ConfigMapVolumeSource, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
    HostPathVolumeSource, ObjectFieldSelector, PodAffinityTerm, PodAntiAffinity, PodSecurityContext, PodSpec,
    PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecurityContext, Toleration, Volume, VolumeMount,
    WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Annotation of pods that read their configuration only when they start: a changed digest makes new pods.
const CONFIG_DIGEST: &str = "kfimg/config-sha256";

/// What a DaemonSet or Deployment and its pods share.
pub(super) struct Workload {
    pub(super) owner: Owner,
    pub(super) name: &'static str,
    /// The label that selects the pods. It can't be changed in a running cluster.
    pub(super) selector: (&'static str, &'static str),
    /// Configuration that new pods have to read.
    pub(super) config: Option<Texts>,
    pub(super) pod: PodSpec,
}

impl Workload {
    /// The labels that select the pods.
    pub(super) fn selector_labels(selector: (&str, &str)) -> Texts {
        Texts::from([(selector.0.to_owned(), selector.1.to_owned())])
    }

    /// One pod on every node. An update takes a tenth of the nodes at a time, so that it ends in large clusters as well.
    pub(super) fn daemon_set(self) -> Value {
        json(&DaemonSet {
            metadata: self.metadata(),
            spec: Some(DaemonSetSpec {
                selector: self.label_selector(),
                update_strategy: Some(DaemonSetUpdateStrategy {
                    rolling_update: Some(RollingUpdateDaemonSet {
                        max_unavailable: Some(IntOrString::String("10%".to_owned())),
                        ..RollingUpdateDaemonSet::default()
                    }),
                    type_: Some("RollingUpdate".to_owned()),
                }),
                template: self.template(),
                ..DaemonSetSpec::default()
            }),
            ..DaemonSet::default()
        })
    }

    /// `replicas` pods, each on a node of its own. An update never takes the only pod before the next is ready.
    pub(super) fn deployment(mut self, site: &Site<'_>, replicas: u32) -> Value {
        if replicas > 1 {
            self.pod.affinity = Some(self.one_pod_a_node(site, replicas));
        }
        json(&Deployment {
            metadata: self.metadata(),
            spec: Some(DeploymentSpec {
                replicas: Some(i32::try_from(replicas).unwrap_or(i32::MAX)),
                selector: self.label_selector(),
                strategy: Some(DeploymentStrategy {
                    rolling_update: Some(RollingUpdateDeployment {
                        max_unavailable: Some(IntOrString::Int(if replicas > 1 { 1 } else { 0 })),
                        ..RollingUpdateDeployment::default()
                    }),
                    type_: Some("RollingUpdate".to_owned()),
                }),
                template: self.template(),
                ..DeploymentSpec::default()
            }),
            ..Deployment::default()
        })
    }

    fn metadata(&self) -> ObjectMeta {
        let mut metadata = self.owner.metadata(self.name);
        metadata.labels.get_or_insert_default().extend(Self::selector_labels(self.selector));
        metadata
    }

    fn label_selector(&self) -> LabelSelector {
        LabelSelector { match_labels: Some(Self::selector_labels(self.selector)), ..LabelSelector::default() }
    }

    /// Required where there are nodes enough: nodes come one after the other, and what the first one gets stays there.
    /// With more pods than nodes it can only be a wish.
    fn one_pod_a_node(&self, site: &Site<'_>, replicas: u32) -> Affinity {
        let term = PodAffinityTerm {
            label_selector: Some(self.label_selector()),
            topology_key: "kubernetes.io/hostname".to_owned(),
            ..PodAffinityTerm::default()
        };
        let enough = usize::try_from(replicas).is_ok_and(|replicas| replicas <= site.kubernetes_nodes());
        let rule = if enough {
            PodAntiAffinity {
                required_during_scheduling_ignored_during_execution: Some(vec![term]),
                ..PodAntiAffinity::default()
            }
        } else {
            PodAntiAffinity {
                preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                    pod_affinity_term: term,
                    weight: 100,
                }]),
                ..PodAntiAffinity::default()
            }
        };
        Affinity { pod_anti_affinity: Some(rule), ..Affinity::default() }
    }

    fn template(self) -> PodTemplateSpec {
        let mut labels = self.owner.labels();
        labels.extend(Self::selector_labels(self.selector));
        let annotations = self.config.map(|config| Texts::from([(CONFIG_DIGEST.to_owned(), digest(&config))]));
        PodTemplateSpec {
            metadata: Some(ObjectMeta { labels: Some(labels), annotations, ..ObjectMeta::default() }),
            spec: Some(self.pod),
        }
    }
}

fn digest(config: &Texts) -> String {
    let bytes = Sha256::digest(json(config).to_string());
    data_encoding::HEXLOWER.encode(&bytes)
}

/// What every addon's pod has: Linux, the runtime's system call filter, no variables for each Service of its namespace.
pub(super) fn pod(service_account: &str, priority_class: &str) -> PodSpec {
    PodSpec {
        enable_service_links: Some(false),
        node_selector: Some(Texts::from([("kubernetes.io/os".to_owned(), "linux".to_owned())])),
        priority_class_name: Some(priority_class.to_owned()),
        security_context: Some(PodSecurityContext { seccomp_profile: Some(runtime_default()), ..Default::default() }),
        service_account_name: Some(service_account.to_owned()),
        ..PodSpec::default()
    }
}

fn runtime_default() -> SeccompProfile {
    SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }
}

/// As [`pod`], as a user who is not root.
pub(super) fn unprivileged_pod(service_account: &str, priority_class: &str, user: i64) -> PodSpec {
    let pod = pod(service_account, priority_class);
    let security = PodSecurityContext {
        run_as_group: Some(user),
        run_as_non_root: Some(true),
        run_as_user: Some(user),
        seccomp_profile: Some(runtime_default()),
        ..PodSecurityContext::default()
    };
    PodSpec { security_context: Some(security), ..pod }
}

/// A container that can gain nothing: no capabilities but those named, a read-only root.
pub(super) fn confined<const N: usize>(capabilities: [&str; N]) -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { add: (N > 0).then(|| list(capabilities)), drop: Some(list(["ALL"])) }),
        read_only_root_filesystem: Some(true),
        ..SecurityContext::default()
    }
}

/// Runs on every node, whatever its taints.
pub(super) fn everywhere() -> Vec<Toleration> {
    vec![Toleration { operator: Some("Exists".to_owned()), ..Toleration::default() }]
}

/// Runs on control planes as well: a cluster may have no other nodes.
pub(super) fn also_on_control_planes() -> Vec<Toleration> {
    let exists = |key: &str, effect: Option<&str>| Toleration {
        key: Some(key.to_owned()),
        operator: Some("Exists".to_owned()),
        effect: effect.map(str::to_owned),
        ..Toleration::default()
    };
    vec![exists("CriticalAddonsOnly", None), exists("node-role.kubernetes.io/control-plane", Some("NoSchedule"))]
}

/// Runs on Nodes that no cloud controller manager has initialised yet (`k8s.io/cloud-provider/api`).
pub(super) fn uninitialized() -> Toleration {
    Toleration {
        key: Some("node.cloudprovider.kubernetes.io/uninitialized".to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some("NoSchedule".to_owned()),
        ..Toleration::default()
    }
}

/// A variable with a fixed value.
pub(super) fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

/// A variable that the kubelet takes from a field of the pod.
pub(super) fn variable_of_field(name: &str, path: &str) -> EnvVar {
    let field_ref = ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: path.to_owned() };
    let source = EnvVarSource { field_ref: Some(field_ref), ..EnvVarSource::default() };
    EnvVar { name: name.to_owned(), value: None, value_from: Some(source) }
}

/// A TCP or UDP port. The protocol is always written: server-side apply identifies ports by it.
pub(super) fn port(name: &str, protocol: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        protocol: Some(protocol.to_owned()),
        container_port: number,
        ..ContainerPort::default()
    }
}

/// Asks a named port of the container by HTTP or HTTPS.
pub(super) fn probe(scheme: &str, port: &str, path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(port.to_owned()),
            scheme: Some(scheme.to_owned()),
            ..HTTPGetAction::default()
        }),
        ..Probe::default()
    }
}

/// Requests and limits.
pub(super) fn resources(requests: &Texts, limits: &Texts) -> ResourceRequirements {
    let quantities = |texts: &Texts| {
        let quantity = |(name, value): (&String, &String)| (name.clone(), Quantity(value.clone()));
        (!texts.is_empty()).then(|| texts.iter().map(quantity).collect())
    };
    ResourceRequirements { requests: quantities(requests), limits: quantities(limits), ..Default::default() }
}

/// A file or folder of the node; `kind` as the API names it, `None`: no check.
pub(super) fn host_path(name: &str, path: &str, kind: Option<&str>) -> Volume {
    let source = HostPathVolumeSource { path: path.to_owned(), type_: kind.map(str::to_owned) };
    Volume { name: name.to_owned(), host_path: Some(source), ..Volume::default() }
}

/// The entries of a ConfigMap as files with that mode.
pub(super) fn config_volume(name: &str, config_map: &str, mode: i32) -> Volume {
    let source = ConfigMapVolumeSource {
        default_mode: Some(mode),
        name: config_map.to_owned(),
        ..ConfigMapVolumeSource::default()
    };
    Volume { name: name.to_owned(), config_map: Some(source), ..Volume::default() }
}

/// Where a container sees a volume.
pub(super) fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}
