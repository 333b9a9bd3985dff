//! etcd: a static pod without any `--initial-*` flag. The guard on the node adds those and installs it; see the design,
//! "The etcd guard". Nothing in a payload says that a cluster may be founded.

use super::accounts::ETCD;
use super::certificates::PKI_DIR;
use super::pod::{Arguments, Copies, Health, MANIFEST_DIR, Probes, RunAs, StaticPod, Volume, WAITING_DIR};
use super::{Content, ContentError, Context, plan, tls};
use kfimg_agent::plan::ManifestInstall;
use kfimg_images::Component;
use kfimg_profiles::cluster::{ETCD_CLIENT_PORT, ETCD_METRICS_PORT, ETCD_PEER_PORT, GUARD_PORT, https_url};
use std::net::{IpAddr, Ipv4Addr};

/// Folder of the data.
pub(super) const DATA_DIR: &str = "/var/lib/etcd";

const NAME: &str = "etcd";
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const CERTIFICATES: &[&str] = &["ca.crt", "server.crt", "server.key", "peer.crt", "peer.key"];

/// Where the manifest waits and where the guard writes it.
pub(super) fn install() -> ManifestInstall {
    plan::install(&format!("{WAITING_DIR}/{NAME}.json"), &format!("{MANIFEST_DIR}/{NAME}.yaml"))
}

/// Writes the waiting manifest and the rule that keeps the data folder etcd's own.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let image = context.image(Component::Etcd);
    let certificates = Copies::new(NAME, ETCD).share(content, &format!("{PKI_DIR}/etcd"), "pki/etcd", CERTIFICATES);
    let pod = StaticPod {
        name: NAME,
        tier: "control-plane",
        image: image.to_string(),
        command: arguments(context).command(NAME),
        run_as: RunAs::Account(ETCD),
        requests: ("100m", "100Mi"),
        probes: Some(Probes {
            health: Health { address: LOCALHOST, port: ETCD_METRICS_PORT, scheme: "HTTP" },
            liveness: "/livez",
            readiness: Some("/readyz"),
            startup: "/readyz",
            startup_timeout: context.cluster.timeouts.control_plane_component_health_check,
        }),
        volumes: vec![certificates, Volume::folder("kfimg-data", DATA_DIR, DATA_DIR).writable()],
        grace_seconds: None,
    };
    pod.write_waiting_json(content)?;
    // The folder outlasts payloads, and an empty one must be there before the guard looks (CIS 1.1.11 and 1.1.12).
    let rule = format!("d {DATA_DIR} 0700 {uid} {uid} -\n", uid = ETCD.uid);
    content.tree.file("/etc/tmpfiles.d/kfimg-etcd.conf", 0o644, rule)?;
    content.runs(context, NAME, image);
    content.free_ports.extend([ETCD_CLIENT_PORT, ETCD_PEER_PORT, ETCD_METRICS_PORT, GUARD_PORT]);
    Ok(())
}

fn arguments(context: &Context<'_>) -> Arguments {
    let settings = &context.cluster.etcd;
    let client_url = https_url(context.node.ip(), ETCD_CLIENT_PORT);
    let metrics_url = format!("http://{LOCALHOST}:{ETCD_METRICS_PORT}");
    let mut arguments = Arguments::new([
        ("advertise-client-urls", client_url.as_str()),
        ("cert-file", "/etc/kubernetes/pki/etcd/server.crt"),
        ("client-cert-auth", "true"),
        ("data-dir", DATA_DIR),
        // A member with damaged data stops instead of serving it. Flags of etcd 3.6; 3.5 called them experimental.
        ("feature-gates", "InitialCorruptCheck=true,CompactHashCheck=true"),
        ("key-file", "/etc/kubernetes/pki/etcd/server.key"),
        ("listen-metrics-urls", &metrics_url),
        ("listen-peer-urls", &https_url(context.node.ip(), ETCD_PEER_PORT)),
        ("name", &context.node.name),
        ("peer-cert-file", "/etc/kubernetes/pki/etcd/peer.crt"),
        ("peer-client-cert-auth", "true"),
        ("peer-key-file", "/etc/kubernetes/pki/etcd/peer.key"),
        ("peer-trusted-ca-file", "/etc/kubernetes/pki/etcd/ca.crt"),
        ("snapshot-count", "10000"),
        ("tls-min-version", "TLS1.2"),
        ("trusted-ca-file", "/etc/kubernetes/pki/etcd/ca.crt"),
        // Watch caches of the API server stay fresh on quiet keys.
        ("watch-progress-notify-interval", "5s"),
    ]);
    arguments.set("quota-backend-bytes", settings.quota_backend_bytes.to_string());
    arguments.set_list("listen-client-urls", [https_url(LOCALHOST, ETCD_CLIENT_PORT), client_url.clone()]);
    arguments.set_list("cipher-suites", tls::CIPHER_SUITES);
    arguments.extend(&settings.extra_args);
    if arguments.get("tls-min-version") == Some("TLS1.3") {
        // With TLS 1.3 alone the suites can't be chosen, and etcd does not start with the flag.
        arguments.remove("cipher-suites");
    }
    arguments
}
