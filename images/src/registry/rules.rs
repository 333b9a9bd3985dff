//! Where a registry may send us: redirects, token realms, upload locations, next pages.
//!
//! - no step leads from https to http;
//! - a token realm lies on the registry's own host, is known to belong to it, or is trusted by the user;
//! - an upload goes on, and a list has its next page, where it began;
//! - a redirect leads anywhere but to this machine, link-local addresses and the metadata services of clouds, whether they
//!   are named by address or by a name. Private addresses are allowed: sites keep their storage there.
//!
//! No request is made here. Behind a proxy the proxy looks names up, so only addresses can be judged.

use super::RegistryError;
use super::url::{Origin, Url};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Token services that belong to a registry of another host: (registry, realm).
const KNOWN_REALMS: &[(&str, &str)] = &[
    ("registry-1.docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("nvcr.io", "authn.nvidia.com"),
];

/// Addresses outside the special ranges at which clouds hand credentials to whoever asks.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// What a registry's answer names a URL for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Redirect,
    Realm,
    Upload,
    NextPage,
}

/// What is allowed to one registry.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    home: Origin,
    trusted: Arc<[String]>,
}

impl Rules {
    /// Those of the registry at `home`; `trusted` are hosts, with or without port, that the user vouches for.
    pub(super) fn new(home: Origin, trusted: &[String]) -> Self {
        Self { home, trusted: trusted.iter().map(|host| host.to_ascii_lowercase()).collect() }
    }

    /// Refuses `to`, which an answer from `from` names, unless we may go there.
    pub(super) fn admit(&self, purpose: Purpose, from: &Url, to: &Url) -> Result<(), RegistryError> {
        let refused = |reason: String| {
            Err(RegistryError::Refused { url: from.to_string(), what: purpose.name(), to: to.to_string(), reason })
        };
        let host = to.origin.authority();
        if from.origin.secure && !to.origin.secure {
            return refused(
                "it leaves TLS; let the registry, or the proxy before it, name its https address".to_owned(),
            );
        }
        if to.origin == self.home || self.is_trusted(&to.origin) {
            return Ok(());
        }
        if to.origin.is_loopback() || to.origin.address().is_some_and(is_special) {
            return refused(format!(
                "addresses of this machine, of the link and of clouds' metadata are not asked; if it is right, name it with `--trust-host {host}`"
            ));
        }
        match purpose {
            Purpose::Redirect => Ok(()),
            Purpose::Realm if self.is_own_realm(&to.origin) => Ok(()),
            Purpose::Realm => refused(format!(
                "no login is sent to another host; if it is this registry's token service, name it with `--trust-host {host}`"
            )),
            Purpose::Upload | Purpose::NextPage => refused(format!(
                "it is another host; if it belongs to this registry, name it with `--trust-host {host}`"
            )),
        }
    }

    fn is_own_realm(&self, realm: &Origin) -> bool {
        realm.host == self.home.host || KNOWN_REALMS.contains(&(self.home.host.as_str(), realm.host.as_str()))
    }

    fn is_trusted(&self, origin: &Origin) -> bool {
        let with_port = format!("{}:{}", origin.host, origin.port);
        self.trusted.iter().any(|host| *host == origin.host || *host == with_port)
    }

    /// A resolver for hosts that a registry named: it does not tell the addresses that are not asked.
    pub(super) fn resolver(&self) -> Guard {
        Guard { trusted: self.clone(), resolver: DefaultResolver::default() }
    }
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Realm => "token realm",
            Self::Upload => "upload location",
            Self::NextPage => "next page",
        }
    }
}

/// Whether an address is one that no registry has reason to send us to.
pub(super) fn is_special(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.octets()[0] == 0
                || METADATA_V4.contains(&address)
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unicast_link_local()
                || address.is_multicast()
                || address == METADATA_V6
                || embedded_v4(address).is_some_and(|inner| is_special(IpAddr::V4(inner)))
        }
    }
}

/// The IPv4 address that a translator would ask: 64:ff9b::/96 (RFC 6052), and the deprecated ::/96.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let inside = segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] || segments[..6] == [0; 6];
    let [.., a, b, c, d] = address.octets();
    inside.then(|| Ipv4Addr::new(a, b, c, d))
}

/// See [`Rules::resolver`].
#[derive(Debug)]
pub(super) struct Guard {
    trusted: Rules,
    resolver: DefaultResolver,
}

/// The reason in the error of a connection that a [`Guard`] refused.
#[derive(Debug, thiserror::Error)]
#[error(
    "{host} has the address {address}: addresses of this machine, of the link and of clouds' metadata are not asked; if it is right, name it with `--trust-host {host}`"
)]
pub(super) struct Guarded {
    host: String,
    address: IpAddr,
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &ureq::http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        let host = uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let secure = uri.scheme_str() == Some("https");
        if Origin::of_host(secure, &host).is_ok_and(|origin| self.trusted.is_trusted(&origin)) {
            return Ok(found);
        }
        match found.iter().map(SocketAddr::ip).find(|address| is_special(*address)) {
            Some(address) => Err(ureq::Error::Io(std::io::Error::other(Guarded { host, address }))),
            None => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Purpose, Rules, is_special};
    use crate::registry::url::{Origin, Url};

    #[test]
    fn addresses_that_nobody_is_sent_to() {
        let special = [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "::127.0.0.1",
        ];
        for address in special {
            assert!(is_special(address.parse().unwrap()), "{address}");
        }
        for address in ["10.0.0.1", "192.168.1.1", "172.16.0.1", "8.8.8.8", "fd00::1", "2001:db8::1", "::ffff:10.0.0.1"]
        {
            assert!(!is_special(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn each_purpose_has_its_hosts() {
        use Purpose::{NextPage, Realm, Redirect, Upload};
        let home = "https://reg.local:5000/v2/";
        let table = [
            (Redirect, home, "https://storage.local/x", true),
            (Redirect, home, "https://10.1.2.3/x", true),
            (Redirect, home, "http://reg.local:5000/x", false),
            (Redirect, home, "https://127.0.0.1/x", false),
            (Redirect, home, "https://localhost/x", false),
            (Redirect, home, "https://[fe80::1]/x", false),
            (Redirect, "http://plain.local/", "http://storage.local/x", true),
            (Redirect, "http://plain.local/", "http://169.254.169.254/latest/meta-data/", false),
            (Realm, home, "https://reg.local/token", true),
            (Realm, home, "https://auth.trusted.local/token", true),
            (Realm, home, "https://auth.other.local/token", false),
            (Realm, home, "https://auth.docker.io/token", false),
            (Realm, home, "http://reg.local/token", false),
            (Upload, home, "https://reg.local:5000/v2/x", true),
            (Upload, home, "https://reg.local/v2/x", false),
            (Upload, home, "https://10.0.0.1/v2/x", false),
            (NextPage, home, "https://other.local/v2/x", false),
        ];
        let rules = Rules::new(Origin::of_host(true, "reg.local:5000").unwrap(), &["Auth.trusted.local".to_owned()]);
        for (purpose, from, to, allowed) in table {
            let judged = rules.admit(purpose, &Url::parse(from).unwrap(), &Url::parse(to).unwrap());
            assert_eq!(judged.is_ok(), allowed, "{purpose:?} {to}: {judged:?}");
        }
        let hub = Rules::new(Origin::of_host(true, "registry-1.docker.io").unwrap(), &[]);
        let from = Url::parse("https://registry-1.docker.io/v2/").unwrap();
        assert!(hub.admit(Realm, &from, &Url::parse("https://auth.docker.io/token").unwrap()).is_ok());
    }
}
