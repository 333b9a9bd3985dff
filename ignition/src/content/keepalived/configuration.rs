//! The text of `keepalived.conf`.

use crate::content::Context;
use kfimg_profiles::cluster::Node;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Priority of the first control plane; each further one has one more. They decide who begins, and who goes on when two
/// announce themselves: while control planes are added or removed, some have lists of peers in which others are missing. Who is
/// not told of the holder takes the address; the holder hears of it from everybody, and yields to whoever stands later in the list.
const FIRST_PRIORITY: usize = 100;
/// The greatest priority of VRRP's that does not mean the owner of the address (RFC 5798, section 5.2.4).
const LAST_PRIORITY: usize = 254;

/// Seconds between two announcements of the holder. The others take the address when three of them, and up to one more, did not come
/// (RFC 5798, section 6.1): after 2.5 s, which leaves as much again of the 5 s in which the API is to answer. Shorter ones would let it wander
/// on nodes that are busy.
const ADVERTISEMENT: &str = "0.7";

/// The whole file. Three successes in a row, because haproxy takes every server for alive until it has asked it. `check` is the command that says whether haproxy of this node has an API server.
pub(super) fn text(context: &Context<'_>, check: &str) -> String {
    let mut text = format!(
        "\
# Written by kfimg for this node. A change here lasts until the next boot.
global_defs {{
    router_id {name}
    script_user root
    enable_script_security
    max_auto_priority -1
    vrrp_version 3
    vrrp_garp_master_delay 1
    vrrp_garp_master_repeat 3
    vrrp_garp_master_refresh 60
}}

# No weight: who has no API server gives the address away at once, whatever the priorities are. A weight would only lower
# a priority, and with `nopreempt` no other node takes an address from a holder that still announces itself.
vrrp_script api {{
    script \"{check}\"
    interval 1
    timeout 2
    rise 3
    fall 2
    init_fail
}}
",
        name = context.node.name,
    );
    for address in &context.cluster.endpoint.addresses {
        text.push_str(&instance(context, *address));
    }
    text
}

/// One VRRP instance for one address; two of different families may share the router id.
fn instance(context: &Context<'_>, address: IpAddr) -> String {
    let (cluster, node) = (context.cluster, context.node);
    let rank = cluster.control_planes().position(|other| other.name == node.name).unwrap_or_default();
    let peers: String = peers(context, address).iter().map(|peer| format!("        {peer}\n")).collect();
    let (family, prefix) = if address.is_ipv4() { ("ipv4", 32) } else { ("ipv6", 128) };
    let mut text = String::new();
    let _ = write!(
        text,
        "
vrrp_instance {family} {{
    state BACKUP
    nopreempt
    interface {interface}
    virtual_router_id {id}
    priority {priority}
    advert_int {ADVERTISEMENT}
    unicast_src_ip {own}
    unicast_peer {{
{peers}    }}
    unicast_fault_no_peer
    virtual_ipaddress {{
        {address}/{prefix}
    }}
    track_script {{
        api
    }}
}}
",
        interface = node.network.address_interface(),
        id = cluster.endpoint.virtual_router_id,
        priority = FIRST_PRIORITY.saturating_add(rank).min(LAST_PRIORITY),
        own = address_like(node, address),
    );
    text
}

/// The other control planes. A single one has none, and keepalived then would stay down or fall back to multicast; so it
/// announces itself to its own loopback address.
fn peers(context: &Context<'_>, address: IpAddr) -> Vec<IpAddr> {
    let others = context.cluster.control_planes().filter(|other| other.name != context.node.name);
    let peers: Vec<IpAddr> = others.map(|peer| address_like(peer, address)).collect();
    let loopback = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    if peers.is_empty() { vec![loopback] } else { peers }
}

/// The node's address of the same family; a checked cluster has one.
fn address_like(node: &Node, address: IpAddr) -> IpAddr {
    node.ips().find(|ip| ip.is_ipv4() == address.is_ipv4()).unwrap_or_else(|| node.ip())
}
