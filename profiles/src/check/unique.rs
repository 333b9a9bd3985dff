//! What must differ between machines: names, addresses, Ethernet addresses, UUIDs, serial numbers.

use std::collections::BTreeMap;

use super::{Machine, Subject};
use crate::document::Path;
use crate::problem::Report;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    type Values = fn(&Machine<'_>) -> Vec<(String, Path)>;
    let kinds: [(&str, &str, Values); 5] = [
        ("duplicate-name", "name", |machine| one(machine.node.name.clone(), &machine.at("name"))),
        ("duplicate-address", "address", addresses),
        ("duplicate-mac", "Ethernet address", macs),
        ("duplicate-uuid", "UUID", |machine| {
            one(machine.node.uuid.as_ref().map(|uuid| uuid.to_ascii_lowercase()), &machine.at("uuid"))
        }),
        ("duplicate-serial", "serial number", |machine| one(machine.node.serial.clone(), &machine.at("serial"))),
    ];
    for (code, what, values) in kinds {
        let mut seen: BTreeMap<String, (&Machine<'_>, Path)> = BTreeMap::new();
        for machine in &subject.machines {
            for (value, path) in values(machine) {
                if let Some((first, first_path)) = seen.get(&value) {
                    let owner = if code == "duplicate-name" { "another node".to_owned() } else { first.shown() };
                    report
                        .error(code, path, format!("the {what} `{value}` belongs to {owner} already"))
                        .note(first_path, "first given here")
                        .help(format!("give each machine its own {what}"));
                } else {
                    seen.insert(value, (machine, path));
                }
            }
        }
    }
}

fn one(value: Option<String>, path: &Path) -> Vec<(String, Path)> {
    value.into_iter().map(|value| (value, path.clone())).collect()
}

fn addresses(machine: &Machine<'_>) -> Vec<(String, Path)> {
    let addresses = machine.node.address.iter().flat_map(|addresses| addresses.get());
    addresses.map(|address| (address.ip.to_string(), machine.at("address"))).collect()
}

/// The node's own card and those of its own bond; a card of the bond may be the one that is named at the node.
fn macs(machine: &Machine<'_>) -> Vec<(String, Path)> {
    let bond = machine.own.network.bond.as_ref().map(|bond| bond.macs.as_slice()).unwrap_or_default();
    let card = machine.node.mac.filter(|mac| !bond.contains(mac));
    let members = bond.iter().enumerate();
    let path = machine.at("network.bond.macs");
    let members = members.map(|(index, mac)| (mac.to_string(), path.index(index)));
    one(card.map(|mac| mac.to_string()), &machine.at("mac")).into_iter().chain(members).collect()
}
