//! etcd, kube-apiserver, kubelet and containerd with their defaults.

use std::time::Duration;

use serde_json::Value;

use super::files::Files;
use super::formats;
use crate::cluster::{
    ApiServer, Audit, Authentication, Containerd, Encryption, Etcd, JwtIssuer, Kubelet, Timeouts, TokenWebhook,
};
use crate::description::values::GoDuration;
use crate::description::{self, Description};
use crate::document::Path;

/// Days, number and MiB of audit logs where none are given, as CIS 1.2.17 to 1.2.19 want.
pub(crate) const DEFAULT_AUDIT: (u32, u32, u32) = (30, 10, 100);
/// Most pods on a node where no number is given.
pub(crate) const DEFAULT_MAX_PODS: u32 = 110;
/// Range of node ports where none is given.
pub(crate) const DEFAULT_NODE_PORTS: &str = "30000-32767";
/// Fill levels of the disk between which images are removed where none are given: high and low, in percent.
pub(crate) const DEFAULT_IMAGE_GC: (u8, u8) = (85, 80);
/// Grace at an orderly shutdown where none is given, all and for critical pods.
pub(crate) const DEFAULT_SHUTDOWN_GRACE: (GoDuration, GoDuration) =
    (GoDuration::from_secs(60), GoDuration::from_secs(20));

fn time(written: Option<GoDuration>, default_seconds: u64) -> Duration {
    written.unwrap_or(GoDuration::from_secs(default_seconds)).get()
}

pub(super) fn etcd(description: &Description) -> Etcd {
    let written = &description.etcd;
    Etcd {
        incarnation: written.incarnation.unwrap_or(1),
        recover_from: written.recover_from.clone(),
        restore: written.restore.clone(),
        without: written.without.clone(),
        discard: written.discard.clone(),
        quota_backend_bytes: written.quota_backend_bytes.map_or(8 << 30, |size| size.get()),
        bootstrap_window: time(written.bootstrap_window, 8760 * 3600),
        snapshot_interval: time(written.snapshot.interval, 6 * 3600),
        snapshot_retain: written.snapshot.retain.unwrap_or(12),
        extra_args: written.extra_args.clone(),
    }
}

pub(super) fn timeouts(description: &Description) -> Timeouts {
    let written = &description.timeouts;
    Timeouts { control_plane_component_health_check: time(written.control_plane_component_health_check, 4 * 60) }
}

pub(super) fn kubelet(description: &Description) -> Kubelet {
    let written = &description.kubelet;
    Kubelet {
        system_reserved: written.system_reserved.clone(),
        kube_reserved: written.kube_reserved.clone(),
        max_pods: written.max_pods.unwrap_or(DEFAULT_MAX_PODS),
        pod_pids_limit: written.pod_pids_limit.unwrap_or(4096),
        eviction_hard: written.eviction_hard.clone(),
        cgroup_driver: written.cgroup_driver,
        resolv_conf: written.resolv_conf.clone().unwrap_or_else(|| "/run/systemd/resolve/resolv.conf".to_owned()),
        shutdown_grace_period: written.shutdown_grace_period.unwrap_or(DEFAULT_SHUTDOWN_GRACE.0).get(),
        shutdown_grace_period_critical_pods: written
            .shutdown_grace_period_critical_pods
            .unwrap_or(DEFAULT_SHUTDOWN_GRACE.1)
            .get(),
        fail_cgroup_v1: written.fail_cgroup_v1.unwrap_or(true),
        fail_swap_on: written.fail_swap_on.unwrap_or(true),
        image_gc_high_threshold_percent: written.image_gc_high_threshold_percent.unwrap_or(DEFAULT_IMAGE_GC.0),
        image_gc_low_threshold_percent: written.image_gc_low_threshold_percent.unwrap_or(DEFAULT_IMAGE_GC.1),
        feature_gates: written.feature_gates.clone(),
        extra_args: written.extra_args.clone(),
    }
}

pub(super) fn containerd(description: &Description) -> Containerd {
    let written = &description.containerd;
    Containerd {
        disable_apparmor: written.disable_apparmor,
        snapshotter: written.snapshotter.clone().unwrap_or_else(|| "overlayfs".to_owned()),
    }
}

