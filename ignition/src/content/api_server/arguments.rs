//! Arguments of the API server: kubeadm's, those of CIS 1.2, and the description's.

use super::{ADMISSION, AUDIT_LOG_DIR, AUDIT_POLICY, AUTHENTICATION, ENCRYPTION, TOKEN_WEBHOOK, config_path};
use crate::content::pod::Arguments;
use crate::content::{Context, certificates, tls};
use kfimg_profiles::cluster::{API_PORT, ApiServer, ETCD_CLIENT_PORT, https_url};
use std::net::{IpAddr, Ipv4Addr};

/// Those that are the same in every cluster.
const FIXED: [(&str, &str); 23] = [
    ("allow-privileged", "true"),
    // With webhooks, `--authorization-config` could say more; but CIS 1.2.7 and 1.2.8 look at the flag.
    ("authorization-mode", "Node,RBAC"),
    ("etcd-cafile", "/etc/kubernetes/pki/etcd/ca.crt"),
    ("etcd-certfile", "/etc/kubernetes/pki/apiserver-etcd-client.crt"),
    ("etcd-keyfile", "/etc/kubernetes/pki/apiserver-etcd-client.key"),
    ("kubelet-certificate-authority", certificates::CA),
    ("kubelet-client-certificate", "/etc/kubernetes/pki/apiserver-kubelet-client.crt"),
    ("kubelet-client-key", "/etc/kubernetes/pki/apiserver-kubelet-client.key"),
    ("profiling", "false"),
    ("proxy-client-cert-file", "/etc/kubernetes/pki/front-proxy-client.crt"),
    ("proxy-client-key-file", "/etc/kubernetes/pki/front-proxy-client.key"),
    ("requestheader-allowed-names", "front-proxy-client"),
    ("requestheader-client-ca-file", "/etc/kubernetes/pki/front-proxy-ca.crt"),
    ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
    ("requestheader-group-headers", "X-Remote-Group"),
    ("requestheader-username-headers", "X-Remote-User"),
    ("service-account-extend-token-expiration", "false"),
    // All public keys, so that tokens stay valid while keys change; the newest key signs.
    ("service-account-key-file", "/etc/kubernetes/pki/sa.pub"),
    ("service-account-lookup", "true"),
    ("service-account-signing-key-file", "/etc/kubernetes/pki/sa.key"),
    ("tls-cert-file", "/etc/kubernetes/pki/apiserver.crt"),
    ("tls-min-version", tls::MIN_VERSION),
    ("tls-private-key-file", "/etc/kubernetes/pki/apiserver.key"),
];

/// All arguments.
pub(super) fn arguments(context: &Context<'_>) -> Arguments {
    let (cluster, node) = (context.cluster, context.node);
    let mut arguments = Arguments::new(FIXED);
    arguments.set("advertise-address", node.ip().to_string());
    // One address: 127.0.0.1 and the endpoint's address belong to haproxy, on the same port.
    arguments.set("bind-address", node.ip().to_string());
    arguments.set("client-ca-file", certificates::client_ca(context.credentials));
    arguments.set("secure-port", API_PORT.to_string());
    arguments
        .set("service-account-issuer", format!("https://kubernetes.default.svc.{}", cluster.networking.dns_domain));
    arguments.set_list("etcd-servers", etcd_servers(context));
    arguments.set_list("service-cluster-ip-range", &cluster.networking.service_subnets);
    arguments.set_list("tls-cipher-suites", tls::CIPHER_SUITES);
    set_audit(&mut arguments, &cluster.api_server);
    set_access(&mut arguments, &cluster.api_server);
    set_options(&mut arguments, &cluster.api_server);
    arguments.extend(&cluster.api_server.extra_args);
    arguments
}

/// The member on this node alone, as kubeadm does: without it this API server is not ready and haproxy asks another.
/// Without a member here, all of them.
fn etcd_servers(context: &Context<'_>) -> Vec<String> {
    if context.is_etcd_member() {
        return vec![https_url(IpAddr::V4(Ipv4Addr::LOCALHOST), ETCD_CLIENT_PORT)];
    }
    context.cluster.etcd_members().map(|member| https_url(member.ip(), ETCD_CLIENT_PORT)).collect()
}

fn set_audit(arguments: &mut Arguments, settings: &ApiServer) {
    let audit = &settings.audit;
    arguments.set("audit-log-maxage", audit.max_age.to_string());
    arguments.set("audit-log-maxbackup", audit.max_backup.to_string());
    arguments.set("audit-log-maxsize", audit.max_size.to_string());
    arguments.set("audit-log-path", format!("{AUDIT_LOG_DIR}/audit.log"));
    arguments.set("audit-policy-file", config_path(AUDIT_POLICY));
}

fn set_access(arguments: &mut Arguments, settings: &ApiServer) {
    arguments.set("authentication-config", config_path(AUTHENTICATION));
    arguments.set("encryption-provider-config", config_path(ENCRYPTION));
    arguments.set_list("enable-admission-plugins", &settings.admission_enable);
    arguments.set_list("disable-admission-plugins", &settings.admission_disable);
    if settings.admission_config.is_some() {
        arguments.set("admission-control-config-file", config_path(ADMISSION));
    }
    if let Some(webhook) = &settings.authentication.webhook {
        arguments.set("authentication-token-webhook-cache-ttl", format!("{}ms", webhook.cache_ttl.as_millis()));
        arguments.set("authentication-token-webhook-config-file", config_path(TOKEN_WEBHOOK));
        arguments.set("authentication-token-webhook-version", &webhook.version);
    }
}

fn set_options(arguments: &mut Arguments, settings: &ApiServer) {
    arguments.set("service-node-port-range", &settings.service_node_port_range);
    arguments.set_list("cors-allowed-origins", &settings.cors_allowed_origins);
    arguments.set_list("kubelet-preferred-address-types", &settings.kubelet_preferred_address_types);
    arguments.set_list("runtime-config", settings.runtime_config.iter().map(|(group, on)| format!("{group}={on}")));
    arguments.set_feature_gates(&settings.feature_gates);
    let texts =
        [("external-hostname", &settings.external_hostname), ("storage-media-type", &settings.storage_media_type)];
    for (name, text) in texts {
        if let Some(text) = text {
            arguments.set(name, text);
        }
    }
}
