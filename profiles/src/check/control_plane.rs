//! kube-apiserver's own settings: admission, audit, ports, names in its certificate.

use std::collections::BTreeSet;

use super::{Subject, at, encryption, syntax};
use crate::cluster::{API_PORT, ETCD_CLIENT_PORT, GUARD_PORT};
use crate::description::ApiServer;
use crate::description::values::KubernetesVersion;
use crate::document::{Path, did_you_mean};
use crate::flags::{self, Component};
use crate::problem::Report;
use crate::resolve::DEFAULT_VERSION;

/// Admission plug-ins with the first minor version that has them. Source: `AllOrderedPlugins` of
/// `k8s.io/kubernetes/pkg/kubeapiserver/options/plugins.go`, v1.34.4 to v1.36.3.
const ADMISSION_PLUGINS: [(&str, u32); 41] = [
    ("AlwaysAdmit", 0),
    ("AlwaysDeny", 0),
    ("AlwaysPullImages", 0),
    ("CertificateApproval", 0),
    ("CertificateSigning", 0),
    ("CertificateSubjectRestriction", 0),
    ("ClusterTrustBundleAttest", 0),
    ("DefaultIngressClass", 0),
    ("DefaultStorageClass", 0),
    ("DefaultTolerationSeconds", 0),
    ("DenyServiceExternalIPs", 0),
    ("EventRateLimit", 0),
    ("ExtendedResourceToleration", 0),
    ("ImagePolicyWebhook", 0),
    ("JobValidation", 36),
    ("LimitPodHardAntiAffinityTopology", 0),
    ("LimitRanger", 0),
    ("MutatingAdmissionPolicy", 0),
    ("MutatingAdmissionWebhook", 0),
    ("NamespaceAutoProvision", 0),
    ("NamespaceExists", 0),
    ("NamespaceLifecycle", 0),
    ("NodeDeclaredFeatureValidator", 35),
    ("NodeRestriction", 0),
    ("OwnerReferencesPermissionEnforcement", 0),
    ("PersistentVolumeClaimResize", 0),
    ("PodGroupProtection", 36),
    ("PodGroupWorkloadExists", 36),
    ("PodNodeSelector", 0),
    ("PodResizeValidator", 36),
    ("PodSecurity", 0),
    ("PodTolerationRestriction", 0),
    ("PodTopologyLabels", 0),
    ("Priority", 0),
    ("ResourceQuota", 0),
    ("RuntimeClass", 0),
    ("ServiceAccount", 0),
    ("StorageObjectInUseProtection", 0),
    ("TaintNodesByCondition", 0),
    ("ValidatingAdmissionPolicy", 0),
    ("ValidatingAdmissionWebhook", 0),
];

/// Source: `storageMediaTypes` of `k8s.io/apiserver/pkg/server/options/etcd.go`.
const STORAGE_MEDIA_TYPES: [&str; 3] = ["application/vnd.kubernetes.protobuf", "application/json", "application/yaml"];

/// Source: `NodeAddressType` of `k8s.io/api/core/v1`.
const ADDRESS_TYPES: [&str; 5] = ["InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"];

/// Ports of the node that a node port must not take.
const OWN_PORTS: [(u16, u16, &str); 3] = [
    (ETCD_CLIENT_PORT, GUARD_PORT, "etcd"),
    (API_PORT, API_PORT, "the API"),
    (10_248, 10_260, "the kubelet and the control plane"),
];

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let api_server = &subject.description.api_server;
    let allow_unsafe = subject.description.allow_unsafe_args;
    admission(subject, report);
    settings(api_server, allow_unsafe, report);
    node_ports(api_server, report);
    names(api_server, report);
    encryption::check(api_server, report);
    for (name, value) in &api_server.runtime_config {
        let is_name = name.split('/').count() <= 3 && name.split('/').all(|part| syntax::subdomain(part).is_none());
        if !is_name || !matches!(value.as_str(), "true" | "false") {
            report
                .error(
                    "invalid-runtime-config",
                    at("apiServer.runtimeConfig").key(name),
                    format!("`{name}: {value}` switches no API on or off"),
                )
                .help("write GROUP/VERSION and true or false, such as `batch/v1: \"true\"`, or `api/beta: \"false\"`");
        }
    }
}

fn admission(subject: &Subject<'_>, report: &mut Report) {
    let admission = &subject.description.api_server.admission;
    let version = subject.description.kubernetes_version.unwrap_or(DEFAULT_VERSION);
    for (key, plugins) in [("enable", &admission.enable), ("disable", &admission.disable)] {
        let path = at("apiServer.admission").key(key);
        let mut seen = BTreeSet::new();
        for (index, plugin) in plugins.iter().enumerate() {
            known_plugin(&path.index(index), plugin, version, report);
            if !seen.insert(plugin) {
                report
                    .error(
                        "duplicate-plug-in",
                        path.index(index),
                        format!("the admission plug-in `{plugin}` is given twice"),
                    )
                    .help("remove one");
            }
        }
    }
    for (index, plugin) in admission.disable.iter().enumerate() {
        if let Some(other) = admission.enable.iter().position(|enabled| enabled == plugin) {
            report
                .error(
                    "plug-in-on-and-off",
                    at("apiServer.admission.disable").index(index),
                    format!("the admission plug-in `{plugin}` is switched on and off"),
                )
                .note(at("apiServer.admission.enable").index(other), "switched on here")
                .help("keep one of them");
        }
    }
    if let Some(index) = admission.enable.iter().position(|plugin| plugin == "AlwaysPullImages")
        && subject.description.registry.is_none()
    {
        report
            .error(
                "pull-without-registry",
                at("apiServer.admission.enable").index(index),
                "`AlwaysPullImages` asks a registry at every start of a pod, and none is named",
            )
            .help("write `registry: {host: HOST}`, or remove `AlwaysPullImages`");
    }
    for (flag, key, plugins) in [
        ("enable-admission-plugins", "enable", &admission.enable),
        ("disable-admission-plugins", "disable", &admission.disable),
    ] {
        for (index, plugin) in plugins.iter().enumerate() {
            let path = at("apiServer.admission").key(key).index(index);
            setting_flag(&path, flag, plugin, subject.description.allow_unsafe_args, report);
        }
    }
}

