//! What an output was rendered for: the servers that its boot scripts and payloads name, and whether this one is they.
//!
//! Scripts go out as they were rendered. Where they lead elsewhere, nothing here can lead machines back, so that whoever starts the
//! server has to hear of it.

use kfimg_delivery::Entrance;
use kfimg_delivery::output::Store;
use std::net::Ipv4Addr;
use std::path::Path;

/// The servers of an output; none where nothing is rendered yet, or where it names none.
#[derive(Debug, Default)]
pub(super) struct Declared {
    boot: Option<Place>,
    report: Option<Place>,
}

/// A server that is named.
#[derive(Debug)]
struct Place {
    url: String,
    host: String,
    entrance: Entrance,
}

impl Place {
    fn of(url: &str) -> Option<Self> {
        let (host, entrance) = Entrance::of(url)?;
        Some(Self { url: url.to_owned(), host: host.to_owned(), entrance })
    }
}

/// Where this server is reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entrances {
    /// The port for boot files, by plain HTTP.
    pub(super) boot: Entrance,
    /// The port of the registry, where there is one: the same files, and by HTTPS where there is a certificate.
    pub(super) registry: Option<Entrance>,
}

impl Entrances {
    fn have(self, wanted: Entrance) -> bool {
        self.boot == wanted || self.registry == Some(wanted)
    }

    /// The one at a port.
    fn at(self, port: u16) -> Option<Entrance> {
        [Some(self.boot), self.registry].into_iter().flatten().find(|entrance| entrance.port == port)
    }

    /// The one by HTTPS.
    fn secure(self) -> Option<Entrance> {
        self.registry.filter(|entrance| entrance.tls)
    }
}

impl Declared {
    /// What the output in a folder names now.
    pub(super) fn by(output: Option<&Path>) -> Self {
        let output = output.and_then(|path| Store::new(path.to_owned()).current().ok());
        let place = |url: Option<&String>| url.and_then(|url| Place::of(url));
        output.map_or_else(Self::default, |output| Self {
            boot: place(output.servers.boot.as_ref()),
            report: place(output.servers.report.as_ref()),
        })
    }

    /// The port at which machines ask by plain HTTP.
    pub(super) fn plain_port(&self) -> Option<u16> {
        self.boot.as_ref().filter(|place| !place.entrance.tls).map(|place| place.entrance.port)
    }

    /// The host and the port at which they ask by HTTPS.
    pub(super) fn secure(&self) -> Option<(&str, u16)> {
        self.boot.as_ref().filter(|place| place.entrance.tls).map(|place| (place.host.as_str(), place.entrance.port))
    }

    /// The script that iPXE is told of: by HTTPS where all that follows is asked for so, and by plain HTTP else.
    pub(super) fn script(&self, address: Ipv4Addr, entrances: Entrances) -> String {
        let secure = self.boot.as_ref().filter(|place| entrances.secure() == Some(place.entrance));
        let server = secure.map_or_else(|| entrances.boot.at(&address.to_string()), |place| place.url.clone());
        format!("{server}/pxe/boot.ipxe")
    }

    /// Where machines are led past this server, in words for whoever starts it.
    pub(super) fn doubts(&self, entrances: Entrances) -> Vec<String> {
        let Some(boot) = &self.boot else { return Vec::new() };
        let asks = |who: &str, place: &Place, setting: &str| {
            (!entrances.have(place.entrance)).then(|| {
                let (url, difference) = (&place.url, difference(place.entrance, entrances, setting));
                format!("{who} {url}, {difference}")
            })
        };
        let scripts = asks("the boot scripts ask", boot, "delivery.bootServer");
        // Reports may well go to somebody else.
        let report = self.report.as_ref().filter(|report| report.host == boot.host);
        let reports = report.and_then(|report| asks("nodes report to", report, "report.url"));
        scripts.into_iter().chain(reports).collect()
    }
}

