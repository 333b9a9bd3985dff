//! A cache of names on every node (NodeLocal DNSCache, KEP-1024): CoreDNS on the node's network, at an address that only the
//! node itself has.
//!
//! Upstream's manifest also takes over the address of cluster DNS, where kube-proxy works with iptables. Here pods are told the
//! cache's own address by their kubelet, which is right with nftables and IPVS as well; so nothing stands between the cache and
//! cluster DNS, and pods ask cluster DNS while the cache is away.
//!
//! Sources: Kubernetes v1.36.3 `cluster/addons/dns/nodelocaldns/nodelocaldns.yaml`; `cmd/node-cache` of kubernetes/dns.

use super::Site;
use super::corefile::{Upstream, joined, upstream};
use super::object::{Owner, Texts, json, list, texts};
use super::workload::{Workload, confined, everywhere, host_path, mount, pod, port, probe, resources};
use crate::content::ContentError;
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, HTTPGetAction, KeyToPath, PodSpec, Probe, SecurityContext, Service, ServicePort,
    ServiceSpec, Volume,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kfimg_images::Component;
use kfimg_profiles::cluster::Cluster;
use serde_json::Value;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

const NAME: &str = "node-local-dns";
const OWNER: Owner = Owner::in_kube_system(NAME);
const SELECTOR: (&str, &str) = ("k8s-app", NAME);
/// Entry of the ConfigMap, and the file that the program takes for its template.
const COREFILE: &str = "Corefile";
const TEMPLATE: &str = "Corefile.base";
/// The program writes the file that CoreDNS reads.
const WRITTEN: &str = "/etc/Corefile";
/// Health, on the cache's own address. Upstream has 8080, which programs on the node's network like to have.
const HEALTH_PORT: u16 = 9254;
/// Metrics of CoreDNS, as upstream has it.
const METRICS_PORT: u16 = 9253;
/// Metrics of the program around it, as upstream has it.
const SETUP_METRICS_PORT: u16 = 9353;

/// TCP ports on every node. 53 is taken on the cache's own address alone.
pub(super) const PORTS: [u16; 3] = [METRICS_PORT, HEALTH_PORT, SETUP_METRICS_PORT];

pub(super) fn objects(site: &Site<'_>) -> Result<Vec<Value>, ContentError> {
    let Some(address) = site.cluster.dns.node_local_cache else { return Ok(Vec::new()) };
    let config = Texts::from([(COREFILE.to_owned(), corefile(site.cluster, address))]);
    Ok(vec![
        OWNER.service_account(NAME),
        OWNER.config_map(NAME, config),
        metrics(),
        // CoreDNS sees a changed file by itself, and the program a changed template.
        Workload { owner: OWNER, name: NAME, selector: SELECTOR, config: None, pod: cache(site, address) }.daemon_set(),
    ])
}

/// For Prometheus: a Service without an address, which lists the pods.
fn metrics() -> Value {
    let mut metadata = OWNER.metadata(NAME);
    metadata.labels.get_or_insert_default().extend(texts([SELECTOR]));
    metadata.annotations = Some(texts([("prometheus.io/port", "9253"), ("prometheus.io/scrape", "true")]));
    let port = ServicePort {
        name: Some("metrics".to_owned()),
        port: METRICS_PORT.into(),
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::Int(METRICS_PORT.into())),
        ..ServicePort::default()
    };
    let spec = ServiceSpec {
        cluster_ip: Some("None".to_owned()),
        ports: Some(vec![port]),
        selector: Some(Workload::selector_labels(SELECTOR)),
        ..ServiceSpec::default()
    };
    json(&Service { metadata, spec: Some(spec), ..Service::default() })
}

fn cache(site: &Site<'_>, address: IpAddr) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![program(site, address)],
        // Its own name service is the node's.
        dns_policy: Some("Default".to_owned()),
        host_network: Some(true),
        tolerations: Some(everywhere()),
        volumes: Some(vec![
            host_path("xtables-lock", "/run/xtables.lock", Some("FileOrCreate")),
            Volume {
                name: "config".to_owned(),
                config_map: Some(ConfigMapVolumeSource {
                    default_mode: Some(0o644),
                    items: Some(vec![KeyToPath {
                        key: COREFILE.to_owned(),
                        path: TEMPLATE.to_owned(),
                        ..KeyToPath::default()
                    }]),
                    name: NAME.to_owned(),
                    ..ConfigMapVolumeSource::default()
                }),
                ..Volume::default()
            },
        ]),
        ..pod(NAME, "system-node-critical")
    }
}