fn known_plugin(path: &Path, plugin: &str, version: KubernetesVersion, report: &mut Report) {
    match ADMISSION_PLUGINS.iter().find(|(name, _)| *name == plugin) {
        Some((_, since)) if *since <= version.minor => {}
        Some((_, since)) => {
            report
                .error(
                    "unknown-plug-in",
                    path,
                    format!("{version} has no admission plug-in `{plugin}`: it came with v1.{since}"),
                )
                .help("remove it: the API server would not start");
        }
        None => {
            let meant = did_you_mean(plugin, ADMISSION_PLUGINS.iter().map(|(name, _)| *name));
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "remove it: the API server would not start".to_owned(),
            };
            report.error("unknown-plug-in", path, format!("there is no admission plug-in `{plugin}`")).help(help);
        }
    }
}

/// Holds a value against the reviewed table of flags.
fn setting_flag(path: &Path, flag: &str, value: &str, allow_unsafe: bool, report: &mut Report) {
    for finding in flags::check_setting(Component::ApiServer, flag, value, allow_unsafe) {
        super::components::tell(&finding, path, report);
    }
}

fn settings(api_server: &ApiServer, allow_unsafe: bool, report: &mut Report) {
    let audit = [
        ("maxAge", "audit-log-maxage", api_server.audit.max_age),
        ("maxBackup", "audit-log-maxbackup", api_server.audit.max_backup),
        ("maxSize", "audit-log-maxsize", api_server.audit.max_size),
    ];
    for (key, flag, value) in audit {
        if let Some(value) = value {
            setting_flag(&at("apiServer.audit").key(key), flag, &value.to_string(), allow_unsafe, report);
        }
    }
    if let Some(media_type) = &api_server.storage_media_type
        && !STORAGE_MEDIA_TYPES.contains(&media_type.as_str())
    {
        report
            .error(
                "invalid-media-type",
                at("apiServer.storageMediaType"),
                format!("objects cannot be stored as `{media_type}`"),
            )
            .help(format!("write `{}`", STORAGE_MEDIA_TYPES.join("`, or `")));
    }
    let mut seen = BTreeSet::new();
    for (index, kind) in api_server.kubelet_preferred_address_types.iter().enumerate() {
        let path = at("apiServer.kubeletPreferredAddressTypes").index(index);
        if !ADDRESS_TYPES.contains(&kind.as_str()) {
            let meant = did_you_mean(kind, ADDRESS_TYPES);
            let help = meant.map_or_else(
                || format!("write {}", ADDRESS_TYPES.join(", ")),
                |meant| format!("did you mean `{meant}`?"),
            );
            report.error("invalid-address-type", path, format!("nodes have no addresses of type `{kind}`")).help(help);
        } else if !seen.insert(kind) {
            report.error("invalid-address-type", path, format!("`{kind}` is given twice")).help("remove one");
        }
    }
    let origins = api_server.cors_allowed_origins.iter().enumerate();
    for (index, _) in origins.filter(|(_, origin)| origin.trim().is_empty()) {
        report
            .error(
                "invalid-origin",
                at("apiServer.corsAllowedOrigins").index(index),
                "an empty origin matches every one",
            )
            .help("write a regular expression such as `//console\\.example\\.com$`");
    }
}

fn node_ports(api_server: &ApiServer, report: &mut Report) {
    let Some(range) = &api_server.service_node_port_range else { return };
    let setting = at("apiServer.serviceNodePortRange");
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let ports = range.split_once('-').and_then(|(first, last)| Some((number(first)?, number(last)?)));
    match ports {
        Some((first, last)) if first <= last => {
            if let Some((from, to, whose)) = OWN_PORTS.into_iter().find(|(from, to, _)| first <= *to && last >= *from) {
                let shown = if from == to { format!("port {from}") } else { format!("ports {from} to {to}") };
                report
                    .error("node-port-range", setting, format!("the node ports {range} take {shown} of {whose}"))
                    .help("write another range; the default is 30000-32767");
            }
        }
        _ => {
            report
                .error("node-port-range", setting, format!("`{range}` is no range of ports"))
                .help("write FIRST-LAST, such as 30000-32767");
        }
    }
}

fn names(api_server: &ApiServer, report: &mut Report) {
    for (index, name) in api_server.cert_sans.iter().enumerate() {
        let plain = name.strip_prefix("*.").unwrap_or(name);
        if let Some(wrong) = syntax::host(plain) {
            report
                .error(
                    "invalid-name",
                    at("apiServer.certSANs").index(index),
                    format!("the name `{name}` for the API server's certificate {wrong}"),
                )
                .help("write a DNS name or an address, without scheme and port");
        }
    }
    if let Some(name) = &api_server.external_hostname
        && let Some(wrong) = syntax::host(name)
    {
        report
            .error("invalid-name", at("apiServer.externalHostname"), format!("the external host name {wrong}"))
            .help("write a DNS name or an address, without scheme and port");
    }
}
