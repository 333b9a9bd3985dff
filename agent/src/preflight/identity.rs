//! Is this the machine that the payload was rendered for?
//!
//! Whether another machine has the same address is asked in `neighbour`.

use super::Findings;
use super::codes::{HOSTNAME, MACHINE_ID, WRONG_MACHINE};
use crate::plan::Node;
use crate::root::Root;
use crate::step::StepLog;
use crate::texts;
use crate::wait::{Backoff, Deadline};
use std::collections::BTreeSet;
use std::time::Duration;

/// What the drivers of network cards get to find their cards.
const CARDS: Duration = Duration::from_secs(10);

/// The machine has all the Ethernet addresses that the plan names.
pub(super) fn check_macs(root: &Root, node: &Node, log: &mut StepLog, findings: &mut Findings) {
    let deadline = Deadline::after(CARDS);
    let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
    loop {
        let own = own_macs(root);
        let missing: Vec<&str> =
            node.macs.iter().filter(|mac| !own.contains(&mac.to_ascii_lowercase())).map(String::as_str).collect();
        if missing.is_empty() {
            return;
        }
        if deadline.over() {
            let has = if own.is_empty() { "none".to_owned() } else { Vec::from_iter(own).join(", ") };
            let message = format!("the payload of {} is for {}; this machine has {has}", node.name, missing.join(", "));
            return findings.add(&WRONG_MACHINE, message);
        }
        log.waiting(&texts::preflight::card(missing.join(", ")));
        backoff.pause(deadline);
    }
}

/// Ethernet addresses of the machine, lower case. A card in a bond bears the bond's address; its own is beside it.
pub(crate) fn own_macs(root: &Root) -> BTreeSet<String> {
    let Ok(interfaces) = fs_err::read_dir(root.at("/sys/class/net")) else { return BTreeSet::new() };
    let files = interfaces
        .flatten()
        .flat_map(|interface| [interface.path().join("address"), interface.path().join("bonding_slave/perm_hwaddr")]);
    let addresses = files.filter_map(|file| std::fs::read_to_string(file).ok());
    let addresses = addresses.map(|address| address.trim().to_ascii_lowercase());
    addresses.filter(|address| address.len() == 17 && address != "00:00:00:00:00:00").collect()
}

/// The machine bears the node's name and machine-id.
pub(super) fn check_names(root: &Root, node: &Node, findings: &mut Findings) {
    for (file, should, code) in
        [("/proc/sys/kernel/hostname", &node.name, &HOSTNAME), ("/etc/machine-id", &node.machine_id, &MACHINE_ID)]
    {
        match fs_err::read_to_string(root.at(file)) {
            Ok(is) if is.trim() == should.as_str() => {}
            Ok(is) => findings.add(code, format!("{file} says {:?}, the plan {should:?}", is.trim())),
            Err(error) => findings.add(code, error.to_string()),
        }
    }
}
