//! Host name, machine-id, hosts file.

use crate::site::{Site, file, text};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::{EndpointMode, Host};

fn complete(cluster: &mut Cluster) {
    cluster.endpoint.name = Some("api.example.com".to_owned());
    if let Some(registry) = &mut cluster.registry {
        registry.address = Some("192.168.49.9".parse().unwrap());
    }
    let names = vec!["ntp.example.com".to_owned(), "ntp".to_owned()];
    cluster.hosts.push(Host { address: "192.168.49.8".parse().unwrap(), names });
}

#[test]
fn the_hosts_file_names_what_must_be_found_without_dns() {
    let tree = Site::with(complete).tree("worker1");
    let expected = "\
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
192.168.49.161 worker1
192.168.49.151 master1
192.168.49.152 master2
192.168.49.153 master3
192.168.49.150 api.example.com
192.168.49.9 reg.local
192.168.49.8 ntp.example.com ntp
";
    assert_eq!(text(&tree, "/etc/hosts"), expected);
    assert_eq!(text(&tree, "/etc/hostname"), "worker1\n");
}

#[test]
fn no_node_names_the_workers() {
    let site = Site::with(|_| {});
    for node in ["master1", "worker2"] {
        assert!(!text(&site.tree(node), "/etc/hosts").contains("worker1"), "{node}");
    }
}

#[test]
fn an_endpoint_without_an_address_is_the_control_plane_or_known_to_dns() {
    for (mode, line) in [(EndpointMode::Node, Some("192.168.49.151 api.example.com")), (EndpointMode::External, None)] {
        let site = Site::with(|cluster| {
            complete(cluster);
            cluster.endpoint.addresses.clear();
            cluster.endpoint.mode = mode;
        });
        let tree = site.tree("worker1");
        let found = text(&tree, "/etc/hosts").lines().find(|line| line.contains("api.example.com"));
        assert_eq!(found, line, "{mode:?}");
    }
}

#[test]
fn a_registry_without_a_name_has_no_line() {
    let site = Site::with(|cluster| {
        complete(cluster);
        cluster.registry.as_mut().unwrap().host = "192.168.49.9".to_owned();
    });
    assert!(!text(&site.tree("worker1"), "/etc/hosts").contains("192.168.49.9"));
}

#[test]
fn machine_ids_differ_by_node_and_are_uuids() {
    let site = Site::with(|_| {});
    let id = |node| text(&site.tree(node), "/etc/machine-id").to_owned();
    let (one, two) = (id("worker1"), id("worker2"));
    assert_ne!(one, two);
    assert_eq!(one, id("worker1"), "the same node has the same id");
    for id in [one, two] {
        let digits: Vec<char> = id.trim_end().chars().collect();
        assert_eq!(digits.len(), 32);
        assert!(digits.iter().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{id}");
        assert!(digits[12] == '4' && "89ab".contains(digits[16]), "{id}");
    }
    assert_eq!(file(&site.tree("worker1"), "/etc/machine-id").mode, 0o444);
}
