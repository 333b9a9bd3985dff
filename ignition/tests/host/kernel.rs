//! Kernel modules and settings.

use crate::site::{Site, object, text};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::{Cni, FlannelBackend, ProxyMode, Role};

const MODULES: &str = "/etc/modules-load.d/kfimg.conf";
const SYSCTLS: &str = "/etc/sysctl.d/90-kfimg.conf";

fn modules(change: impl FnOnce(&mut Cluster), node: &str) -> String {
    text(&Site::with(change).tree(node), MODULES).lines().collect::<Vec<_>>().join(" ")
}

#[test]
fn modules_follow_from_the_role_and_the_plug_in() {
    type Change = fn(&mut Cluster);
    let cases: [(Change, &str, &str); 8] = [
        (|_| {}, "worker1", "br_netfilter nf_conntrack nf_tables overlay vxlan"),
        (|cluster| cluster.networking.cni = Cni::None, "worker1", "br_netfilter nf_conntrack nf_tables overlay"),
        (
            |cluster| cluster.networking.flannel.backend = FlannelBackend::HostGw,
            "worker1",
            "br_netfilter nf_conntrack nf_tables overlay",
        ),
        (|cluster| cluster.kube_proxy.mode = ProxyMode::Iptables, "worker1", "br_netfilter nf_conntrack overlay vxlan"),
        (
            |cluster| cluster.kube_proxy.mode = ProxyMode::Ipvs,
            "worker1",
            "br_netfilter dummy ip_vs ip_vs_rr ip_vs_sh ip_vs_wrr nf_conntrack overlay vxlan",
        ),
        (
            |cluster| cluster.dns.node_local_cache = Some("169.254.20.10".parse().unwrap()),
            "worker1",
            "br_netfilter dummy nf_conntrack nf_tables overlay vxlan",
        ),
        (|cluster| cluster.nodes[0].role = Role::Etcd, "master1", "overlay"),
        (
            |cluster| cluster.nodes[3].kernel_modules = vec!["dm_crypt".to_owned()],
            "worker1",
            "br_netfilter dm_crypt nf_conntrack nf_tables overlay vxlan",
        ),
    ];
    for (change, node, expected) in cases {
        assert_eq!(modules(change, node), expected);
    }
}

#[test]
fn a_control_plane_has_what_kubelet_and_haproxy_need() {
    let expected = "\
fs.inotify.max_user_instances = 8192
fs.inotify.max_user_watches = 524288
kernel.keys.root_maxbytes = 25000000
kernel.keys.root_maxkeys = 1000000
kernel.panic = 10
kernel.panic_on_oops = 1
net.bridge.bridge-nf-call-ip6tables = 1
net.bridge.bridge-nf-call-iptables = 1
net.ipv4.ip_forward = 1
net.ipv4.ip_nonlocal_bind = 1
vm.overcommit_memory = 1
vm.panic_on_oom = 0
";
    assert_eq!(text(&Site::with(|_| {}).tree("master1"), SYSCTLS), expected);
}

#[test]
fn settings_follow_from_the_families() {
    let site = Site::with(|cluster| {
        cluster.networking.pod_subnets = vec!["fd00:10::/56".parse().unwrap()];
        cluster.endpoint.addresses = vec!["fd00:49::150".parse().unwrap()];
    });
    let tree = site.tree("master1");
    let settings = text(&tree, SYSCTLS);
    assert!(settings.contains("net.ipv6.conf.all.forwarding = 1\nnet.ipv6.ip_nonlocal_bind = 1\n"), "{settings}");
    assert!(!settings.contains("net.ipv4"), "{settings}");
    assert!(!text(&site.tree("worker1"), SYSCTLS).contains("nonlocal"));
}

#[test]
fn a_nodes_own_settings_win_and_the_preflight_looks_at_them() {
    let site = Site::with(|cluster| {
        let own = [("net.ipv4.ip_forward", "0"), ("vm.swappiness", "1"), ("net.ipv4.conf.*.rp_filter", "2")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        cluster.nodes[3].sysctls = own.into();
    });
    let tree = site.tree("worker1");
    assert!(text(&tree, SYSCTLS).contains("net.ipv4.conf.*.rp_filter = 2\nnet.ipv4.ip_forward = 0\n"));
    let plan = object(&tree, "/etc/kfimg/plan.json");
    let looked_at = plan["preflight"]["sysctls"].as_object().unwrap();
    assert_eq!(
        (looked_at["net.ipv4.ip_forward"].as_str(), looked_at["vm.swappiness"].as_str()),
        (Some("0"), Some("1"))
    );
    assert!(looked_at.keys().all(|name| !name.contains('*') && !name.starts_with("fs.inotify")), "{looked_at:?}");
    assert_eq!(plan["preflight"]["kernelModules"][0], "br_netfilter");
}
