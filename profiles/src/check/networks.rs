//! Pod, service and machine networks each by themselves: families, sizes, the network plug-in.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::addresses::families_repeat;
use super::{Machine, Subject, and_others, at, number};
use crate::description::values::Networks;
use crate::description::{Cni, FlannelBackend, KubeProxy, ProxyMode, Role};
use crate::problem::Report;
use crate::resolve::nodes::in_subnet;
use crate::resolve::site::{DEFAULT_MASK_SIZES, default_pod_subnet, default_service_subnet, networks};

/// Bits of host part that a service range may have (`MaximumBitsForServiceSubnet` of kubeadm).
const SERVICE_BITS: u8 = 20;
/// Bits between a pod range and a node's part of it that the controller-manager can keep track of.
const NODE_MASK_BITS: u8 = 16;

/// kube-proxy reads numbers of conntrack entries as signed 32-bit numbers (`kubeproxy.config.k8s.io/v1alpha1`).
const MOST_CONNTRACK_ENTRIES: u32 = i32::MAX.unsigned_abs();

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    proxy(&subject.description.kube_proxy, report);
    let written = &subject.description.networking;
    let all = [
        ("networking.podSubnet", written.pod_subnet.as_ref()),
        ("networking.serviceSubnet", written.service_subnet.as_ref()),
        ("networking.nodeSubnet", written.node_subnet.as_ref()),
    ];
    for (setting, networks) in all {
        form(setting, networks, report);
    }
    let pods = networks(written.pod_subnet.as_ref(), default_pod_subnet);
    let services = networks(written.service_subnet.as_ref(), default_service_subnet);
    families(subject, &pods, &services, report);
    for net in services {
        service_size(net, report);
    }
    for net in pods {
        pod_size(subject, net, report);
    }
    plug_in(subject, report);
}

fn proxy(proxy: &KubeProxy, report: &mut Report) {
    if proxy.mode == ProxyMode::Ipvs && !proxy.disabled {
        report
            .warning(
                "deprecated-setting",
                at("kubeProxy.mode"),
                "Kubernetes gives up kube-proxy's mode `ipvs` (deprecated in 1.35)",
            )
            .help("write `mode: nftables`");
    }
    let settings = [("conntrackMaxPerCore", proxy.conntrack_max_per_core), ("conntrackMin", proxy.conntrack_min)];
    for (setting, value) in settings {
        if let Some(value) = value.filter(|value| *value > MOST_CONNTRACK_ENTRIES) {
            let message = format!("{value} is more than kube-proxy reads");
            report
                .error("conntrack-limit", at(&format!("kubeProxy.{setting}")), message)
                .help(format!("write at most {MOST_CONNTRACK_ENTRIES}, or 0 to leave the kernel's own limit"));
        }
    }
}

/// `IPv4`, `IPv6`.
fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

fn form(setting: &str, networks: Option<&Networks>, report: &mut Report) {
    let networks = networks.map(Networks::get).unwrap_or_default();
    if families_repeat(networks.iter().map(IpNet::addr)) {
        report
            .error("network-families", at(setting), "a range is one IPv4 network, one IPv6 network, or one of each")
            .help("keep one network of each family");
    }
    for net in networks.iter().filter(|net| net.addr() != net.network()) {
        report
            .error("host-bits", at(setting), format!("{net} is an address in a network, not a network"))
            .help(format!("write `{}`", net.trunc()));
    }
}

/// Pods and services have the same families in the same order, and every machine has them, the first one as its main one.
fn families(subject: &Subject<'_>, pods: &[IpNet], services: &[IpNet], report: &mut Report) {
    let of = |networks: &[IpNet]| networks.iter().map(|net| family(net.addr())).collect::<Vec<_>>();
    let is_told = |networks: &[IpNet]| families_repeat(networks.iter().map(IpNet::addr));
    if is_told(pods) || is_told(services) {
        return;
    }
    let (pods, services) = (of(pods), of(services));
    if pods != services {
        let message = format!("services have {}, but pods have {}", words(&services), words(&pods));
        report
            .error("family-mismatch", at("networking.serviceSubnet"), message)
            .note(at("networking.podSubnet"), "the pods' range")
            .help("write the same families in the same order for `podSubnet` and `serviceSubnet`");
        return;
    }
    let mut others: BTreeMap<Vec<&str>, Vec<&Machine<'_>>> = BTreeMap::new();
    for machine in &subject.machines {
        let Some(addresses) = &machine.node.address else { continue };
        let own: Vec<&str> = addresses.get().iter().map(|address| family(address.ip)).collect();
        let is_told = families_repeat(addresses.get().iter().map(|address| address.ip));
        // Nobody but API servers and the other members asks etcd, at its main address.
        let of_etcd = machine.node.role == Some(Role::Etcd) && own.first() == pods.first();
        if own != pods && !of_etcd && !is_told {
            others.entry(own).or_default().push(machine);
        }
    }
    for (own, machines) in others {
        let Some(first) = machines.first() else { continue };
        let have = number(&machines, "has", "have");
        let message = format!("{} {have} {}, but pods have {}", and_others(&machines), words(&own), words(&pods));
        report
            .error("family-mismatch", first.at("address"), message)
            .note(at("networking.podSubnet"), "the pods' range")
            .help("give pods, services and every node the same families in the same order");
    }
}

