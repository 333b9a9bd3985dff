//! Proxies, as the environment names them: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, and the same in lower case.
//!
//! Source of the rules: Go's `golang.org/x/net/http/httpproxy`, which docker and skopeo use. This machine itself is never asked
//! through a proxy.

use super::RegistryError;
use super::secret::Secret;
use super::url::Origin;
use ipnet::IpNet;
use std::env;

/// Which proxy leads where.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    https: Option<Secret>,
    http: Option<Secret>,
    none: Vec<String>,
}

impl Proxies {
    /// None: every registry is asked directly.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        let value =
            |names: [&str; 2]| names.into_iter().find_map(|name| env::var(name).ok().filter(|text| !text.is_empty()));
        Self::new(
            value(["HTTPS_PROXY", "https_proxy"]),
            value(["HTTP_PROXY", "http_proxy"]),
            &value(["NO_PROXY", "no_proxy"]).unwrap_or_default(),
        )
    }

    /// A proxy for URLs of https, one for those of http, and the hosts that are asked directly, separated by commas.
    #[must_use]
    pub fn new(https: Option<String>, http: Option<String>, none: &str) -> Self {
        let none = none.split(',').map(|entry| entry.trim().to_ascii_lowercase()).filter(|entry| !entry.is_empty());
        Self { https: https.map(Secret::new), http: http.map(Secret::new), none: none.collect() }
    }

    /// The proxy by which an origin is asked.
    pub(super) fn of(&self, origin: &Origin) -> Result<Option<ureq::Proxy>, RegistryError> {
        if origin.is_loopback() || self.none.iter().any(|entry| matches(entry, origin)) {
            return Ok(None);
        }
        let (name, proxy) = if origin.secure { ("HTTPS_PROXY", &self.https) } else { ("HTTP_PROXY", &self.http) };
        let Some(text) = proxy else { return Ok(None) };
        // The text may hold a password, so it is not quoted.
        let proxy = ureq::Proxy::new(text.expose()).map_err(|_| RegistryError::Name {
            written: name.to_owned(),
            reason: "is no URL of a proxy; write http://host:port".to_owned(),
        })?;
        Ok(Some(proxy))
    }
}

/// `*`, an address, a network, a host with all below it, `.suffix`, each with or without a port.
fn matches(entry: &str, origin: &Origin) -> bool {
    if entry == "*" {
        return true;
    }
    if let (Ok(network), Some(address)) = (entry.parse::<IpNet>(), origin.address()) {
        return network.contains(&address.to_canonical());
    }
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse::<u16>().ok()),
        _ => (entry, None),
    };
    if port.is_some_and(|port| port != origin.port) {
        return false;
    }
    let own = origin.host.trim_matches(['[', ']']);
    let host = host.trim_matches(['[', ']']);
    match host.strip_prefix("*.").or_else(|| host.strip_prefix('.')) {
        Some(suffix) => own.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')),
        None => own == host || own.strip_suffix(host).is_some_and(|rest| rest.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::Proxies;
    use crate::registry::url::Origin;

    #[test]
    fn who_is_asked_directly() {
        let none = "reg.local, .below.local,10.0.0.0/8,ported.local:5000,2001:db8::1,192.168.1.1";
        let proxies = Proxies::new(Some("http://user:secret@proxy.local:3128".to_owned()), None, none);
        let table = [
            ("registry.k8s.io", true),
            ("reg.local", false),
            ("deep.reg.local", false),
            ("myreg.local", true),
            ("below.local", true),
            ("a.below.local", false),
            ("10.1.2.3:5000", false),
            ("11.1.2.3", true),
            ("192.168.1.1", false),
            ("[2001:db8::1]:5000", false),
            ("ported.local:5000", false),
            ("ported.local", true),
            ("localhost:5000", false),
            ("127.0.0.1", false),
        ];
        for (host, proxied) in table {
            let proxy = proxies.of(&Origin::of_host(true, host).unwrap()).unwrap();
            assert_eq!(proxy.is_some(), proxied, "{host}");
        }
        assert!(proxies.of(&Origin::of_host(false, "a.local").unwrap()).unwrap().is_none(), "none for http is named");
        assert!(!format!("{proxies:?}").contains("secret"));
    }

    #[test]
    fn a_broken_proxy_is_named_and_not_quoted() {
        let proxies = Proxies::new(Some("gopher://user:secret@x".to_owned()), None, "");
        let error = proxies.of(&Origin::of_host(true, "a.local").unwrap()).unwrap_err().to_string();
        assert!(error.contains("HTTPS_PROXY") && !error.contains("secret"), "{error}");
    }
}
