//! Files of systemd-networkd and systemd-resolved.

use crate::site::{Site, text};
use crate::{is_wanted, link};
use kfimg_ignition::tree::NodeTree;
use kfimg_profiles::cluster::{Node, NodeAddress};
use kfimg_profiles::description::{Bond, BondMode};

/// The tree of a worker after a change of all nodes.
fn tree(change: impl Fn(&mut Node)) -> NodeTree {
    Site::with(|cluster| cluster.nodes.iter_mut().for_each(&change)).tree("worker1")
}

fn file<'a>(tree: &'a NodeTree, name: &str) -> &'a str {
    text(tree, &format!("/etc/systemd/network/{name}"))
}

fn addresses(node: &mut Node, addresses: &[&str]) {
    let address = |text: &&str| {
        let (ip, prefix) = text.split_once('/').unwrap();
        NodeAddress { ip: ip.parse().unwrap(), prefix: prefix.parse().unwrap() }
    };
    node.addresses = addresses.iter().map(address).collect();
    node.network.gateways.clear();
}

fn with_mac(node: &mut Node) {
    node.mac = Some("52:54:00:00:00:01".parse().unwrap());
}

#[test]
fn a_static_ipv4_address() {
    let tree = tree(|node| {
        addresses(node, &["192.168.49.161/24"]);
        node.network.gateways = vec!["192.168.49.1".parse().unwrap()];
        node.network.nameservers = vec!["192.168.49.2".parse().unwrap(), "192.168.49.3".parse().unwrap()];
        node.network.search_domains = vec!["example.com".to_owned(), "example.org".to_owned()];
        node.network.mtu = Some(9000);
    });
    let expected = "\
[Match]
Name=eth0

[Link]
MTUBytes=9000
RequiredForOnline=routable
RequiredFamilyForOnline=ipv4

[Network]
Address=192.168.49.161/24
DNS=192.168.49.2
DNS=192.168.49.3
Domains=example.com example.org
LinkLocalAddressing=no
LLMNR=no
MulticastDNS=no
KeepConfiguration=static
IPv6AcceptRA=no

[Route]
Gateway=192.168.49.1
";
    assert_eq!(file(&tree, "05-kfimg-eth0.network"), expected);
}

#[test]
fn a_static_ipv6_address_with_a_link_local_router() {
    let tree = tree(|node| {
        addresses(node, &["fd00:49::161/64"]);
        node.network.gateways = vec!["fe80::1".parse().unwrap()];
    });
    let expected = "\
[Match]
Name=eth0

[Link]
RequiredForOnline=routable
RequiredFamilyForOnline=ipv6

[Network]
Address=fd00:49::161/64
LinkLocalAddressing=ipv6
IPv6PrivacyExtensions=no
LLMNR=no
MulticastDNS=no
KeepConfiguration=static
IPv6AcceptRA=no

[Route]
Gateway=fe80::1
GatewayOnLink=yes
";
    assert_eq!(file(&tree, "05-kfimg-eth0.network"), expected);
}

#[test]
fn two_static_families_take_only_routes_from_routers() {
    let tree = tree(|node| addresses(node, &["192.168.49.161/24", "fd00:49::161/64"]));
    let expected = "\
[Match]
Name=eth0

[Link]
RequiredForOnline=routable
RequiredFamilyForOnline=both

[Network]
Address=192.168.49.161/24
Address=fd00:49::161/64
LinkLocalAddressing=ipv6
IPv6PrivacyExtensions=no
LLMNR=no
MulticastDNS=no
KeepConfiguration=static
IPv6AcceptRA=yes

[IPv6AcceptRA]
UseAutonomousPrefix=no
DHCPv6Client=no
UseDNS=yes
";
    assert_eq!(file(&tree, "05-kfimg-eth0.network"), expected);
}

#[test]
fn both_families_by_dhcp() {
    let tree = tree(|node| {
        addresses(node, &["192.168.49.161/24", "fd00:49::161/64"]);
        node.network.dhcp = true;
        node.network.nameservers = vec!["192.168.49.2".parse().unwrap()];
    });
    let expected = "\
[Match]
Name=eth0

[Link]
RequiredForOnline=routable
RequiredFamilyForOnline=both

[Network]
DHCP=yes
DNS=192.168.49.2
LinkLocalAddressing=ipv6
IPv6PrivacyExtensions=no
LLMNR=no
MulticastDNS=no
KeepConfiguration=yes
IPv6AcceptRA=yes

[DHCPv4]
ClientIdentifier=mac
UseHostname=no
UseNTP=no
UseDNS=no

[DHCPv6]
UseHostname=no
UseNTP=no
UseDNS=no

[IPv6AcceptRA]
UseDNS=no
";
    assert_eq!(file(&tree, "05-kfimg-eth0.network"), expected);
}

#[test]
fn a_card_is_found_by_its_mac_and_renamed() {
    let tree = tree(|node| {
        with_mac(node);
        node.network.interface = "lan0".to_owned();
    });
    let expected = "\
[Match]
MACAddress=52:54:00:00:00:01
Type=ether

[Link]
Name=lan0
AlternativeNamesPolicy=database onboard slot path mac
";
    assert_eq!(file(&tree, "05-kfimg-lan0.link"), expected);
    assert!(file(&tree, "05-kfimg-lan0.network").starts_with("[Match]\nMACAddress=52:54:00:00:00:01\nType=ether\n"));
}

