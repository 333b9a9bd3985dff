//! Where nodes report.

use super::{Subject, at, syntax};
use crate::problem::Report;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let Some(url) = &subject.description.report.url else { return };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    let host = authority.map(|authority| match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    });
    let is_plain = !url.chars().any(|c| c.is_whitespace() || c.is_control()) && !url.contains(['#', '@']);
    if !is_plain || host.is_none_or(|host| syntax::host(host).is_some()) {
        report.error("invalid-url", at("report.url"), "this is no URL that nodes can report to").help(
            "write http:// or https://, host, port and path, without a user: http://boot.example.com:8080/report",
        );
    }
}
