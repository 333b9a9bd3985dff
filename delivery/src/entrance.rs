//! Where a server is reached by HTTP, so that what it hands out leads back to where it was asked.

/// An entrance: its port, and whether TLS is spoken there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entrance {
    /// The port.
    pub port: u16,
    /// HTTPS, and not plain HTTP.
    pub tls: bool,
}

impl Entrance {
    /// The scheme of its URLs.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Its URL at a host: a name or an address, which is in brackets where it has colons.
    #[must_use]
    pub fn at(self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme(), self.port)
    }

    /// Host and entrance of a URL, with the scheme's own port where it names none; `None`: it is no URL of HTTP.
    #[must_use]
    pub fn of(url: &str) -> Option<(&str, Self)> {
        let (scheme, rest) = url.split_once("://")?;
        let (tls, usual) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let host_end = authority.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match authority[host_end..].split_once(':') {
            Some((name, port)) => (&authority[..host_end + name.len()], port.parse().ok()?),
            None => (authority, usual),
        };
        (!host.is_empty()).then_some((host, Self { port, tls }))
    }
}

impl std::fmt::Display for Entrance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let protocol = if self.tls { "HTTPS" } else { "plain HTTP" };
        write!(f, "{protocol} at port {}", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::Entrance;

    #[test]
    fn a_url_has_a_host_and_an_entrance() {
        let table = [
            ("http://192.0.2.1:8080", Some(("192.0.2.1", 8080, false))),
            ("http://192.0.2.1", Some(("192.0.2.1", 80, false))),
            ("https://boot.example/x", Some(("boot.example", 443, true))),
            ("https://boot.example:5000/report?token=a:b", Some(("boot.example", 5000, true))),
            ("http://[2001:db8::1]:81/x", Some(("[2001:db8::1]", 81, false))),
            ("https://[2001:db8::1]", Some(("[2001:db8::1]", 443, true))),
            ("http://a:x", None),
            ("http://:80", None),
            ("tftp://192.0.2.1", None),
            ("192.0.2.1:80", None),
        ];
        for (url, wanted) in table {
            let found = Entrance::of(url);
            assert_eq!(found.map(|(host, entrance)| (host, entrance.port, entrance.tls)), wanted, "{url}");
            let Some((host, entrance)) = found else { continue };
            assert_eq!(Entrance::of(&entrance.at(host)), Some((host, entrance)), "{url}");
        }
    }
}