#[test]
fn a_vlan_carries_the_address_and_its_card_none() {
    let tree = tree(|node| {
        with_mac(node);
        node.network.vlan = Some(42);
        node.network.mtu = Some(1400);
    });
    let card = "\
[Match]
MACAddress=52:54:00:00:00:01
Type=ether

[Link]
MTUBytes=1400
RequiredForOnline=no

[Network]
VLAN=eth0.42
LinkLocalAddressing=no
IPv6AcceptRA=no
";
    assert_eq!(file(&tree, "05-kfimg-eth0.network"), card);
    let device = "[NetDev]\nName=eth0.42\nKind=vlan\nMTUBytes=1400\n\n[VLAN]\nId=42\n";
    assert_eq!(file(&tree, "05-kfimg-eth0.42.netdev"), device);
    let vlan = file(&tree, "05-kfimg-eth0.42.network");
    assert!(vlan.starts_with("[Match]\nName=eth0.42\n") && vlan.contains("\nAddress=192.168.49.161/24\n"), "{vlan}");
}

#[test]
fn a_bond_takes_its_cards_by_mac_and_by_name() {
    let tree = tree(|node| {
        node.network.interface = "bond0".to_owned();
        let macs = ["52:54:00:00:00:01", "52:54:00:00:00:02"].map(|mac| mac.parse().unwrap()).to_vec();
        node.network.bond = Some(Bond { interfaces: vec!["enp3s0".to_owned()], macs, mode: BondMode::Lacp });
    });
    let device = "\
[NetDev]
Name=bond0
Kind=bond
MACAddress=52:54:00:00:00:01

[Bond]
Mode=802.3ad
MIIMonitorSec=100ms
TransmitHashPolicy=layer3+4
";
    assert_eq!(file(&tree, "05-kfimg-bond0.netdev"), device);
    let member = "\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nBond=bond0\n";
    let by_mac = format!("[Match]\nPermanentMACAddress=52:54:00:00:00:01 52:54:00:00:00:02\nType=ether{member}");
    assert_eq!(file(&tree, "05-kfimg-bond0-macs.network"), by_mac);
    assert_eq!(file(&tree, "05-kfimg-bond0-names.network"), format!("[Match]\nName=enp3s0{member}"));
    assert!(file(&tree, "05-kfimg-bond0.network").starts_with("[Match]\nName=bond0\n"));
    assert!(tree.get("/etc/systemd/network/05-kfimg-bond0.link").is_none());
}

#[test]
fn interfaces_of_pods_keep_their_name_and_mac() {
    let tree = tree(|_| {});
    for (name, setting) in [("04-kfimg-pods.network", "Unmanaged=yes"), ("04-kfimg-pods.link", "MACAddressPolicy=none")]
    {
        let text = file(&tree, name);
        assert!(text.ends_with(&format!("\n{setting}\n")) && text.contains("cni* flannel* veth*"), "{text}");
    }
    let settings = text(&tree, "/etc/systemd/networkd.conf.d/10-kfimg.conf");
    assert_eq!(settings, "[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n");
}

#[test]
fn a_boot_waits_for_the_nodes_own_interface_alone() {
    let tree = tree(|node| node.network.vlan = Some(42));
    let unit = "systemd-networkd-wait-online.service";
    let text = text(&tree, &format!("/etc/systemd/system/{unit}.d/10-kfimg.conf"));
    assert!(text.starts_with("[Service]\nExecStart=\nExecStart=/usr/lib/systemd/"), "{text}");
    assert!(text.contains("--interface=eth0.42 ") && text.contains("--timeout=60"), "{text}");
    assert!(is_wanted(&tree, unit, "network-online.target"));
    assert!(is_wanted(&tree, "systemd-networkd.service", "multi-user.target"));
}

#[test]
fn no_resolver_falls_back_to_the_internet() {
    let tree = tree(|_| {});
    assert!(text(&tree, "/etc/systemd/resolved.conf.d/10-kfimg.conf").contains("\nFallbackDNS=\n"));
    assert_eq!(link(&tree, "/etc/resolv.conf"), "../run/systemd/resolve/stub-resolv.conf");
}

#[test]
fn a_resolver_file_that_pods_get_never_names_the_stub() {
    let site = |dhcp| {
        Site::with(move |cluster| {
            cluster.kubelet.resolv_conf = "/etc/resolv.conf".to_owned();
            let network = &mut cluster.nodes[3].network;
            network.dhcp = dhcp;
            network.nameservers = vec!["192.168.49.2".parse().unwrap()];
            network.search_domains = vec!["example.com".to_owned()];
        })
    };
    let tree = site(false).tree("worker1");
    assert!(text(&tree, "/etc/resolv.conf").ends_with("\nnameserver 192.168.49.2\nsearch example.com\n"));
    assert_eq!(link(&site(true).tree("worker1"), "/etc/resolv.conf"), "../run/systemd/resolve/resolv.conf");
}