pub(super) fn api_server(description: &Description, files: &mut Files<'_, '_>) -> Option<ApiServer> {
    let written = &description.api_server;
    let at = Path::root().key("apiServer");
    let admission =
        files.object(&at.key("admission").key("config"), written.admission.config.as_ref(), formats::ADMISSION);
    let policy = files.object(&at.key("audit").key("policy"), written.audit.policy.as_ref(), formats::AUDIT_POLICY);
    let authentication = authentication(&written.authentication, &at.key("authentication"), files);
    Some(ApiServer {
        admission_enable: admission_enable(&written.admission.enable),
        admission_disable: written.admission.disable.clone(),
        admission_config: admission?,
        audit: Audit {
            policy: policy?,
            max_age: written.audit.max_age.unwrap_or(DEFAULT_AUDIT.0),
            max_backup: written.audit.max_backup.unwrap_or(DEFAULT_AUDIT.1),
            max_size: written.audit.max_size.unwrap_or(DEFAULT_AUDIT.2),
        },
        encryption: encryption(&written.encryption),
        authentication: authentication?,
        service_node_port_range: written
            .service_node_port_range
            .clone()
            .unwrap_or_else(|| DEFAULT_NODE_PORTS.to_owned()),
        runtime_config: written.runtime_config.clone(),
        cors_allowed_origins: written.cors_allowed_origins.clone(),
        storage_media_type: written.storage_media_type.clone(),
        external_hostname: written.external_hostname.clone(),
        kubelet_preferred_address_types: or_default(
            &written.kubelet_preferred_address_types,
            &["InternalIP", "ExternalIP", "Hostname"],
        ),
        extra_args: written.extra_args.clone(),
        extra_volumes: written.extra_volumes.clone(),
        feature_gates: written.feature_gates.clone(),
    })
}

fn or_default(written: &[String], default: &[&str]) -> Vec<String> {
    if written.is_empty() { default.iter().map(|&word| word.to_owned()).collect() } else { written.to_vec() }
}

fn admission_enable(written: &[String]) -> Vec<String> {
    let mut plugins = vec!["NodeRestriction".to_owned()];
    plugins.extend(written.iter().filter(|plugin| *plugin != "NodeRestriction").cloned());
    plugins
}

fn encryption(written: &description::Encryption) -> Encryption {
    Encryption { provider: written.provider, resources: or_default(&written.resources, &["secrets"]) }
}

fn authentication(
    written: &description::Authentication,
    at: &Path,
    files: &mut Files<'_, '_>,
) -> Option<Authentication> {
    let issuers: Vec<Option<JwtIssuer>> = (written.jwt.iter().enumerate())
        .map(|(index, issuer)| jwt_issuer(issuer, &at.key("jwt").index(index), files))
        .collect();
    let urls: Vec<&str> = written.jwt.iter().map(|issuer| issuer.issuer_url.as_str()).collect();
    let user_jwt = files.user_jwt(&at.key("config"), written.config.as_ref(), &urls);
    let webhook = written.webhook.as_ref().map(|webhook| token_webhook(webhook, &at.key("webhook"), files));
    let webhook = match webhook {
        Some(webhook) => Some(webhook?),
        None => None,
    };
    let user_jwt: Vec<Value> = user_jwt?;
    Some(Authentication { jwt: issuers.into_iter().collect::<Option<_>>()?, user_jwt, webhook })
}

fn jwt_issuer(written: &description::JwtIssuer, at: &Path, files: &mut Files<'_, '_>) -> Option<JwtIssuer> {
    let authority = files.authorities(&at.key("certificateAuthority"), written.certificate_authority.as_ref());
    let default_prefix = || format!("{}#", written.issuer_url);
    Some(JwtIssuer {
        issuer_url: written.issuer_url.clone(),
        client_id: written.client_id.clone(),
        username_claim: written.username_claim.clone().unwrap_or_else(|| "sub".to_owned()),
        username_prefix: written.username_prefix.clone().unwrap_or_else(default_prefix),
        groups_claim: written.groups_claim.clone(),
        groups_prefix: written.groups_prefix.clone().unwrap_or_default(),
        required_claims: written.required_claims.clone(),
        certificate_authority: authority?,
    })
}

fn token_webhook(written: &description::TokenWebhook, at: &Path, files: &mut Files<'_, '_>) -> Option<TokenWebhook> {
    Some(TokenWebhook {
        config: files.kubeconfig(&at.key("config"), &written.config)?,
        cache_ttl: time(written.cache_ttl, 120),
        version: written.version.clone().unwrap_or_else(|| "v1".to_owned()),
    })
}
