//! The grammar of host, repository and tag, rule by rule.
//!
//! Source: `github.com/distribution/reference` v0.6.0, regexp.go. Two rules are stricter, because no such image can be
//! pulled anyway: a port is within 1..=65535, and an address in brackets is an IPv6 address. A third is stricter because a
//! mirror keeps `<host>/<repository>` as one repository name: the 255 characters count the host too.

use std::net::Ipv6Addr;

use super::ReferenceErrorKind;

/// The longest repository name, in characters.
const NAME_LIMIT: usize = 255;
/// The longest tag, in characters.
const TAG_LIMIT: usize = 128;

/// Separates the port from a host; an IPv6 address stays in its brackets.
pub(super) fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// The address in `[…]`, where a host name is one.
pub(super) fn bracketed_address(name: &str) -> Option<Ipv6Addr> {
    name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

pub(super) fn check_host(host: &str) -> Result<(), ReferenceErrorKind> {
    let (name, port) = split_port(host);
    let known = if name.starts_with('[') { bracketed_address(name).is_some() } else { name.split('.').all(is_label) };
    if !known {
        return Err(ReferenceErrorKind::Host(host.to_owned()));
    }
    match port {
        Some(port) if !is_port(port) => Err(ReferenceErrorKind::Port(port.to_owned())),
        _ => Ok(()),
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|number| number > 0)
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

pub(super) fn check_repository(host: &str, repository: &str) -> Result<(), ReferenceErrorKind> {
    for part in repository.split('/') {
        check_part(part)?;
    }
    let length = host.len() + 1 + repository.len();
    if length > NAME_LIMIT {
        return Err(ReferenceErrorKind::NameTooLong(length));
    }
    Ok(())
}

fn check_part(part: &str) -> Result<(), ReferenceErrorKind> {
    match part {
        "" => Err(ReferenceErrorKind::EmptyPart),
        _ if is_path_component(part) => Ok(()),
        _ => Err(ReferenceErrorKind::Part(part.to_owned())),
    }
}

/// Runs of `[a-z0-9]`, with `.`, `_`, `__` or dashes between two of them.
fn is_path_component(part: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends_well = part.bytes().next().is_some_and(inner) && part.bytes().last().is_some_and(inner);
    ends_well
        && part
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|gap| matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|b| b == b'-'))
}

pub(crate) fn check_tag(tag: &str) -> Result<(), ReferenceErrorKind> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let starts_well = tag.bytes().next().is_some_and(word);
    if !starts_well || !tag.bytes().all(|b| word(b) || b == b'.' || b == b'-') {
        return Err(ReferenceErrorKind::Tag(tag.to_owned()));
    }
    if tag.len() > TAG_LIMIT {
        return Err(ReferenceErrorKind::TagTooLong(tag.len()));
    }
    Ok(())
}
