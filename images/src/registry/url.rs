//! URLs as registries write them: parsed strictly, joined, and shown without secrets.
//!
//! Whether one may be followed is decided in [`super::rules`].

use super::RegistryError;
use super::error::shown;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest URL that is followed, in bytes.
const LIMIT: usize = 16 << 10;

/// Scheme, host and port: whom a secret may be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// Whether it is reached through TLS.
    pub(crate) secure: bool,
    /// In lower case; an IPv6 address is in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// An absolute URL of `http` or `https`, without user and fragment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) origin: Origin,
    /// Path and query; begins with `/`.
    target: String,
}

impl Origin {
    /// From `host` or `host:port`.
    pub(crate) fn of_host(secure: bool, authority: &str) -> Result<Self, RegistryError> {
        if authority.contains('/') {
            return Err(wrong(authority, "is more than a host; write HOST or HOST:PORT, without a scheme or a path"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            None => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| wrong(authority, "has no port of 1..=65535"))?,
            Some(_) => return Err(wrong(authority, "has a port that is no number")),
        };
        let host = host.to_ascii_lowercase();
        check_host(&host)?;
        Ok(Self { secure, host, port })
    }

    /// The address, where the host is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => self.host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        }
    }

    /// Whether the host means this machine, by its name or address.
    pub(crate) fn is_loopback(&self) -> bool {
        let by_name = self.host == "localhost" || self.host.ends_with(".localhost");
        by_name || self.address().is_some_and(|address| address.to_canonical().is_loopback())
    }

    /// `host`, with the port unless it is the scheme's own.
    pub(crate) fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// A host is a name or an address, and nothing that only a resolver takes for one (`127.1`, `0x7f000001`).
fn check_host(host: &str) -> Result<(), RegistryError> {
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.strip_suffix(']').and_then(|text| text.parse::<Ipv6Addr>().ok());
        return address.map(drop).ok_or_else(|| wrong(host, "is no IPv6 address"));
    }
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if host.is_empty() || host.len() > 253 || !host.bytes().all(known) {
        return Err(wrong(host, "is no host name"));
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && last.bytes().all(|b| b.is_ascii_hexdigit() || b == b'x');
    if numeric && host.parse::<Ipv4Addr>().is_err() {
        return Err(wrong(host, "is neither a host name nor an address"));
    }
    Ok(())
}

impl Url {
    /// `target` on an origin. It begins with `/`.
    pub(crate) fn at(origin: &Origin, target: String) -> Self {
        Self { origin: origin.clone(), target }
    }

    /// Path and query; begins with `/`.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// An absolute URL.
    pub(crate) fn parse(text: &str) -> Result<Self, RegistryError> {
        check_text(text)?;
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong(text, "is no absolute URL"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong(text, "is no URL of http or https")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(wrong(&format!("{scheme}://…"), "is a URL with a user in it, which is refused"));
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { origin: Origin::of_host(secure, authority)?, target })
    }

    /// What a `Location` or `Link` in the answer to this URL means.
    pub(crate) fn join(&self, text: &str) -> Result<Self, RegistryError> {
        check_text(text)?;
        let text = text.split('#').next().unwrap_or_default();
        let before_path = text.split(['/', '?']).next().unwrap_or_default();
        if before_path.contains(':') {
            return Self::parse(text);
        }
        if let Some(rest) = text.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme()));
        }
        let target = if text.starts_with('/') {
            text.to_owned()
        } else if text.is_empty() {
            self.target.clone()
        } else if text.starts_with('?') {
            format!("{}{text}", self.path())
        } else {
            let folder = self.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{text}")
        };
        Ok(Self { origin: self.origin.clone(), target })
    }

    fn scheme(&self) -> &'static str {
        if self.origin.secure { "https" } else { "http" }
    }

    /// Without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The same URL with a further parameter of the query.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let sign = if self.target.contains('?') { '&' } else { '?' };
        Self { origin: self.origin.clone(), target: format!("{}{sign}{name}={}", self.target, escaped(value)) }
    }

    /// All of it, to be sent and not to be shown.
    pub(crate) fn whole(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.origin.authority(), self.target)
    }
}

/// Without the query: it may hold a signature.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.origin.authority(), self.path())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986, 2.3).
pub(crate) fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn check_text(text: &str) -> Result<(), RegistryError> {
    if text.len() > LIMIT {
        return Err(wrong(text, "is too long for a URL"));
    }
    if text.bytes().any(|b| !b.is_ascii_graphic() || b == b'\\') {
        return Err(wrong(text, "has characters that no URL has"));
    }
    Ok(())
}

/// The query is cut off: it may hold a signature.
fn wrong(written: &str, reason: &str) -> RegistryError {
    let written = written.split('?').next().unwrap_or_default();
    RegistryError::Name { written: shown(written), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Url};

    #[test]
    fn a_location_is_joined_as_browsers_do() {
        let base = Url::parse("https://reg.local:5000/v2/app/blobs/uploads/?a=b").unwrap();
        let table = [
            ("/x?y=z", "https://reg.local:5000/x?y=z"),
            ("?y=z", "https://reg.local:5000/v2/app/blobs/uploads/?y=z"),
            ("next", "https://reg.local:5000/v2/app/blobs/uploads/next"),
            ("//other.local/x#part", "https://other.local/x"),
            ("HTTP://Other.local:80", "http://other.local/"),
            ("https://[::1]:443/x", "https://[::1]/x"),
        ];
        for (location, wanted) in table {
            assert_eq!(base.join(location).unwrap().whole(), wanted, "{location}");
        }
    }

    #[test]
    fn what_is_no_plain_url_is_refused() {
        let base = Url::parse("https://reg.local/v2/").unwrap();
        let table = [
            "file:///etc/passwd",
            "ftp://reg.local/",
            "javascript:alert(1)",
            "https://user:password@reg.local/",
            "https://reg.local:0/",
            "https://reg.local:99999/",
            "https://reg.local:+1/",
            "https://reg.local\\@evil.local/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://[::1/",
            "https:///x",
            "/a b",
            "/a\r\nX-Injected: 1",
        ];
        for location in table {
            let error = base.join(location).unwrap_err().to_string();
            assert!(!error.contains("password"), "{error}");
        }
        assert!(base.join(&"x".repeat(20_000)).is_err());
    }

    #[test]
    fn the_query_is_never_shown() {
        let url = Url::parse("https://storage.local/blob?X-Amz-Signature=secret").unwrap();
        assert_eq!(format!("{url} {url:?}"), "https://storage.local/blob https://storage.local/blob");
        assert_eq!(
            url.with("digest", "sha256:a b").whole(),
            "https://storage.local/blob?X-Amz-Signature=secret&digest=sha256%3Aa%20b"
        );
    }

    #[test]
    fn a_host_has_neither_scheme_nor_path() {
        for host in ["http://reg.local:5000", "https://reg.local", "reg.local/project", "reg.local:5000/"] {
            let error = Origin::of_host(true, host).unwrap_err().to_string();
            assert!(error.ends_with("write HOST or HOST:PORT, without a scheme or a path"), "{error}");
        }
    }

    #[test]
    fn an_origin_knows_this_machine() {
        for host in ["localhost:5000", "127.0.0.2", "[::1]:5000", "a.localhost", "[::ffff:127.0.0.1]"] {
            assert!(Origin::of_host(true, host).unwrap().is_loopback(), "{host}");
        }
        assert!(!Origin::of_host(true, "reg.local").unwrap().is_loopback());
    }
}
