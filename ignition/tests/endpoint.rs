//! How the API is reached: haproxy and keepalived in both families, each judged by the program itself.

#![allow(clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "each test takes a part of it")]
mod site;

use site::Site;
use std::net::IpAddr;
use std::process::Command;

const HAPROXY: &str = "/etc/kubernetes/haproxy/haproxy.cfg";
const KEEPALIVED: &str = "/etc/kubernetes/keepalived/keepalived.conf";

fn variants() -> Vec<(&'static str, Site)> {
    vec![
        ("IPv4", Site::with(|_| {})),
        ("IPv6", Site::with(|cluster| site::ipv6(cluster, false))),
        ("both", Site::with(|cluster| site::ipv6(cluster, true))),
        (
            "one control plane",
            Site::with(|cluster| cluster.nodes.retain(|node| node.name != "master2" && node.name != "master3")),
        ),
    ]
}

/// Runs a Debian program on the text, in a folder that `prepare` fills.
fn accepts(program: &str, arguments: &[&str], text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("configuration");
    std::fs::write(&path, text).unwrap();
    let output = Command::new(program).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").args(arguments).arg(&path).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is needed (apt-get install {program}): {error}"));
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn haproxy_accepts_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.crt");
    for (_, site) in variants() {
        for node in ["master1", "worker1"] {
            let tree = site.tree(node);
            std::fs::write(&ca, site::text(&tree, "/etc/kubernetes/pki/ca.crt")).unwrap();
            let text = site::text(&tree, HAPROXY);
            accepts("haproxy", &["-c", "-f"], &text.replace("/etc/kubernetes/pki/ca.crt", ca.to_str().unwrap()));
        }
    }
}

#[test]
fn keepalived_accepts_its_configuration() {
    let interfaces = std::fs::read_dir("/sys/class/net").unwrap();
    let mut names = interfaces.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let interface = names.find(|name| name != "lo").expect("keepalived looks for an interface other than loopback");
    for (_, site) in variants() {
        let tree = site.tree("master1");
        let text = site::text(&tree, KEEPALIVED);
        // The agent and the interface are the node's.
        let text = text.replace("/usr/bin/kfimg-agent", "/usr/bin/true");
        accepts("keepalived", &["-t", "-f"], &text.replace("interface eth0", &format!("interface {interface}")));
    }
}

#[test]
fn haproxy_listens_where_clients_of_each_family_ask() {
    let table: [(&str, &[&str], &[&str]); 4] = [
        ("IPv4", &["127.0.0.1:6443", "192.168.49.150:6443"], &["127.0.0.1:6443"]),
        ("IPv6", &["127.0.0.1:6443", "[::1]:6443", "[fd00:49::150]:6443"], &["127.0.0.1:6443", "[::1]:6443"]),
        (
            "both",
            &["127.0.0.1:6443", "[::1]:6443", "192.168.49.150:6443", "[fd00:49::150]:6443"],
            &["127.0.0.1:6443", "[::1]:6443"],
        ),
        ("one control plane", &["127.0.0.1:6443", "192.168.49.150:6443"], &["127.0.0.1:6443"]),
    ];
    for ((name, site), (_, master, worker)) in variants().iter().zip(table) {
        for (node, expected) in [("master1", master), ("worker1", worker)] {
            let tree = site.tree(node);
            let text = site::text(&tree, HAPROXY);
            let binds = text.lines().filter_map(|line| line.trim().strip_prefix("bind "));
            let binds: Vec<&str> = binds.filter(|bind| bind.ends_with(":6443")).collect();
            assert_eq!(binds, expected, "{name}: {node}");
        }
    }
}

#[test]
fn keepaliveds_have_distinct_priorities_and_never_an_empty_list_of_peers() {
    for (name, site) in variants() {
        let mut priorities = Vec::new();
        for node in site.cluster.control_planes() {
            let tree = site.tree(&node.name);
            let text = site::text(&tree, KEEPALIVED);
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let values = |key: &str| {
                lines.iter().filter_map(|line| line.strip_prefix(key)?.parse::<u8>().ok()).collect::<Vec<_>>()
            };
            priorities.extend(values("priority ").first().copied());
            assert_eq!(values("virtual_router_id ").len(), site.cluster.endpoint.addresses.len(), "{name}");
            for (index, _) in lines.iter().enumerate().filter(|(_, line)| **line == "unicast_peer {") {
                let peer: IpAddr = lines[index + 1].parse().unwrap();
                assert!(node.ips().all(|own| own != peer), "{name}");
            }
            assert!(!lines.iter().any(|line| line.starts_with("use_vmac") || line.starts_with("weight ")), "{name}");
        }
        let count = priorities.len();
        priorities.sort_unstable();
        priorities.dedup();
        assert_eq!(priorities.len(), count, "{name}");
    }
}