fn program(site: &Site<'_>, address: IpAddr) -> Container {
    let (address, health) = (address.to_string(), HEALTH_PORT.to_string());
    let ports = [("dns", "UDP", 53), ("dns-tcp", "TCP", 53), ("metrics", "TCP", METRICS_PORT.into())];
    Container {
        name: "node-cache".to_owned(),
        image: Some(site.image(Component::NodeLocalDns)),
        args: Some(list(["-localip", &address, "-conf", WRITTEN, "-health-port", &health])),
        liveness_probe: Some(Probe {
            failure_threshold: Some(5),
            initial_delay_seconds: Some(60),
            timeout_seconds: Some(5),
            http_get: Some(HTTPGetAction {
                host: Some(address.clone()),
                path: Some("/health".to_owned()),
                port: IntOrString::Int(HEALTH_PORT.into()),
                scheme: Some("HTTP".to_owned()),
                ..HTTPGetAction::default()
            }),
            ..probe("HTTP", "", "")
        }),
        ports: Some(ports.map(|(name, protocol, number)| port(name, protocol, number)).to_vec()),
        resources: Some(resources(&texts([("cpu", "25m"), ("memory", "16Mi")]), &Texts::new())),
        security_context: Some(SecurityContext {
            // It writes its configuration, and the image chooses between its two iptables by a link in its own root.
            read_only_root_filesystem: None,
            // The address is on an interface of its own, and packets to it are not tracked.
            ..confined(["NET_ADMIN", "NET_BIND_SERVICE", "NET_RAW"])
        }),
        volume_mounts: Some(vec![
            mount("xtables-lock", "/run/xtables.lock", false),
            mount("config", "/etc/coredns", true),
        ]),
        ..Container::default()
    }
}

/// Names of the cluster are asked of cluster DNS over TCP, whose connections the kernel forgets when they end; all others of
/// whom cluster DNS would ask.
fn corefile(cluster: &Cluster, address: IpAddr) -> String {
    let dns = joined(&cluster.networking.dns_ips().into_iter().take(1).collect::<Vec<_>>());
    let of_cluster = format!("forward . {dns} {{\n        force_tcp\n    }}");
    let health = format!("health {}", SocketAddr::new(address, HEALTH_PORT));
    let cache = "cache {\n        success 9984 30\n        denial 9984 5\n    }";
    let mut text = zone(&cluster.networking.dns_domain, address, &[cache, "loop", &of_cluster, &health]);
    text += &zone("in-addr.arpa:53 ip6.arpa", address, &["cache 30", "loop", &of_cluster]);
    for (stub, servers) in &cluster.dns.stub_domains {
        text += &zone(stub, address, &["cache 30", "loop", &format!("forward . {}", joined(servers))]);
    }
    let others = match upstream(cluster) {
        Upstream::Servers(servers) => format!("forward . {}", joined(&servers)),
        Upstream::OfTheNode => "forward . /etc/resolv.conf".to_owned(),
        Upstream::Nobody => {
            let closed = "template ANY ANY {\n        rcode NXDOMAIN\n    }";
            return text + &zone(".", address, &[closed]);
        }
    };
    text + &zone(".", address, &["cache 30", "loop", &others])
}

fn zone(name: &str, address: IpAddr, plug_ins: &[&str]) -> String {
    let mut text = format!("{name}:53 {{\n    errors\n    reload\n    bind {address}\n");
    for plug_in in plug_ins {
        // Writing to a String does not fail.
        let _ = writeln!(text, "    {plug_in}");
    }
    text + &format!("    prometheus :{METRICS_PORT}\n}}\n")
}

#[cfg(test)]
mod tests {
    use super::corefile;
    use kfimg_profiles::cluster::Cluster;
    use std::net::IpAddr;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn each_name_is_asked_of_whom_cluster_dns_would_ask() {
        let mut cluster = Cluster::fake();
        cluster.dns.upstream_nameservers = ips(&["10.9.9.9"]);
        cluster.dns.stub_domains = [("corp.example".to_owned(), ips(&["10.1.1.1"]))].into();
        let expected = "\
cluster.local:53 {
    errors
    reload
    bind 169.254.20.10
    cache {
        success 9984 30
        denial 9984 5
    }
    loop
    forward . 10.96.0.10 {
        force_tcp
    }
    health 169.254.20.10:9254
    prometheus :9253
}
in-addr.arpa:53 ip6.arpa:53 {
    errors
    reload
    bind 169.254.20.10
    cache 30
    loop
    forward . 10.96.0.10 {
        force_tcp
    }
    prometheus :9253
}
corp.example:53 {
    errors
    reload
    bind 169.254.20.10
    cache 30
    loop
    forward . 10.1.1.1
    prometheus :9253
}
.:53 {
    errors
    reload
    bind 169.254.20.10
    cache 30
    loop
    forward . 10.9.9.9
    prometheus :9253
}
";
        assert_eq!(corefile(&cluster, ips(&["169.254.20.10"])[0]), expected);
    }

    #[test]
    fn a_closed_world_and_ipv6_have_their_words() {
        let mut cluster = Cluster::fake();
        cluster.networking.service_subnets = vec!["fd00:20::/108".parse().unwrap()];
        let text = corefile(&cluster, ips(&["fd6b:6669:6d67::10"])[0]);
        for line in
            ["forward . fd00:20::a {", "health [fd6b:6669:6d67::10]:9254", "bind fd6b:6669:6d67::10", "rcode NXDOMAIN"]
        {
            assert!(text.contains(line), "{line}:\n{text}");
        }
        cluster.nodes.iter_mut().for_each(|node| node.network.nameservers = ips(&["10.0.0.1"]));
        assert!(corefile(&cluster, ips(&["169.254.20.10"])[0]).contains("forward . /etc/resolv.conf\n"));
    }
}
