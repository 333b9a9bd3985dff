//! The reviewed table: arguments that a description may not set, each with its reason and its CIS check.
//!
//! The rows are data, one file a component. This module says what a row is and when it matches; it does not decide
//! what follows from a match. The ids are those of the CIS Kubernetes Benchmark 1.12, as kube-bench numbers them.

mod api_server;
mod controller_manager;
mod etcd;
mod kube_proxy;
mod kubelet;
mod scheduler;

use super::Component;
use super::value::{boolean, entries, integer, seconds};
use std::net::IpAddr;

/// One row of the reviewed table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The flags it is about, without dashes.
    pub flags: &'static [&'static str],
    /// The values it is about.
    pub condition: Condition,
    /// What follows from a match.
    pub class: Class,
    /// The CIS check that such a value would fail.
    pub cis: Option<&'static str>,
    /// What would happen, without a full stop.
    pub reason: &'static str,
    /// What to write or do instead.
    pub instead: &'static str,
}

/// Why a row refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// kfimg sets the flag itself or the description has a setting for it. Refused always.
    Owned,
    /// It can lose the cluster's data. Refused always.
    DataLoss,
    /// The component would not start. Refused always.
    Refused,
    /// It weakens the cluster. Refused unless `allowUnsafeArgs` is set.
    Unsafe,
}

/// Which values of a flag a row is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// Every value.
    Any,
    /// A boolean with this value.
    Is(bool),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// None of these texts.
    NoneOf(&'static [&'static str]),
    /// A comma-separated list with this entry.
    Has(&'static str),
    /// A comma-separated list without this entry.
    Lacks(&'static str),
    /// A comma-separated list with an entry that is not one of these.
    Beyond(&'static [&'static str]),
    /// A number below this one.
    Below(i128),
    /// A number other than this one.
    OtherThan(i128),
    /// A duration of zero or less.
    NoTime,
    /// An address, or an address with a port, that is not a loopback one.
    NotLoopback,
    /// Any value, beside another argument with this name and value.
    Beside(&'static str, &'static str),
}

impl Condition {
    fn holds(self, value: &str, args: &[(&str, &str)]) -> bool {
        match self {
            Self::Any => true,
            Self::Is(refused) => boolean(value) == Some(refused),
            Self::OneOf(texts) => texts.contains(&value.trim()),
            Self::NoneOf(texts) => !texts.contains(&value.trim()),
            Self::Has(entry) => entries(value).any(|found| found == entry),
            Self::Lacks(entry) => entries(value).all(|found| found != entry),
            Self::Beyond(allowed) => entries(value).any(|found| !allowed.contains(&found)),
            Self::Below(least) => integer(value).is_some_and(|number| number < least),
            Self::OtherThan(only) => integer(value).is_some_and(|number| number != only),
            Self::NoTime => seconds(value).is_some_and(|time| time <= 0.0),
            Self::NotLoopback => !is_loopback(value),
            Self::Beside(other, its_value) => args.contains(&(other, its_value)),
        }
    }
}

/// `127.0.0.1`, `127.0.0.1:10249`, `[::1]:10249`; a name counts when it is `localhost`.
fn is_loopback(value: &str) -> bool {
    let host = match value.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.ends_with(':') => host,
        _ => value,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The rows of a component, in the order of its table.
pub fn rows(component: Component) -> &'static [Row] {
    match component {
        Component::ApiServer => api_server::ROWS,
        Component::ControllerManager => controller_manager::ROWS,
        Component::Scheduler => scheduler::ROWS,
        Component::Kubelet => kubelet::ROWS,
        Component::Etcd => etcd::ROWS,
        Component::KubeProxy => kube_proxy::ROWS,
    }
}

/// The rows that match one argument; `args` are all arguments of the component.
pub(super) fn matching(
    component: Component,
    flag: &str,
    value: &str,
    args: &[(&str, &str)],
) -> impl Iterator<Item = &'static Row> {
    rows(component).iter().filter(move |row| row.flags.contains(&flag) && row.condition.holds(value, args))
}

const fn row(class: Class, flags: &'static [&'static str], condition: Condition) -> Row {
    Row { flags, condition, class, cis: None, reason: "", instead: "remove it" }
}

const fn owned(flags: &'static [&'static str], reason: &'static str, instead: &'static str) -> Row {
    Row { reason, instead, ..row(Class::Owned, flags, Condition::Any) }
}

const fn refused(
    flags: &'static [&'static str],
    condition: Condition,
    reason: &'static str,
    instead: &'static str,
) -> Row {
    Row { reason, instead, ..row(Class::Unsafe, flags, condition) }
}

const fn data_loss(
    flags: &'static [&'static str],
    condition: Condition,
    reason: &'static str,
    instead: &'static str,
) -> Row {
    Row { reason, instead, ..row(Class::DataLoss, flags, condition) }
}

impl Row {
    const fn cis(self, id: &'static str) -> Self {
        Self { cis: Some(id), ..self }
    }
}

/// Why flags are refused that only print something.
const ENDS_AT_ONCE: &str = "the component would print and end at once";

/// Where the loopback address is wanted: what else could reach the port.
const REACHABLE: &str = "its metrics and debugging pages would be reachable from other machines";

const PROFILING: &str = "profiles show what the process does and holds, and making them slows it down";

const WEAK_CIPHERS: &str = "a cipher suite among these is weak";

/// Suites with forward secrecy and authenticated encryption (CIS 1.2.29 and 4.2.12), and those of TLS 1.3.
const STRONG_CIPHERS: Condition = Condition::Beyond(&[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
]);

const USE_STRONG_CIPHERS: &str = "keep to ECDHE suites with GCM or CHACHA20_POLY1305, or leave the flag out";

/// TLS versions that browsers and Go have given up.
const OLD_TLS: Condition = Condition::OneOf(&["VersionTLS10", "VersionTLS11"]);

const OLD_TLS_REASON: &str = "TLS before 1.2 can be broken";

const USE_NEW_TLS: &str = "write `VersionTLS12` or `VersionTLS13`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_are_told_from_others() {
        for address in ["127.0.0.1", "127.0.0.1:10249", "[::1]:10249", "::1", "localhost", "localhost:10249"] {
            assert!(is_loopback(address), "{address}");
        }
        for address in ["", "0.0.0.0", "0.0.0.0:10249", "::", "[::]:10249", ":10249", "192.168.49.151", "localhost.lan"]
        {
            assert!(!is_loopback(address), "{address}");
        }
    }
}
