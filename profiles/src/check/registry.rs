//! The registry that mirrors the upstream ones.

use super::addresses::unusable;
use super::endpoint::has_name_servers;
use super::{Subject, at, syntax};
use crate::description::Registry;
use crate::problem::Report;
use crate::resolve::bare_host;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let Some(registry) = &subject.description.registry else { return };
    host(registry, report);
    if registry.port == Some(0) {
        report
            .error("invalid-port", at("registry.port"), "there is no TCP port 0")
            .help("write 1 to 65535, or leave it out");
    }
    if let Some(prefix) = registry.prefix.as_ref().filter(|prefix| !syntax::is_repository(prefix.trim_matches('/'))) {
        report
            .error("invalid-prefix", at("registry.prefix"), format!("`{prefix}` is no path on a registry"))
            .help("write what `kfimg bundle push --prefix` gets: lower-case letters, digits, `.`, `_`, `-` and `/`, such as team/mirror");
    }
    address(subject, registry, report);
    credentials(registry, report);
    if registry.plain_http {
        report
            .warning(
                "plain-http",
                at("registry.plainHTTP"),
                "without TLS anyone on the way can give your nodes other images",
            )
            .help("give the registry a certificate, and name its authority under `certificateAuthority`");
        if registry.certificate_authority.is_some() {
            report
                .error(
                    "unused-setting",
                    at("registry.certificateAuthority"),
                    "without TLS there is no certificate to examine",
                )
                .note(at("registry.plainHTTP"), "no TLS")
                .help("remove `plainHTTP` or `certificateAuthority`");
        }
    }
}

fn host(registry: &Registry, report: &mut Report) {
    let host = &registry.host;
    let setting = at("registry.host");
    if host.is_empty() {
        report
            .error("missing-setting", setting, "the registry has no `host`")
            .help("write `host: NAME`, such as reg.local");
        return;
    }
    let Some(wrong) = syntax::host(host) else { return };
    let rest = host.split_once("://").map_or(host.as_str(), |(_, rest)| rest);
    let (bare, path) = rest.split_once('/').unwrap_or((rest, ""));
    // `/v2/` is where the interface begins, whatever the registry.
    let path = path.trim_matches('/');
    let path = path.strip_prefix("v2/").unwrap_or(path);
    let help = match bare.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => format!("write `host: {name}` and `port: {port}`"),
        _ if path != "v2" && syntax::is_repository(path) => format!("write `host: {bare}` and `prefix: {path}`"),
        _ if host.contains('/') => format!("write `host: {bare}`"),
        _ => "write a DNS name or an address, without scheme, port and path".to_owned(),
    };
    let help = if host.starts_with("http://") { format!("{help}; `plainHTTP: true` goes without TLS") } else { help };
    report.error("invalid-host", setting, format!("the registry's host `{host}` {wrong}")).help(help);
}

fn address(subject: &Subject<'_>, registry: &Registry, report: &mut Report) {
    let is_name = !registry.host.is_empty() && !syntax::is_ip(&registry.host);
    match registry.address {
        Some(address) => {
            if let Some(wrong) = unusable(address.0) {
                report
                    .error("unusable-address", at("registry.address"), format!("{address} {wrong}"))
                    .help("write the registry's address");
            }
            if !is_name && bare_host(&registry.host).parse() != Ok(address.0) {
                report
                    .error(
                        "unused-setting",
                        at("registry.address"),
                        format!("the registry's host is an address already, and {address} is another one"),
                    )
                    .note(at("registry.host"), "the host")
                    .help("remove `address`");
            }
        }
        None if is_name && syntax::host(&registry.host).is_none() && !has_name_servers(subject) => {
            report
                .warning("name-without-address", at("registry.host"), format!("nodes cannot find `{}`: they have no name servers, and no address is given for their hosts files", registry.host))
                .help("write `registry.address`, or `nodeDefaults.network.nameservers`, or render with `--resolve`");
        }
        None => {}
    }
}

fn credentials(registry: &Registry, report: &mut Report) {
    let (missing, given) = match (&registry.username, &registry.password_file) {
        (Some(_), None) => ("passwordFile", "username"),
        (None, Some(_)) => ("username", "passwordFile"),
        (Some(name), Some(_)) => {
            if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
                report
                    .error("invalid-name", at("registry.username"), "a user name is not empty and has no `:`")
                    .help("write the name alone; the password lies in `passwordFile`");
            }
            return;
        }
        (None, None) => return,
    };
    report
        .error("missing-setting", at("registry").key(given), format!("`{given}` is of no use without `{missing}`"))
        .help(format!("write `{missing}` as well, or remove `{given}`"));
}
