//! CoreDNS: the cluster's name service, under the names that everybody expects (`kube-dns`). Its configuration is in
//! [`super::corefile`].

use super::Site;
use super::corefile::corefile;
use super::object::{Owner, Texts, json, list, rule, texts};
use super::workload::{
    Workload, also_on_control_planes, config_volume, confined, mount, port, probe, resources, uninitialized,
    unprivileged_pod,
};
use crate::content::ContentError;
use k8s_openapi::api::core::v1::{
    Container, PodSecurityContext, PodSpec, Probe, ResourceRequirements, Service, ServicePort, ServiceSpec, Sysctl,
    Toleration,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kfimg_images::Component;
use kfimg_profiles::cluster::{Dns, Networking};
use serde_json::Value;

const NAME: &str = "coredns";
const OWNER: Owner = Owner::in_kube_system(NAME);
const SELECTOR: (&str, &str) = ("k8s-app", "kube-dns");
const SERVICE: &str = "kube-dns";
const ROLE: &str = "system:coredns";
const CONFIG_FOLDER: &str = "/etc/coredns";
/// The user `nonroot` of upstream's image.
const USER: i64 = 65532;
/// Where the Service and the pod answer: name, protocol, number.
const PORTS: [(&str, &str, i32); 3] = [("dns", "UDP", 53), ("dns-tcp", "TCP", 53), ("metrics", "TCP", 9153)];

pub(super) fn objects(site: &Site<'_>) -> Result<Vec<Value>, ContentError> {
    let replicas = site.cluster.dns.replicas;
    let config = Texts::from([("Corefile".to_owned(), corefile(site.cluster))]);
    let mut objects = vec![
        OWNER.service_account(NAME),
        OWNER.cluster_role(
            ROLE,
            vec![
                rule("", ["endpoints", "services", "pods", "namespaces"], ["list", "watch"]),
                rule("discovery.k8s.io", ["endpointslices"], ["list", "watch"]),
            ],
        ),
        OWNER.cluster_role_binding(ROLE, ROLE, OWNER.account_subject(NAME)),
        OWNER.config_map(NAME, config),
        service(&site.cluster.networking),
        // CoreDNS sees a changed Corefile by itself (`reload`).
        Workload { owner: OWNER, name: NAME, selector: SELECTOR, config: None, pod: server(site) }
            .deployment(site, replicas),
    ];
    if replicas > 1 {
        objects.push(OWNER.disruption_budget(NAME, Workload::selector_labels(SELECTOR)));
    }
    Ok(objects)
}

fn service(networking: &Networking) -> Value {
    let mut metadata = OWNER.metadata(SERVICE);
    metadata.labels.get_or_insert_default().extend(texts([
        SELECTOR,
        ("kubernetes.io/cluster-service", "true"),
        ("kubernetes.io/name", "CoreDNS"),
    ]));
    metadata.annotations = Some(texts([("prometheus.io/port", "9153"), ("prometheus.io/scrape", "true")]));
    let ips = networking.dns_ips();
    let family = |ip: &std::net::IpAddr| if ip.is_ipv6() { "IPv6" } else { "IPv4" }.to_owned();
    let policy = if ips.len() > 1 { "RequireDualStack" } else { "SingleStack" };
    json(&Service {
        metadata,
        spec: Some(ServiceSpec {
            cluster_ip: ips.first().map(ToString::to_string),
            cluster_ips: Some(ips.iter().map(ToString::to_string).collect()),
            ip_families: Some(ips.iter().map(family).collect()),
            ip_family_policy: Some(policy.to_owned()),
            ports: Some(PORTS.map(service_port).to_vec()),
            selector: Some(Workload::selector_labels(SELECTOR)),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

fn service_port((name, protocol, number): (&str, &str, i32)) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        protocol: Some(protocol.to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}

fn server(site: &Site<'_>) -> PodSpec {
    let mut pod = unprivileged_pod(NAME, "system-cluster-critical", USER);
    // Port 53 without root: upstream relies on a capability of the file and on the runtime's default for this setting.
    pod.security_context = Some(PodSecurityContext {
        sysctls: Some(vec![Sysctl { name: "net.ipv4.ip_unprivileged_port_start".to_owned(), value: "0".to_owned() }]),
        ..pod.security_context.unwrap_or_default()
    });
    let ports = PORTS.into_iter().chain([("health", "TCP", 8080), ("ready", "TCP", 8181)]);
    let container = Container {
        name: NAME.to_owned(),
        image: Some(site.image(Component::Coredns)),
        args: Some(list(["-conf", "/etc/coredns/Corefile"])),
        liveness_probe: Some(Probe {
            failure_threshold: Some(5),
            initial_delay_seconds: Some(60),
            timeout_seconds: Some(5),
            ..probe("HTTP", "health", "/health")
        }),
        ports: Some(ports.map(|(name, protocol, number)| port(name, protocol, number)).collect()),
        readiness_probe: Some(probe("HTTP", "ready", "/ready")),
        resources: Some(server_resources(&site.cluster.dns)),
        // The program's file carries this capability: without it in the bounding set the kernel refuses to start it.
        security_context: Some(confined(["NET_BIND_SERVICE"])),
        volume_mounts: Some(vec![mount("config", CONFIG_FOLDER, true)]),
        ..Container::default()
    };
    PodSpec {
        containers: vec![container],
        // Its own name service is the node's, not itself.
        dns_policy: Some("Default".to_owned()),
        tolerations: Some(tolerations(site)),
        volumes: Some(vec![config_volume("config", NAME, 0o644)]),
        ..pod
    }
}

/// A cloud controller manager may need names before it has initialised the first Node.
fn tolerations(site: &Site<'_>) -> Vec<Toleration> {
    let mut tolerations = also_on_control_planes();
    tolerations.extend(site.cluster.cloud_provider.is_some().then(uninitialized));
    tolerations
}

/// kubeadm's numbers, unless the description says anything: a given request above our limit would be refused.
fn server_resources(dns: &Dns) -> ResourceRequirements {
    let (requests, limits) = (&dns.resources.requests, &dns.resources.limits);
    if requests.is_empty() && limits.is_empty() {
        return resources(&texts([("cpu", "100m"), ("memory", "70Mi")]), &texts([("memory", "170Mi")]));
    }
    resources(requests, limits)
}