/// How an entrance that is wanted differs from those that there are, and what to do.
fn difference(wanted: Entrance, entrances: Entrances, setting: &str) -> String {
    if let Some(here) = entrances.at(wanted.port) {
        let scheme = here.scheme();
        return format!(
            "and this serves {here}; write {scheme}:// in `{setting}` and render, or start with other ports"
        );
    }
    match (wanted.tls, entrances.secure()) {
        (false, _) => format!("and this listens on port {}", entrances.boot.port),
        (true, Some(secure)) => {
            format!("and this serves {secure}; start with --listen 0.0.0.0:{}, or render with that port", wanted.port)
        }
        (true, None) => {
            "and this has no certificate; start with --tls-state, or --tls-cert and --tls-key, unless a proxy before it \
             speaks TLS"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Entrance = Entrance { port: 8080, tls: false };

    fn declared(boot: &str, report: &str) -> Declared {
        Declared { boot: Place::of(boot), report: Place::of(report) }
    }

    fn entrances(registry: Option<(u16, bool)>) -> Entrances {
        Entrances { boot: PLAIN, registry: registry.map(|(port, tls)| Entrance { port, tls }) }
    }

    #[test]
    fn what_leads_past_the_server_is_said_with_what_to_do() {
        let table = [
            ("http://192.0.2.1:8080", None, ""),
            ("http://192.0.2.1:5000", Some((5000, false)), ""),
            ("https://boot.example:5000", Some((5000, true)), ""),
            ("http://192.0.2.1:81", None, "and this listens on port 8080"),
            ("https://boot.example:5000", None, "has no certificate; start with --tls-state"),
            (
                "https://boot.example:5000",
                Some((5000, false)),
                "and this serves plain HTTP at port 5000; write http://",
            ),
            ("http://boot.example:5000", Some((5000, true)), "and this serves HTTPS at port 5000; write https://"),
            ("https://boot.example:8080", Some((5000, true)), "and this serves plain HTTP at port 8080; write http://"),
            ("https://boot.example", Some((5000, true)), "HTTPS at port 5000; start with --listen 0.0.0.0:443"),
        ];
        for (url, registry, part) in table {
            let doubts = declared(url, "").doubts(entrances(registry));
            match (part, &doubts[..]) {
                ("", []) => {}
                ("", _) => panic!("{url} {registry:?}: {doubts:?}"),
                (_, [doubt]) => assert!(doubt.contains(part) && doubt.contains(url), "{url} {registry:?}: {doubt}"),
                _ => panic!("{url} {registry:?}: {doubts:?}"),
            }
        }
    }

    #[test]
    fn reports_that_do_not_come_here_are_missed_only_where_they_should_come() {
        let here = entrances(Some((5000, true)));
        for (report, part) in [
            ("http://192.0.2.1:8080/report", None),
            ("https://192.0.2.1:5000/report", None),
            ("http://192.0.2.1:9090/report", Some("nodes report to http://192.0.2.1:9090/report")),
            ("http://192.0.2.1:5000/report", Some("write https:// in `report.url`")),
            ("http://collector.example/report", None),
        ] {
            let doubts = declared("http://192.0.2.1:8080", report).doubts(here).join("\n");
            assert_eq!(doubts.is_empty(), part.is_none(), "{report}: {doubts}");
            assert!(doubts.contains(part.unwrap_or_default()), "{report}: {doubts}");
        }
        assert!(declared("", "http://192.0.2.1:1").doubts(here).is_empty());
    }

    #[test]
    fn ipxe_is_sent_to_https_only_where_all_that_follows_is() {
        let address = Ipv4Addr::new(192, 0, 2, 1);
        let plain = "http://192.0.2.1:8080/pxe/boot.ipxe";
        for (boot, registry, wanted) in [
            ("https://boot.example:5000", Some((5000, true)), "https://boot.example:5000/pxe/boot.ipxe"),
            ("https://boot.example:5000", None, plain),
            ("http://192.0.2.1:8080", Some((5000, true)), plain),
            ("", Some((5000, true)), plain),
        ] {
            assert_eq!(declared(boot, "").script(address, entrances(registry)), wanted, "{boot} {registry:?}");
        }
    }
}
