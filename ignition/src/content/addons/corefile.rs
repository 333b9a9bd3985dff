//! CoreDNS' configuration file. Where CoreDNS runs is in [`super::coredns`].
//!
//! Source of the main block: kubeadm (`cmd/kubeadm/app/phases/addons/dns/manifests.go`).

use kfimg_profiles::cluster::{Cluster, Node};
use std::fmt::Write as _;
use std::net::IpAddr;

/// The most servers that the plug-in `forward` takes (`plugin/forward/setup.go`, `maxUpstreams`).
const MAX_UPSTREAMS: usize = 15;

/// Who answers for names outside the cluster.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Upstream {
    /// These servers.
    Servers(Vec<IpAddr>),
    /// The servers of whatever node the pod runs on.
    OfTheNode,
    /// Nobody: the site has no name servers.
    Nobody,
}

/// The `Corefile` of a cluster.
pub(super) fn corefile(cluster: &Cluster) -> String {
    let domain = &cluster.networking.dns_domain;
    let mut text = match upstream(cluster) {
        Upstream::Servers(servers) => open_world(domain, &joined(&servers)),
        Upstream::OfTheNode => open_world(domain, "/etc/resolv.conf"),
        Upstream::Nobody => closed_world(domain),
    };
    for (stub, servers) in &cluster.dns.stub_domains {
        // Writing to a String does not fail.
        let _ = write!(text, "{}", stub_domain(stub, &joined(servers)));
    }
    text
}

/// CoreDNS may run on every Kubernetes node, and does not start where its `forward` finds no server. So the node's own
/// file is named only if every node has one with servers; otherwise the servers of those that have some.
pub(super) fn upstream(cluster: &Cluster) -> Upstream {
    let given = &cluster.dns.upstream_nameservers;
    if !given.is_empty() {
        return Upstream::Servers(given.clone());
    }
    let nodes = || cluster.nodes.iter().filter(|node| node.is_kubernetes_node());
    let has_servers = |node: &Node| node.network.dhcp || !node.network.nameservers.is_empty();
    if nodes().all(has_servers) {
        return Upstream::OfTheNode;
    }
    let mut servers: Vec<IpAddr> = Vec::new();
    for server in nodes().flat_map(|node| &node.network.nameservers) {
        if !servers.contains(server) && servers.len() < MAX_UPSTREAMS {
            servers.push(*server);
        }
    }
    if servers.is_empty() { Upstream::Nobody } else { Upstream::Servers(servers) }
}

/// As a line of a `Corefile` lists them.
pub(super) fn joined(servers: &[IpAddr]) -> String {
    servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn open_world(domain: &str, servers: &str) -> String {
    format!(
        "\
.:53 {{
    errors
    health {{
        lameduck 5s
    }}
    ready
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    prometheus :9153
    forward . {servers} {{
        max_concurrent 1000
    }}
    cache 30 {{
        disable success {domain}
        disable denial {domain}
    }}
    loop
    reload
    loadbalance
}}
"
    )
}

/// Without a server for other names there is nothing to forward to, and nothing that could loop. Such a name does not
/// exist, and is said not to: the answer "server failure" would make programs try again and again.
fn closed_world(domain: &str) -> String {
    format!(
        "\
{domain}:53 in-addr.arpa:53 ip6.arpa:53 {{
    errors
    health {{
        lameduck 5s
    }}
    ready
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        pods insecure
        ttl 30
    }}
    prometheus :9153
    reload
    loadbalance
}}
.:53 {{
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"
    )
}

fn stub_domain(domain: &str, servers: &str) -> String {
    format!(
        "\
{domain}:53 {{
    errors
    forward . {servers} {{
        max_concurrent 1000
    }}
    cache 30
    loop
    loadbalance
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::corefile;
    use kfimg_profiles::cluster::Cluster;
    use std::net::IpAddr;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// `ha3` whose nodes have these name servers; the etcd role and DHCP are left to the test.
    fn cluster(nameservers: &[&str]) -> Cluster {
        let mut cluster = Cluster::fake();
        for node in &mut cluster.nodes {
            node.network.nameservers = ips(nameservers);
            node.network.dhcp = false;
        }
        cluster
    }

    #[test]
    fn names_outside_the_cluster_go_to_a_server_that_every_node_can_name() {
        type Change = fn(&mut Cluster);
        let cases: [(&str, &[&str], Change, &str); 6] = [
            (
                "given",
                &["10.0.0.1"],
                |c| c.dns.upstream_nameservers = ips(&["10.9.9.9", "fd00::9"]),
                "forward . 10.9.9.9 fd00::9 {",
            ),
            ("of the nodes", &["10.0.0.1"], |_| (), "forward . /etc/resolv.conf {"),
            (
                "by DHCP",
                &[],
                |c| c.nodes.iter_mut().for_each(|n| n.network.dhcp = true),
                "forward . /etc/resolv.conf {",
            ),
            (
                "one node has none",
                &["10.0.0.1", "10.0.0.2"],
                |c| c.nodes[4].network.nameservers.clear(),
                "forward . 10.0.0.1 10.0.0.2 {",
            ),
            ("one node has some", &[], |c| c.nodes[4].network.nameservers = ips(&["10.0.0.7"]), "forward . 10.0.0.7 {"),
            ("nobody has any", &[], |_| (), "rcode NXDOMAIN"),
        ];
        for (name, nameservers, change, expected) in cases {
            let mut cluster = cluster(nameservers);
            change(&mut cluster);
            let text = corefile(&cluster);
            assert!(text.contains(expected), "{name}:\n{text}");
            assert_eq!(text.contains("forward"), name != "nobody has any", "{name}:\n{text}");
        }
    }

    #[test]
    fn a_closed_world_denies_other_names_and_cannot_loop() {
        let mut cluster = cluster(&[]);
        cluster.networking.dns_domain = "kf.test".to_owned();
        let expected = "\
kf.test:53 in-addr.arpa:53 ip6.arpa:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes kf.test in-addr.arpa ip6.arpa {
        pods insecure
        ttl 30
    }
    prometheus :9153
    reload
    loadbalance
}
.:53 {
    errors
    template ANY ANY {
        rcode NXDOMAIN
    }
}
";
        assert_eq!(corefile(&cluster), expected);
    }

    #[test]
    fn stub_domains_are_blocks_of_their_own() {
        let mut cluster = cluster(&["10.0.0.1"]);
        cluster.networking.dns_domain = "kf.test".to_owned();
        cluster.dns.stub_domains =
            [("corp.example".to_owned(), ips(&["10.1.1.1", "10.1.1.2"])), ("b.example".to_owned(), ips(&["fd00::1"]))]
                .into();
        let expected = "\
.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes kf.test in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
        max_concurrent 1000
    }
    cache 30 {
        disable success kf.test
        disable denial kf.test
    }
    loop
    reload
    loadbalance
}
b.example:53 {
    errors
    forward . fd00::1 {
        max_concurrent 1000
    }
    cache 30
    loop
    loadbalance
}
corp.example:53 {
    errors
    forward . 10.1.1.1 10.1.1.2 {
        max_concurrent 1000
    }
    cache 30
    loop
    loadbalance
}
";
        assert_eq!(corefile(&cluster), expected);
    }
}
