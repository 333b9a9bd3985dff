//! Static pods: how every one of them is hardened, probed and written, and where it keeps its files.
//!
//! What each component runs is in its own file. Numbers and names follow kubeadm (`cmd/kubeadm/app/util/staticpod`,
//! `cmd/kubeadm/app/phases/controlplane`), so that what people know about kubeadm's pods holds here too.

mod arguments;
mod probes;
mod volumes;

pub(super) use arguments::Arguments;
pub(super) use probes::{Health, Probes};
pub(super) use volumes::Volume;

use super::accounts::Account;
use super::{Content, ContentError, plan, yaml};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, Pod, PodSecurityContext, PodSpec, ResourceRequirements, SeccompProfile, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kfimg_agent::plan::{ManifestInstall, SecretCopy};
use std::collections::BTreeMap;

/// Where the kubelet looks for static pods.
pub(super) const MANIFEST_DIR: &str = "/etc/kubernetes/manifests";
/// Where manifests wait that the agent installs.
pub(super) const WAITING_DIR: &str = "/etc/kfimg/manifests";
/// Namespace of the mirror pods.
const NAMESPACE: &str = "kube-system";
/// The class that every node's own pods have, and its value (`pkg/apis/scheduling/types.go`).
const PRIORITY: (&str, i32) = ("system-node-critical", 2_000_001_000);
/// Permission bits of manifests (CIS 1.1.1 to 1.1.7).
const MANIFEST_MODE: u32 = 0o600;

/// Whom a static pod runs as.
#[derive(Clone, Copy)]
pub(super) enum RunAs {
    /// An account of its own, without any capability.
    Account(Account),
    /// root, with these capabilities and no other.
    Root(&'static [&'static str]),
}

/// Where the manifest of this name waits, as [`StaticPod::write_waiting`] writes it, and where the agent puts it.
pub(super) fn install(name: &str) -> ManifestInstall {
    plan::install(&format!("{WAITING_DIR}/{name}.yaml"), &format!("{MANIFEST_DIR}/{name}.yaml"))
}

/// One static pod with one container of the same name.
pub(super) struct StaticPod {
    /// Name of the pod, its container and its `component` label.
    pub(super) name: &'static str,
    /// The `tier` label: `control-plane`, or `node` for what runs on every node.
    pub(super) tier: &'static str,
    /// The image.
    pub(super) image: String,
    /// The program and its arguments.
    pub(super) command: Vec<String>,
    /// Whom it runs as.
    pub(super) run_as: RunAs,
    /// CPU and memory that are set aside for it, as Kubernetes writes quantities. It has no limits: a control plane that
    /// is throttled or killed under load is worth less than one that is slow.
    pub(super) requests: (&'static str, &'static str),
    /// How its health is asked.
    pub(super) probes: Option<Probes>,
    /// What it sees of the node.
    pub(super) volumes: Vec<Volume>,
    /// Seconds between the request to end and the end.
    pub(super) grace_seconds: Option<i64>,
}

impl StaticPod {
    /// The pod object.
    pub(super) fn object(&self) -> Pod {
        let labels = [("component", self.name), ("tier", self.tier)];
        Pod {
            metadata: ObjectMeta {
                name: Some(self.name.to_owned()),
                namespace: Some(NAMESPACE.to_owned()),
                labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
                ..ObjectMeta::default()
            },
            spec: Some(PodSpec {
                containers: vec![self.container()],
                host_network: Some(true),
                priority: Some(PRIORITY.1),
                priority_class_name: Some(PRIORITY.0.to_owned()),
                security_context: Some(PodSecurityContext {
                    seccomp_profile: Some(SeccompProfile {
                        type_: "RuntimeDefault".to_owned(),
                        ..SeccompProfile::default()
                    }),
                    ..PodSecurityContext::default()
                }),
                termination_grace_period_seconds: self.grace_seconds,
                volumes: Some(self.volumes.iter().map(Volume::source).collect()),
                ..PodSpec::default()
            }),
            ..Pod::default()
        }
    }

