//! An example for dnsmasq: addresses for the machines of the inventory, and iPXE for those that boot from the network.
//!
//! Sources: `dnsmasq(8)`; RFC 4578 section 2.1 and IANA's list of processor architectures for option 93.

use super::ipxe::cards;
use kfimg_profiles::cluster::{Cluster, Node, NodeAddress};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

/// What a client's firmware is, by option 93, and the iPXE that it can run.
const FIRMWARE: [(&str, &str, &str); 4] = [
    ("bios", "0", "undionly.kpxe"),
    ("efi64", "7", "ipxe.efi"),
    ("efi64", "9", "ipxe.efi"),
    ("arm64", "11", "ipxe-arm64.efi"),
];

/// `pxe/dnsmasq.conf`.
pub fn dnsmasq(cluster: &Cluster) -> String {
    let mut text = format!(
        "# DHCP and TFTP for the machines of the cluster {}: an example to copy and adapt; check it with `dnsmasq --test`.\n\
         # It knows the inventory's machines by their Ethernet addresses and gives no address to any other one.\n\
         # Where the site has a DHCP server already, put `dhcp-range=<subnet>,proxy` in place of the ranges below and remove\n\
         # every `dhcp-host`: dnsmasq then tells machines only what to boot.\n\
         \n\
         # No DNS.\n\
         port=0\n\
         dhcp-authoritative\n\
         log-dhcp\n",
        cluster.name
    );
    ranges(cluster, &mut text);
    hosts(cluster, &mut text);
    boot(cluster, &mut text);
    text
}

/// The nodes' subnets of IPv4, each with a router of a node in it.
fn subnets(cluster: &Cluster) -> BTreeMap<(Ipv4Addr, Ipv4Addr), Option<IpAddr>> {
    let mut subnets = BTreeMap::new();
    for node in &cluster.nodes {
        for subnet in node.addresses.iter().map(|address| address.subnet()) {
            let ipnet::IpNet::V4(subnet) = subnet else { continue };
            let router = node.network.gateways.iter().copied().find(|router| ipnet::IpNet::V4(subnet).contains(router));
            subnets.entry((subnet.network(), subnet.netmask())).or_insert(router);
        }
    }
    subnets
}

fn ranges(cluster: &Cluster, text: &mut String) {
    let subnets = subnets(cluster);
    for (index, ((network, mask), router)) in subnets.iter().enumerate() {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "\ndhcp-range=set:subnet{index},{network},static,{mask},12h");
        if let Some(router) = router {
            let _ = writeln!(text, "dhcp-option=tag:subnet{index},option:router,{router}");
        }
    }
    if subnets.is_empty() {
        text.push_str("\n# The machines have IPv6 addresses only: let routers announce the subnet, and iPXE finds the script by this.\n");
    }
}

fn hosts(cluster: &Cluster, text: &mut String) {
    text.push('\n');
    for node in &cluster.nodes {
        match (host(node), node.addresses.iter().find(|address| address.ip.is_ipv4())) {
            (Some(cards), Some(NodeAddress { ip, .. })) => {
                let _ = writeln!(text, "dhcp-host={cards},{ip},{}", node.name);
            }
            (None, Some(_)) => {
                let _ = writeln!(text, "# {} has no `mac` in the description: no address for it.", node.name);
            }
            _ => {}
        }
    }
}

/// The machine's cards, of which one at a time asks.
fn host(node: &Node) -> Option<String> {
    let cards: Vec<String> = cards(node).collect();
    (!cards.is_empty()).then(|| cards.join(","))
}

fn boot(cluster: &Cluster, text: &mut String) {
    text.push_str("\nenable-tftp\ntftp-root=/var/lib/tftpboot\n");
    for (firmware, number, _) in FIRMWARE {
        let _ = writeln!(text, "dhcp-match=set:{firmware},option:client-arch,{number}");
    }
    text.push_str("dhcp-userclass=set:ipxe,iPXE\n");
    let mut firmwares: Vec<(&str, &str)> = FIRMWARE.map(|(firmware, _, loader)| (firmware, loader)).to_vec();
    firmwares.dedup();
    for (firmware, loader) in firmwares {
        let _ = writeln!(text, "dhcp-boot=tag:!ipxe,tag:{firmware},{loader}");
    }
    match &cluster.delivery.boot_server {
        Some(url) => {
            let _ = writeln!(
                text,
                "dhcp-boot=tag:ipxe,{url}/pxe/boot.ipxe\ndhcp-option=option6:bootfile-url,{url}/pxe/boot.ipxe"
            );
        }
        None => text.push_str(
            "# The description names no `delivery.bootServer`: put the web server that holds the output in its place.\n\
             dhcp-boot=tag:ipxe,http://boot.example/pxe/boot.ipxe\n",
        ),
    }
}
