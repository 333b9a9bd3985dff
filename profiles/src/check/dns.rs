//! Cluster DNS and metrics-server: servers, domains, pods, resources.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::addresses::unusable;
use super::{Subject, at, syntax};
use crate::description::values::Ip;
use crate::description::{Dns, Resources};
use crate::document::Path;
use crate::problem::Report;
use crate::resolve::site::{default_cache_address, default_pod_subnet, default_service_subnet, networks};

/// Setting of the cache's address.
const CACHE: &str = "dns.nodeLocalCache.address";
/// More pods than this of an addon is a slip of the finger.
const MOST_REPLICAS: u32 = 100;
/// CoreDNS takes so many servers in one `forward` (plugin `forward`, `max`).
const MOST_SERVERS: usize = 15;
/// Zones of addresses, which the cluster's DNS answers for its own pods and services.
const REVERSE_ZONES: [&str; 2] = ["in-addr.arpa", "ip6.arpa"];

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let dns = &subject.description.dns;
    servers(&at("dns.upstreamNameservers"), &dns.upstream_nameservers, report);
    stub_domains(subject, dns, report);
    replicas(at("dns.replicas"), dns.replicas, report);
    resources(&dns.resources, report);
    cache(subject, dns, report);
    let metrics_server = &subject.description.addons.metrics_server;
    replicas(at("addons.metricsServer.replicas"), metrics_server.replicas, report);
    if metrics_server.enabled == Some(false) && metrics_server.replicas.is_some() {
        report
            .warning(
                "unused-setting",
                at("addons.metricsServer.replicas"),
                "metrics-server is switched off, so `replicas` has no effect",
            )
            .help("remove it, or write `enabled: true`");
    }
}

fn servers(path: &Path, servers: &[Ip], report: &mut Report) {
    if servers.len() > MOST_SERVERS {
        report
            .error("too-many-servers", path, format!("{} DNS servers are more than CoreDNS asks", servers.len()))
            .help(format!("write at most {MOST_SERVERS}"));
    }
    for (index, server) in servers.iter().enumerate() {
        if let Some(wrong) = unusable(server.0) {
            report
                .error("unusable-address", path.index(index), format!("{server} {wrong}, which pods cannot ask"))
                .help("write the address of a DNS server of the site");
        }
    }
}

fn stub_domains(subject: &Subject<'_>, dns: &Dns, report: &mut Report) {
    let own = subject.description.networking.dns_domain.as_deref().unwrap_or("cluster.local");
    for (domain, addresses) in &dns.stub_domains {
        let path = at("dns.stubDomains").key(domain);
        if let Some(wrong) = syntax::subdomain(domain) {
            report
                .error("invalid-name", &path, format!("the stub domain `{domain}` {wrong}"))
                .at_key()
                .help("use lower-case letters, digits and `-`, with dots between parts");
        }
        if domain == own || domain.ends_with(&format!(".{own}")) {
            report
                .error(
                    "stub-domain-of-cluster",
                    &path,
                    format!("names below `{own}` are answered by the cluster itself"),
                )
                .at_key()
                .help("remove it, or write another `networking.dnsDomain`");
        }
        if REVERSE_ZONES.contains(&domain.as_str()) {
            report
                .error("stub-domain-of-cluster", &path, format!("the cluster itself answers for names in `{domain}`"))
                .at_key()
                .help("write the zone of one network of the site, such as `10.in-addr.arpa`");
        }
        if addresses.is_empty() {
            report
                .error("missing-setting", &path, format!("no server answers for the stub domain `{domain}`"))
                .at_key()
                .help("write the addresses of its DNS servers");
        }
        servers(&path, addresses, report);
    }
}

fn replicas(path: Path, number: Option<u32>, report: &mut Report) {
    match number {
        Some(0) => {
            report.error("replicas", path, "no pod would do the work").help("write at least 1");
        }
        Some(number) if number > MOST_REPLICAS => {
            report
                .error("replicas", path, format!("{number} pods for one addon"))
                .help(format!("write at most {MOST_REPLICAS}"));
        }
        _ => {}
    }
}

fn resources(resources: &Resources, report: &mut Report) {
    for (key, amounts) in [("requests", &resources.requests), ("limits", &resources.limits)] {
        amounts_of(&at("dns.resources").key(key), amounts, report);
    }
    for (name, request) in &resources.requests {
        let Some(limit) = resources.limits.get(name) else { continue };
        if let (Some(request_amount), Some(limit_amount)) = (syntax::quantity(request), syntax::quantity(limit))
            && request_amount > limit_amount
        {
            report
                .error(
                    "request-above-limit",
                    at("dns.resources.requests").key(name),
                    format!("{request} of {name} is more than the limit {limit}"),
                )
                .note(at("dns.resources.limits").key(name), "the limit")
                .help("write a request within the limit");
        }
    }
}

fn amounts_of(path: &Path, amounts: &BTreeMap<String, String>, report: &mut Report) {
    for (name, amount) in amounts {
        if !matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
            report
                .error("unknown-resource", path.key(name), format!("containers have no resource `{name}`"))
                .at_key()
                .help("write cpu, memory or ephemeral-storage");
        } else if syntax::quantity(amount).is_none() {
            report
                .error("invalid-quantity", path.key(name), format!("`{amount}` is no quantity"))
                .help("write a number with an optional unit: 100m, 1, 70Mi, 1Gi");
        }
    }
}

/// The cache's address is the same on every node, so it can be nobody else's.
fn cache(subject: &Subject<'_>, dns: &Dns, report: &mut Report) {
    let written = &dns.node_local_cache;
    let networking = &subject.description.networking;
    let services = networks(networking.service_subnet.as_ref(), default_service_subnet);
    let ipv6 = services.first().is_some_and(|net| net.addr().is_ipv6());
    if !written.enabled.unwrap_or(false) {
        if written.address.is_some() {
            report
                .warning("unused-setting", at(CACHE), "no node has a cache, so its address has no effect")
                .help("remove it, or write `enabled: true`");
        }
        return;
    }
    let Some(Ip(address)) = written.address else { return };
    let default = default_cache_address(ipv6);
    let wrong = match address {
        _ if address.is_ipv6() != ipv6 => Some("is not of the services' first family"),
        IpAddr::V4(address) if address.is_link_local() => None,
        // One of IPv6 that is link-local means nothing without its interface, which a resolver file can't name for pods.
        address => unusable(address),
    };
    if let Some(wrong) = wrong {
        report.error("unusable-address", at(CACHE), format!("{address} {wrong}")).help(format!("write `{default}`"));
        return;
    }
    let pods = networks(networking.pod_subnet.as_ref(), default_pod_subnet);
    let machines = networking.node_subnet.iter().flat_map(|networks| networks.get().iter().copied());
    if let Some(net) = pods.into_iter().chain(services).chain(machines).find(|net| net.contains(&address)) {
        report
            .error(
                "address-in-cluster-range",
                at(CACHE),
                format!("the cache's address {address} lies in the range {net}"),
            )
            .help(format!("write an address that is nobody's, such as {default}"));
    }
}