/// `IPv4`, `IPv4 then IPv6`.
fn words(families: &[&str]) -> String {
    families.join(" then ")
}

fn service_size(net: IpNet, report: &mut Report) {
    let bits = net.max_prefix_len() - net.prefix_len();
    let setting = at("networking.serviceSubnet");
    // Cluster DNS has the tenth address.
    if bits < 4 {
        report
            .error(
                "service-range-too-small",
                setting,
                format!("{net} has no tenth address, which is that of cluster DNS"),
            )
            .help(format!(
                "write a prefix length of at most {}, such as /{}",
                net.max_prefix_len() - 4,
                net.max_prefix_len() - 16
            ));
    } else if bits > SERVICE_BITS {
        report
            .error("service-range-too-large", setting, format!("{net} is larger than Kubernetes takes"))
            .help(format!("write a prefix length of at least {}", net.max_prefix_len() - SERVICE_BITS));
    }
}

fn pod_size(subject: &Subject<'_>, net: IpNet, report: &mut Report) {
    let written = &subject.description.networking;
    let (key, mask) = match net {
        IpNet::V4(_) => ("nodeCIDRMaskSizeIPv4", written.node_cidr_mask_size_ipv4.unwrap_or(DEFAULT_MASK_SIZES.0)),
        IpNet::V6(_) => ("nodeCIDRMaskSizeIPv6", written.node_cidr_mask_size_ipv6.unwrap_or(DEFAULT_MASK_SIZES.1)),
    };
    let longest = net.max_prefix_len() - 3;
    let (least, most) = (net.prefix_len(), longest.min(net.prefix_len() + NODE_MASK_BITS));
    if mask < least || mask > most {
        let message = format!("a node's part of {net} cannot have {mask} bits");
        report
            .error("invalid-mask-size", at("networking").key(key), message)
            .note(at("networking.podSubnet"), "the pods' range")
            .help(format!("write `{key}` from {least} to {most}"));
        return;
    }
    let parts = 1_u64 << (mask - net.prefix_len());
    let nodes = subject.machines.iter().filter(|machine| machine.node.role != Some(Role::Etcd)).count() as u64;
    if parts < nodes {
        let bits = 64 - (nodes - 1).leading_zeros() as u8;
        let message = format!(
            "{net} has {parts} {} of /{mask}, one for each node, and there are {nodes} nodes",
            if parts == 1 { "part" } else { "parts" }
        );
        report.error("pod-range-too-small", at("networking.podSubnet"), message).help(format!(
            "write a range with a prefix length of at most {}, or a larger `{key}`",
            mask.saturating_sub(bits)
        ));
    }
}

fn plug_in(subject: &Subject<'_>, report: &mut Report) {
    let written = &subject.description.networking;
    let flannel = at("networking.flannel");
    match written.cni {
        Cni::None => {
            if written.flannel.mtu.is_some() || written.flannel.backend != FlannelBackend::default() {
                report
                    .warning("unused-setting", flannel, "flannel is not rendered, so its settings have no effect")
                    .note(at("networking.cni"), "no network plug-in")
                    .help("remove them, or write `cni: flannel`");
            }
            if subject.description.manifests.is_empty() {
                report
                    .warning(
                        "no-network-plug-in",
                        at("networking.cni"),
                        "no network plug-in is rendered, and there are no manifests of your own",
                    )
                    .help("name the plug-in's files under `manifests`: without one no pod gets an address");
            }
        }
        Cni::Flannel if written.flannel.backend == FlannelBackend::HostGw => host_gateway(subject, report),
        Cni::Flannel => {}
    }
}

/// flannel's backend `host-gw` routes to the nodes directly, so they must share a network.
fn host_gateway(subject: &Subject<'_>, report: &mut Report) {
    let node_subnet = subject.description.networking.node_subnet.as_ref();
    let mut first: Option<IpNet> = None;
    for machine in subject.machines.iter().filter(|machine| machine.node.role != Some(Role::Etcd)) {
        let addresses = machine.node.address.as_ref().map(|addresses| addresses.get()).unwrap_or_default();
        let Some(placed) = addresses.first().and_then(|address| in_subnet(*address, node_subnet)) else { continue };
        let expected = *first.get_or_insert(placed.subnet());
        if placed.subnet() != expected {
            let message = format!("{} lies in {}, and other nodes in {expected}", machine.shown(), placed.subnet());
            report
                .error("host-gw-subnets", machine.at("address"), message)
                .note(at("networking.flannel.backend"), "needs all nodes in one network")
                .help("write `networking.flannel.backend: vxlan`");
        }
    }
}
