//! The API server: a static pod that the agent installs when the local etcd member is a voter, and its configuration.
//!
//! Its files are here one by one; the reviewed table of arguments that a description may set is in crate `profiles`.

mod arguments;
mod audit;
mod authentication;
mod encryption;

use super::accounts::API_SERVER;
use super::certificates::{self, PKI_DIR};
use super::pod::{self, Copies, Health, Probes, RunAs, StaticPod, Volume};
use super::{Content, ContentError, Context, yaml};
use kfimg_agent::plan::ManifestInstall;
use kfimg_images::Component;
use kfimg_profiles::cluster::API_PORT;
use serde::Serialize;

const NAME: &str = "kube-apiserver";
/// Folder of the files below.
const CONFIG_DIR: &str = "/etc/kubernetes/apiserver";
/// The user's `AdmissionConfiguration`.
const ADMISSION: &str = "admission.yaml";
/// What is logged.
const AUDIT_POLICY: &str = "audit-policy.yaml";
/// Who is who.
const AUTHENTICATION: &str = "authentication.yaml";
/// Keys for secrets in etcd.
const ENCRYPTION: &str = "encryption.yaml";
/// Kubeconfig of a token webhook.
const TOKEN_WEBHOOK: &str = "token-webhook.yaml";
/// Folder of the audit log; it lasts.
const AUDIT_LOG_DIR: &str = "/var/log/kubernetes/audit";
/// Version of `AuthenticationConfiguration` and `EncryptionConfiguration`, there from Kubernetes 1.34 on.
const CONFIG_VERSION: &str = "apiserver.config.k8s.io/v1";

/// Files below [`PKI_DIR`] beside those of the cluster's authority.
const CERTIFICATES: [&str; 12] = [
    "apiserver.crt",
    "apiserver.key",
    "apiserver-etcd-client.crt",
    "apiserver-etcd-client.key",
    "apiserver-kubelet-client.crt",
    "apiserver-kubelet-client.key",
    "etcd/ca.crt",
    "front-proxy-ca.crt",
    "front-proxy-client.crt",
    "front-proxy-client.key",
    "sa.key",
    "sa.pub",
];

/// Where the manifest waits and where the agent puts it.
pub(super) fn install() -> ManifestInstall {
    pod::install(NAME)
}

/// Writes the configuration and the waiting manifest.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let files = write_configuration(context, content)?;
    let image = context.image(Component::KubeApiserver);
    let pod = StaticPod {
        name: NAME,
        tier: "control-plane",
        image: image.to_string(),
        command: arguments::arguments(context).command(NAME),
        run_as: RunAs::Account(API_SERVER),
        requests: ("250m", "512Mi"),
        probes: Some(Probes {
            health: Health { address: context.node.ip(), port: API_PORT, scheme: "HTTPS" },
            // etcd without a quorum is no reason to end: the API server is well again when etcd is.
            liveness: "/livez?exclude=etcd",
            readiness: Some("/readyz"),
            startup: "/livez",
            startup_timeout: context.cluster.timeouts.control_plane_component_health_check,
        }),
        volumes: volumes(context, content, &files),
        grace_seconds: None,
    };
    pod.write_waiting(content)?;
    content.tree.file(
        "/etc/tmpfiles.d/kfimg-apiserver.conf",
        0o644,
        format!("d {AUDIT_LOG_DIR} 0700 {uid} {uid} -\n", uid = API_SERVER.uid),
    )?;
    content.runs(context, NAME, image);
    content.free_ports.insert(API_PORT);
    Ok(())
}

/// Writes the files of [`CONFIG_DIR`] and gives their names.
fn write_configuration(context: &Context<'_>, content: &mut Content) -> Result<Vec<&'static str>, ContentError> {
    let settings = &context.cluster.api_server;
    let credentials = certificates::control_plane(context)?;
    let mut files = vec![AUDIT_POLICY, AUTHENTICATION, ENCRYPTION];
    match &settings.audit.policy {
        Some(policy) => write_config(content, AUDIT_POLICY, policy)?,
        None => write_config(content, AUDIT_POLICY, &audit::policy())?,
    }
    write_config(content, AUTHENTICATION, &authentication::configuration(&settings.authentication))?;
    write_config(content, ENCRYPTION, &encryption::configuration(&settings.encryption, &credentials.encryption))?;
    if let Some(admission) = &settings.admission_config {
        write_config(content, ADMISSION, admission)?;
        files.push(ADMISSION);
    }
    if let Some(webhook) = &settings.authentication.webhook {
        content.tree.secret(&config_path(TOKEN_WEBHOOK), webhook.config.expose())?;
        files.push(TOKEN_WEBHOOK);
    }
    Ok(files)
}

/// All of them are kept from others: the encryption keys are secrets, and an issuer or a policy is nobody's business.
fn write_config(content: &mut Content, name: &str, config: &impl Serialize) -> Result<(), ContentError> {
    let path = config_path(name);
    let text = yaml::document(&path, config)?;
    Ok(content.tree.secret(&path, text)?)
}

fn config_path(name: &str) -> String {
    format!("{CONFIG_DIR}/{name}")
}

fn volumes(context: &Context<'_>, content: &mut Content, files: &[&str]) -> Vec<Volume> {
    let copies = Copies::new(NAME, API_SERVER);
    let mut certificates = certificates::cluster_ca_files(context.credentials);
    certificates.extend(CERTIFICATES);
    let own = [
        copies.share(content, PKI_DIR, "pki", &certificates),
        copies.share(content, CONFIG_DIR, "config", files),
        Volume::folder("kfimg-audit-log", AUDIT_LOG_DIR, AUDIT_LOG_DIR).writable(),
    ];
    own.into_iter().chain(context.cluster.api_server.extra_volumes.iter().map(Volume::from)).collect()
}
