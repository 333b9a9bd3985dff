//! Kernel modules and settings of a node.
//!
//! The kubelet runs with `protectKernelDefaults`: it refuses to start on other values instead of changing them, so what
//! it wants stands here (`pkg/kubelet/cm/container_manager_linux.go`, `setupKernelTunables`).

use super::{Content, ContentError, Context};
use kfimg_profiles::cluster::{Cluster, Node};
use kfimg_profiles::description::{Cni, FlannelBackend, ProxyMode, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const MODULES: &str = "/etc/modules-load.d/kfimg.conf";
const SYSCTLS: &str = "/etc/sysctl.d/90-kfimg.conf";

/// What every kubelet wants, also one without an API server.
const KUBELET: [(&str, &str); 6] = [
    ("kernel.keys.root_maxbytes", "25000000"),
    ("kernel.keys.root_maxkeys", "1000000"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
];
/// What is better so, but stops nobody: watches of files, of which a node full of pods needs more than a desktop.
const BETTER: [(&str, &str); 2] =
    [("fs.inotify.max_user_instances", "8192"), ("fs.inotify.max_user_watches", "524288")];
/// Packets of bridged pods pass the rules that kube-proxy makes. The settings exist once `br_netfilter` is loaded.
const BRIDGE: [(&str, &str); 2] =
    [("net.bridge.bridge-nf-call-ip6tables", "1"), ("net.bridge.bridge-nf-call-iptables", "1")];

/// For the interface that has the address of the node's cache of names.
const CACHE: &str = "dummy";

/// Setting of each family: IPv4, then IPv6.
type ByFamily = [(&'static str, &'static str); 2];
/// Packets between pods and nodes are passed on.
const FORWARDING: ByFamily = [("net.ipv4.ip_forward", "1"), ("net.ipv6.conf.all.forwarding", "1")];
/// haproxy binds the endpoint's address also where keepalived does not hold it at the moment.
const NONLOCAL_BIND: ByFamily = [("net.ipv4.ip_nonlocal_bind", "1"), ("net.ipv6.ip_nonlocal_bind", "1")];

/// Writes both, and tells the preflight what must hold.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let Context { cluster, node, .. } = *context;
    let modules = modules(cluster, node);
    let must_hold = sysctls(cluster, node);
    let mut all: BTreeMap<String, String> = owned(BETTER);
    all.extend(must_hold.clone());
    let lines = modules.iter().map(|module| (module.as_str(), ""));
    content.tree.file(MODULES, 0o644, lines_of(MODULES, lines, "")?)?;
    let lines = all.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    content.tree.file(SYSCTLS, 0o644, lines_of(SYSCTLS, lines, " = ")?)?;
    content.kernel_modules.extend(modules);
    // A pattern names no single setting that could be looked at.
    content.sysctls.extend(must_hold.into_iter().filter(|(name, _)| !name.contains('*')));
    Ok(())
}

fn modules(cluster: &Cluster, node: &Node) -> BTreeSet<String> {
    let mut modules = vec!["overlay"];
    if node.is_kubernetes_node() {
        modules.extend(["br_netfilter", "nf_conntrack"]);
        let networking = &cluster.networking;
        if networking.cni == Cni::Flannel && networking.flannel.backend == FlannelBackend::Vxlan {
            modules.push("vxlan");
        }
        if !cluster.kube_proxy.disabled {
            modules.extend(proxy_modules(cluster.kube_proxy.mode));
        }
        if cluster.dns.node_local_cache.is_some() {
            modules.push(CACHE);
        }
    }
    modules.into_iter().map(str::to_owned).chain(node.kernel_modules.iter().cloned()).collect()
}

fn proxy_modules(mode: ProxyMode) -> &'static [&'static str] {
    match mode {
        ProxyMode::Nftables => &["nf_tables"],
        ProxyMode::Iptables => &[],
        // The schedulers that kube-proxy's documentation names, and the interface that has the Services' addresses.
        ProxyMode::Ipvs => &["ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh", "dummy"],
    }
}

/// What must hold on this node; its own settings win.
fn sysctls(cluster: &Cluster, node: &Node) -> BTreeMap<String, String> {
    let mut settings = owned(KUBELET);
    if node.is_kubernetes_node() {
        settings.extend(owned(BRIDGE));
        settings.extend(of_families(FORWARDING, |ipv4| {
            cluster.networking.pod_subnets.iter().any(|net| net.addr().is_ipv4() == ipv4)
        }));
    }
    if node.role == Role::ControlPlane && cluster.has_vip() {
        settings.extend(of_families(NONLOCAL_BIND, |ipv4| {
            cluster.endpoint.addresses.iter().any(|address| address.is_ipv4() == ipv4)
        }));
    }
    settings.extend(node.sysctls.clone());
    settings
}

fn owned<const N: usize>(settings: [(&str, &str); N]) -> BTreeMap<String, String> {
    settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn of_families(settings: ByFamily, has: impl Fn(bool) -> bool) -> BTreeMap<String, String> {
    let chosen = settings.into_iter().zip([true, false]).filter(|(_, ipv4)| has(*ipv4));
    chosen.map(|((name, value), _)| (name.to_owned(), value.to_owned())).collect()
}

fn lines_of<'a>(
    path: &str,
    lines: impl Iterator<Item = (&'a str, &'a str)>,
    separator: &str,
) -> Result<String, ContentError> {
    let mut text = String::new();
    for (name, value) in lines {
        if [name, value].into_iter().any(|part| part.contains(char::is_control)) {
            let reason = format!("{name:?}: {value:?} is not one line");
            return Err(ContentError::Format { path: path.to_owned(), reason });
        }
        let _ = writeln!(text, "{name}{separator}{value}");
    }
    Ok(text)
}
