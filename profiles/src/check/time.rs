//! Time servers and the time zone.

use std::collections::BTreeSet;

use super::endpoint::has_name_servers;
use super::{Subject, at, syntax};
use crate::problem::Report;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let time = &subject.description.time;
    let mut seen = BTreeSet::new();
    for (index, server) in time.servers.iter().enumerate() {
        let path = at("time.servers").index(index);
        if let Some(wrong) = syntax::host(server) {
            report
                .error("invalid-host", &path, format!("the time server `{server}` {wrong}"))
                .help("write a DNS name or an address, without scheme and port");
        } else if !seen.insert(server.to_ascii_lowercase()) {
            report
                .error("duplicate-server", &path, format!("the time server `{server}` is given twice"))
                .help("remove one");
        } else if !syntax::is_ip(server) && !has_name_servers(subject) {
            report
                .warning(
                    "name-without-address",
                    &path,
                    format!("nodes cannot find the time server `{server}`: they have no name servers"),
                )
                .help("write its address, or `nodeDefaults.network.nameservers`, or render with `--resolve`");
        }
    }
    if let Some(zone) = &time.timezone {
        timezone(zone, report);
    }
}

/// A name of the IANA database, by its form (`theory` file of tz, "Names of timezones").
fn timezone(zone: &str, report: &mut Report) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.len() <= 14 && part.chars().all(is_plain)
    };
    let is_area = |name: &str| {
        name.contains('/') || matches!(name, "UTC" | "GMT" | "CET" | "EET" | "MET" | "WET" | "EST" | "MST" | "HST")
    };
    if !zone.split('/').all(is_part) || !is_area(zone) {
        report
            .error("invalid-timezone", at("time.timezone"), format!("`{zone}` is no time zone"))
            .help("write UTC, or AREA/CITY as `timedatectl list-timezones` prints it, such as Europe/Berlin");
    }
}
