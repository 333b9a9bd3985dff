//! Ranges against each other: pods, services and machines share no address.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Subject, at};
use crate::document::Path;
use crate::problem::Report;
use crate::resolve::site::{default_pod_subnet, default_service_subnet, networks};

/// A range with its name and its setting.
struct Range {
    net: IpNet,
    what: &'static str,
    setting: &'static str,
    is_written: bool,
}

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let written = &subject.description.networking;
    let pods = networks(written.pod_subnet.as_ref(), default_pod_subnet);
    let services = networks(written.service_subnet.as_ref(), default_service_subnet);
    let (pods_written, services_written) = (written.pod_subnet.is_some(), written.service_subnet.is_some());
    let cluster: Vec<Range> = (pods.into_iter())
        .map(|net| Range { net, what: "pods", setting: "networking.podSubnet", is_written: pods_written })
        .chain(services.into_iter().map(|net| Range {
            net,
            what: "services",
            setting: "networking.serviceSubnet",
            is_written: services_written,
        }))
        .collect();
    let machines = written.node_subnet.as_ref().map(|networks| networks.get()).unwrap_or_default();
    let machines = machines.iter().map(|net| Range {
        net: net.trunc(),
        what: "machines",
        setting: "networking.nodeSubnet",
        is_written: true,
    });
    let all: Vec<Range> = cluster.into_iter().chain(machines).collect();
    for (index, first) in all.iter().enumerate() {
        for second in &all[index + 1..] {
            overlap(first, second, report);
        }
    }
    addresses(subject, &all, report);
}

/// Points at the range that somebody wrote; of two written ones at the later one.
fn overlap(first: &Range, second: &Range, report: &mut Report) {
    let overlaps = first.net.contains(&second.net) || second.net.contains(&first.net);
    if !overlaps || first.what == second.what {
        return;
    }
    let (blamed, other) = if second.is_written { (second, first) } else { (first, second) };
    let default = if other.is_written { "" } else { ", the default," };
    let message = format!(
        "the range {} of the {} overlaps the range {}{default} of the {}",
        blamed.net, blamed.what, other.net, other.what
    );
    let help = if other.is_written {
        "write ranges that share no address".to_owned()
    } else {
        format!("write another range here, or set `{}`", other.setting)
    };
    report
        .error("overlapping-networks", at(blamed.setting), message)
        .note(at(other.setting), "the other range")
        .help(help);
}

/// Machines, routers and servers that lie in the range of pods or services cannot be reached from inside the cluster.
fn addresses(subject: &Subject<'_>, ranges: &[Range], report: &mut Report) {
    for machine in &subject.machines {
        let own = machine.node.address.as_ref().map(|addresses| addresses.get()).unwrap_or_default();
        for address in own {
            inside(address.ip, "node's address", &machine.at("address"), ranges, report);
        }
    }
    for (path, node) in subject.parts() {
        let servers = node.network.nameservers.iter().enumerate();
        let setting = path.key("network").key("nameservers");
        servers.for_each(|(index, server)| inside(server.0, "name server", &setting.index(index), ranges, report));
    }
    let description = subject.description;
    let endpoint = description.control_plane_endpoint.address.iter().flat_map(|addresses| addresses.get());
    endpoint.for_each(|address| {
        inside(address.ip, "endpoint's address", &at("controlPlaneEndpoint.address"), ranges, report);
    });
    let registry = description.registry.iter().filter_map(|registry| registry.address);
    registry.for_each(|address| inside(address.0, "registry's address", &at("registry.address"), ranges, report));
    let upstream = description.dns.upstream_nameservers.iter().enumerate();
    let setting = at("dns.upstreamNameservers");
    upstream.for_each(|(index, server)| inside(server.0, "name server", &setting.index(index), ranges, report));
}

fn inside(address: IpAddr, what: &str, path: &Path, ranges: &[Range], report: &mut Report) {
    let (machines, cluster): (Vec<&Range>, Vec<&Range>) = ranges.iter().partition(|range| range.what == "machines");
    for range in cluster.into_iter().filter(|range| range.net.contains(&address)) {
        // Where the ranges themselves overlap, that was said once for all addresses.
        if machines.iter().any(|net| net.net.contains(&address)) {
            continue;
        }
        report
            .error(
                "address-in-cluster-range",
                path,
                format!("the {what} {address} lies in the range {} of the {}", range.net, range.what),
            )
            .note(at(range.setting), format!("the range of the {}", range.what))
            .help(format!("write an address outside of it, or another `{}`", range.setting));
    }
}