    fn container(&self) -> Container {
        let probes = self.probes.as_ref();
        Container {
            name: self.name.to_owned(),
            image: Some(self.image.clone()),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            command: Some(self.command.clone()),
            resources: Some(ResourceRequirements {
                requests: Some(BTreeMap::from([
                    ("cpu".to_owned(), Quantity(self.requests.0.to_owned())),
                    ("memory".to_owned(), Quantity(self.requests.1.to_owned())),
                ])),
                ..ResourceRequirements::default()
            }),
            liveness_probe: probes.map(Probes::liveness),
            readiness_probe: probes.and_then(Probes::readiness),
            startup_probe: probes.map(Probes::startup),
            security_context: Some(security_context(self.run_as)),
            volume_mounts: Some(self.volumes.iter().map(Volume::mount).collect()),
            ..Container::default()
        }
    }

    /// Writes it where the kubelet finds it.
    pub(super) fn write(&self, content: &mut Content) -> Result<(), ContentError> {
        self.write_yaml(content, &format!("{MANIFEST_DIR}/{}.yaml", self.name))
    }

    /// Writes it where it waits for the agent; see [`install`].
    pub(super) fn write_waiting(&self, content: &mut Content) -> Result<(), ContentError> {
        self.write_yaml(content, &format!("{WAITING_DIR}/{}.yaml", self.name))
    }

    /// Writes it as JSON where it waits for the agent, which changes it and carries no YAML parser.
    pub(super) fn write_waiting_json(&self, content: &mut Content) -> Result<(), ContentError> {
        let path = format!("{WAITING_DIR}/{}.json", self.name);
        let text = yaml::json(&path, &self.object())?;
        Ok(content.tree.file(&path, MANIFEST_MODE, text)?)
    }

    fn write_yaml(&self, content: &mut Content, path: &str) -> Result<(), ContentError> {
        let text = yaml::document(path, &self.object())?;
        Ok(content.tree.file(path, MANIFEST_MODE, text)?)
    }
}

fn security_context(run_as: RunAs) -> SecurityContext {
    let (account, capabilities) = match run_as {
        RunAs::Account(account) => (Some(i64::from(account.uid)), None),
        RunAs::Root(capabilities) => (None, Some(capabilities.iter().map(|&name| name.to_owned()).collect())),
    };
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { add: capabilities, drop: Some(vec!["ALL".to_owned()]) }),
        privileged: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_group: Some(account.unwrap_or(0)),
        run_as_non_root: Some(account.is_some()),
        run_as_user: Some(account.unwrap_or(0)),
        ..SecurityContext::default()
    }
}

/// The files of a component that does not run as root: they lie root-owned below `/etc/kubernetes`, where people and
/// CIS look for them, and the agent copies them to a folder in memory that the component alone can read.
pub(super) struct Copies {
    component: &'static str,
    account: Account,
}

impl Copies {
    /// The files of `component`.
    pub(super) fn new(component: &'static str, account: Account) -> Self {
        Self { component, account }
    }

    /// The folder of the copies.
    pub(super) fn folder(&self) -> String {
        format!("/run/kfimg/{}", self.component)
    }

    /// Has the agent copy `folder/file` to `/run/kfimg/<component>/<place>/file` for each file, and gives the pod that
    /// place as `folder`.
    pub(super) fn share(&self, content: &mut Content, folder: &str, place: &str, files: &[&str]) -> Volume {
        let target = format!("{}/{place}", self.folder());
        for file in files {
            self.copy(content, format!("{folder}/{file}"), format!("{target}/{file}"));
        }
        Volume::folder(&format!("kfimg-{}", place.replace('/', "-")), &target, folder)
    }

    /// Has the agent copy one file, and gives the pod the copy under the file's own path.
    pub(super) fn share_file(&self, content: &mut Content, folder: &str, file: &str) -> Volume {
        let (source, target) = (format!("{folder}/{file}"), format!("{}/{file}", self.folder()));
        self.copy(content, source.clone(), target.clone());
        Volume::file("kfimg-kubeconfig", &target, &source)
    }

    fn copy(&self, content: &mut Content, source: String, destination: String) {
        content.copies.push(SecretCopy { source, destination, uid: self.account.uid });
    }
}
