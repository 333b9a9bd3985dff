//! The interface that carries the node's address (`systemd.network(5)`): static, or by DHCP and router advertisements.

use super::match_interface;
use crate::content::units::Ini;
use kfimg_profiles::cluster::{Node, NodeNetwork};
use std::fmt::Display;
use std::net::IpAddr;

/// The `.network` file.
pub(super) fn text(node: &Node) -> Ini {
    let families = Families::of(node);
    let network = &node.network;
    let text = match network.vlan {
        Some(_) => Ini::new().section("Match").key("Name", network.address_interface()),
        None => match_interface(Ini::new(), node),
    };
    let text = text
        .section("Link")
        .optional("MTUBytes", network.mtu)
        .key("RequiredForOnline", "routable")
        .key("RequiredFamilyForOnline", families.name("ipv4", "ipv6", "both"));
    let text = if network.dhcp { dynamic(text, node, families) } else { static_addresses(text, node, families) };
    gateways(text, node)
}

/// Which families the node's addresses are of.
#[derive(Clone, Copy)]
struct Families {
    ipv4: bool,
    ipv6: bool,
}

impl Families {
    fn of(node: &Node) -> Self {
        Self { ipv4: node.ips().any(|ip| ip.is_ipv4()), ipv6: node.ips().any(|ip| ip.is_ipv6()) }
    }

    fn name(self, ipv4: &'static str, ipv6: &'static str, both: &'static str) -> &'static str {
        match (self.ipv4, self.ipv6) {
            (true, true) => both,
            (false, true) => ipv6,
            _ => ipv4,
        }
    }
}

fn static_addresses(text: Ini, node: &Node, families: Families) -> Ini {
    let network = &node.network;
    // A static IPv6 node without a router takes the routes, and nothing else, from those that announce themselves.
    let asks_routers = families.ipv6 && !network.gateways.iter().any(IpAddr::is_ipv6);
    let text = text.section("Network").keys("Address", &node.addresses);
    let text = common(text, network, families)
        // keepalived's address outlasts a restart of networkd or a pulled cable.
        .key("KeepConfiguration", "static")
        .key("IPv6AcceptRA", yes(asks_routers));
    if !asks_routers {
        return text;
    }
    text.section("IPv6AcceptRA")
        .key("UseAutonomousPrefix", "no")
        .key("DHCPv6Client", "no")
        .key("UseDNS", yes(network.nameservers.is_empty()))
}

/// The server hands out the node's own address, always; so a lease is kept when the server is away. Time servers and
/// the host name are the description's.
fn dynamic(text: Ini, node: &Node, families: Families) -> Ini {
    let network = &node.network;
    let use_dns = yes(network.nameservers.is_empty());
    let text = text.section("Network").key("DHCP", families.name("ipv4", "ipv6", "yes"));
    let mut text =
        common(text, network, families).key("KeepConfiguration", "yes").key("IPv6AcceptRA", yes(families.ipv6));
    if families.ipv4 {
        // Servers know a machine by its MAC, also while another system boots on it.
        text = text.section("DHCPv4").key("ClientIdentifier", "mac").key("UseHostname", "no");
        text = text.key("UseNTP", "no").key("UseDNS", use_dns);
    }
    if families.ipv6 {
        text = text.section("DHCPv6").key("UseHostname", "no").key("UseNTP", "no").key("UseDNS", use_dns);
        text = text.section("IPv6AcceptRA").key("UseDNS", use_dns);
    }
    text
}

fn common(text: Ini, network: &NodeNetwork, families: Families) -> Ini {
    let domains = (!network.search_domains.is_empty()).then(|| network.search_domains.join(" "));
    text.keys("DNS", &network.nameservers)
        .optional("Domains", domains)
        .key("LinkLocalAddressing", families.name("no", "ipv6", "ipv6"))
        .optional("IPv6PrivacyExtensions", families.ipv6.then_some("no"))
        .key("LLMNR", "no")
        .key("MulticastDNS", "no")
}

/// A router outside the node's subnets is reached directly: the usual case is an IPv6 link-local address.
fn gateways(text: Ini, node: &Node) -> Ini {
    node.network.gateways.iter().fold(text, |text, gateway| {
        let in_subnet = node.addresses.iter().any(|address| address.subnet().contains(gateway));
        text.section("Route").key("Gateway", gateway).optional("GatewayOnLink", (!in_subnet).then_some("yes"))
    })
}

fn yes(yes: bool) -> impl Display + Copy {
    if yes { "yes" } else { "no" }
}
