//! How a node finds names: systemd-resolved with the servers of its interface, and never those of the internet.
//!
//! Pods with `dnsPolicy: Default`, CoreDNS among them, get the kubelet's `resolvConf`:
//! `/run/systemd/resolve/resolv.conf`, which names the real servers and not the stub on 127.0.0.53. On a node without
//! any name server that file has no `nameserver` line; the pod's then has none either, and CoreDNS would not start with
//! `forward . /etc/resolv.conf` ("no nameservers found"). The addon's configuration minds that.

use super::enable_system_unit;
use crate::content::units::Ini;
use crate::content::{Content, ContentError, Context};
use kfimg_profiles::cluster::NodeNetwork;
use std::fmt::Write as _;

const RESOLVED: &str = "/etc/systemd/resolved.conf.d/10-kfimg.conf";
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Writes resolved's settings and `/etc/resolv.conf`.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let text = Ini::new()
        .section("Resolve")
        .key("FallbackDNS", "")
        // Names of a closed site are not signed, and nothing could be verified without the root's servers.
        .key("DNSSEC", "no")
        .key("LLMNR", "no")
        .key("MulticastDNS", "no")
        .finish(RESOLVED)?;
    content.tree.file(RESOLVED, 0o644, text)?;
    let network = &context.node.network;
    let pods_get_it = context.cluster.kubelet.resolv_conf == RESOLV_CONF;
    if pods_get_it && !network.dhcp {
        return Ok(content.tree.file(RESOLV_CONF, 0o644, servers(network))?);
    }
    // The stub on 127.0.0.53 does not listen in a pod's namespace.
    let target = if pods_get_it { "resolv.conf" } else { "stub-resolv.conf" };
    content.tree.link(RESOLV_CONF, &format!("../run/systemd/resolve/{target}"))?;
    enable_system_unit(content, "systemd-resolved.service", "multi-user.target")
}

/// `resolv.conf(5)`.
fn servers(network: &NodeNetwork) -> String {
    let mut text = String::from("# Written by kfimg from `network.nameservers` and `network.searchDomains`.\n");
    for server in &network.nameservers {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !network.search_domains.is_empty() {
        let _ = writeln!(text, "search {}", network.search_domains.join(" "));
    }
    text
}
