//! Names of machines, domains and hosts.

use super::{Machine, Subject, at, syntax};
use crate::document::Path;
use crate::problem::Report;

/// The longest host name that Linux keeps (`HOST_NAME_MAX`).
const LONGEST_HOST_NAME: usize = 64;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    for machine in &subject.machines {
        node_name(machine, report);
        identifiers(machine, report);
    }
    if let Some(domain) = &subject.description.networking.dns_domain {
        dns_name(at("networking.dnsDomain"), "the DNS domain of the cluster", domain, report);
    }
    for (path, node) in subject.parts() {
        for (index, domain) in node.network.search_domains.iter().enumerate() {
            let setting = path.key("network").key("searchDomains").index(index);
            dns_name(setting, "the search domain", domain, report);
        }
    }
    hosts(subject, report);
}

fn node_name(machine: &Machine<'_>, report: &mut Report) {
    let Some(name) = &machine.node.name else { return };
    let wrong = syntax::subdomain(name).or_else(|| {
        (name.len() > LONGEST_HOST_NAME)
            .then(|| format!("has {} characters; a host name has at most {LONGEST_HOST_NAME}", name.len()))
    });
    if let Some(wrong) = wrong {
        let suggestion = name.to_ascii_lowercase().replace('_', "-");
        let help = match syntax::subdomain(&suggestion) {
            None if suggestion.len() <= LONGEST_HOST_NAME => format!("write `{suggestion}`"),
            _ => "use lower-case letters, digits and `-`, with dots between parts".to_owned(),
        };
        report.error("invalid-name", machine.at("name"), format!("the node's name {wrong}")).help(help);
    } else if matches!(name.as_str(), "localhost" | "kubernetes") || syntax::is_ip(name) {
        report
            .error(
                "invalid-name",
                machine.at("name"),
                format!("`{name}` cannot be the name of a machine: it means something else"),
            )
            .help("write another name");
    }
}

fn identifiers(machine: &Machine<'_>, report: &mut Report) {
    if let Some(uuid) = &machine.node.uuid {
        let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
        if parts != [8, 4, 4, 4, 12] || !uuid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            report
                .error("invalid-uuid", machine.at("uuid"), format!("`{uuid}` is no UUID"))
                .help("write it as `dmidecode -s system-uuid` does: 4c4c4544-0047-3510-8052-b4c04f4d3732");
        }
    }
    if let Some(serial) = &machine.node.serial {
        let is_plain = serial.chars().all(|c| c.is_ascii_graphic() || c == ' ') && !serial.contains('/');
        if serial.trim().is_empty() || serial.trim() != serial || serial.len() > 64 || !is_plain {
            report
                .error(
                    "invalid-serial",
                    machine.at("serial"),
                    "a serial number is 1 to 64 printable characters without `/`",
                )
                .help("write it as `dmidecode -s system-serial-number` does");
        }
    }
    if machine.node.mac.is_some_and(|mac| mac.is_multicast() || mac.to_string() == "00:00:00:00:00:00") {
        report
            .error("unusable-mac", machine.at("mac"), "this Ethernet address belongs to no single card")
            .help("write the card's own address, as its label or `ip link` shows it");
    }
}

fn dns_name(path: Path, what: &str, name: &str, report: &mut Report) {
    if let Some(wrong) = syntax::subdomain(name) {
        report
            .error("invalid-name", path, format!("{what} {wrong}"))
            .help("use lower-case letters, digits and `-`, with dots between parts, such as `cluster.local`");
    }
}

fn hosts(subject: &Subject<'_>, report: &mut Report) {
    let mut seen: std::collections::BTreeMap<(&str, bool), Path> = std::collections::BTreeMap::new();
    for (index, host) in subject.description.networking.hosts.iter().enumerate() {
        let path = at("networking.hosts").index(index);
        if host.names.is_empty() {
            report
                .error("missing-setting", path.key("names"), "this line has no names")
                .help("write at least one name");
        }
        for (position, name) in host.names.iter().enumerate() {
            let setting = path.key("names").index(position);
            if let Some(wrong) = syntax::subdomain(name) {
                let message = format!("the host name {wrong}");
                report.error("invalid-name", &setting, message).help("use lower-case letters, digits, `-` and dots");
            }
            let key = (name.as_str(), host.address.0.is_ipv4());
            if let Some(first) = seen.insert(key, setting.clone()) {
                report
                    .error("duplicate-host", &setting, format!("the host name `{name}` is given twice"))
                    .note(first, "first given here")
                    .help("keep one of them");
            }
            let node = subject.machines.iter().find(|machine| machine.node.name.as_ref() == Some(name));
            if let Some(node) = node {
                report
                    .error(
                        "duplicate-host",
                        &setting,
                        format!("`{name}` is a node, and nodes are in every hosts file already"),
                    )
                    .note(node.at("name"), "the node")
                    .help("remove this line");
            }
        }
    }
}
