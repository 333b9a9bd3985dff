//! Does another machine answer for this node's addresses? Then two machines boot one payload: same name, same machine-id,
//! two members of etcd with one name.
//!
//! IPv6 has duplicate address detection of its own (RFC 4862), whose result is read; for IPv4 the network is asked.

use super::Findings;
use super::arp::Arp;
use super::codes::{ADDRESS_MISSING, ADDRESS_TAKEN};
use super::netlink::{Netlink, Own};
use crate::plan::Node;
use crate::root::Root;
use crate::wait::{Backoff, Deadline};
use std::net::IpAddr;
use std::time::Duration;

/// Bounds of the two waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// What the network gets to give this node its addresses. Nothing else of this step takes so long.
    pub(super) link: Duration,
    /// A machine that just took this one's place in a switch's memory may still be answered for.
    pub(super) answer: Duration,
}

/// What a boot takes.
const PATIENCE: Patience = Patience { link: Duration::from_secs(15), answer: Duration::from_secs(30) };

/// Asks for each of the node's addresses.
pub(super) fn check(root: &Root, node: &Node) -> Findings {
    let mut findings = Findings::default();
    // A node that lies below a folder has no network.
    if root.is_machine()
        && let Err(error) = ask(root, node, PATIENCE, &mut findings)
    {
        findings.add(&ADDRESS_MISSING, format!("neither the kernel nor the network can be asked for them: {error}"));
    }
    findings
}

/// Waits for the addresses, and asks the network for those that are there.
pub(super) fn ask(root: &Root, node: &Node, patience: Patience, findings: &mut Findings) -> std::io::Result<()> {
    let netlink = Netlink::open()?;
    let (found, missing) = wait(root, &netlink, node, patience.link)?;
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        findings.add(&ADDRESS_MISSING, format!("{} after {} s", missing.join(", "), patience.link.as_secs()));
    }
    let (arp, deadline) = (Arp::open()?, Deadline::after(patience.answer));
    for own in found {
        if let Some(other) = other(&arp, own, deadline)? {
            findings.add(&ADDRESS_TAKEN, format!("{other} answers for {}, which is {}'s", own.address, node.name));
        }
    }
    Ok(())
}

/// The node's addresses on interfaces with a link, and those that are on none.
fn wait(root: &Root, netlink: &Netlink, node: &Node, time: Duration) -> std::io::Result<(Vec<Own>, Vec<IpAddr>)> {
    let deadline = Deadline::after(time);
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));
    loop {
        let mut found = netlink.addresses()?;
        found.retain(|own| node.addresses.contains(&own.address) && has_link(root, own.interface));
        let is_missing = |address: &&IpAddr| found.iter().all(|own| own.address != **address);
        let missing: Vec<IpAddr> = node.addresses.iter().filter(is_missing).copied().collect();
        if missing.is_empty() || deadline.over() {
            return Ok((found, missing));
        }
        backoff.pause(deadline);
    }
}

/// Whether something is at the other end. An interface that can't tell has it.
fn has_link(root: &Root, interface: u32) -> bool {
    let interfaces = std::fs::read_dir(root.at("/sys/class/net")).into_iter().flatten().flatten();
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    interfaces.map(|entry| entry.path()).any(|folder| {
        read(folder.join("ifindex")).trim() == interface.to_string() && read(folder.join("carrier")).trim() != "0"
    })
}

/// Who answers for an address, as long as somebody does.
fn other(arp: &Arp, own: Own, deadline: Deadline) -> std::io::Result<Option<String>> {
    let IpAddr::V4(address) = own.address else {
        return Ok(own.duplicate.then(|| "another machine".to_owned()));
    };
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
    loop {
        let Some(mac) = arp.other(own.interface, address)? else { return Ok(None) };
        if deadline.over() {
            return Ok(Some(mac.map(|byte| format!("{byte:02x}")).join(":")));
        }
        backoff.pause(deadline);
    }
}
