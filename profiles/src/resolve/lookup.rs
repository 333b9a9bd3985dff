//! `--resolve`: names of the description that are looked up when the user asks for it, and what was found.
//!
//! Without that wish no name is looked up. What is found is written into the description before it is checked, so that a
//! found address is held to the same rules as a written one.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};

use crate::description::Description;
use crate::description::values::{Addresses, Ip};
use crate::document::Path;
use crate::problem::Report;

/// How names are looked up.
pub trait Resolver {
    /// The addresses of a host name.
    ///
    /// # Errors
    /// As the system says.
    fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the system: hosts file, DNS, and what else it is set up with.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
    }
}

/// A name that was looked up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LookedUp {
    /// The setting that holds the name.
    pub setting: Path,
    /// The name.
    pub name: String,
    /// What was found, IPv4 first, each once; never empty.
    pub addresses: Vec<IpAddr>,
}

/// Looks up the registry's, the endpoint's and the time servers' names that no address is given for.
pub(crate) fn look_up(description: &mut Description, resolver: &dyn Resolver, report: &mut Report) -> Vec<LookedUp> {
    let mut found = Vec::new();
    if let Some(registry) = description.registry.as_mut().filter(|registry| registry.address.is_none()) {
        let at = Path::root().key("registry").key("host");
        if let Some(answer) = ask(&registry.host, at, resolver, report) {
            registry.address = answer.addresses.first().copied().map(Ip);
            found.push(answer);
        }
    }
    let endpoint = &mut description.control_plane_endpoint;
    if let (Some(name), None) = (&endpoint.name, &endpoint.address) {
        let at = Path::root().key("controlPlaneEndpoint").key("name");
        if let Some(answer) = ask(name, at, resolver, report) {
            endpoint.address = one_of_each_family(&answer.addresses);
            found.push(answer);
        }
    }
    for (index, server) in description.time.servers.iter_mut().enumerate() {
        let at = Path::root().key("time").key("servers").index(index);
        if let Some(answer) = ask(server, at, resolver, report) {
            *server = answer.addresses[0].to_string();
            found.push(answer);
        }
    }
    found
}

fn ask(name: &str, setting: Path, resolver: &dyn Resolver, report: &mut Report) -> Option<LookedUp> {
    if name.is_empty() || name.parse::<IpAddr>().is_ok() || name.starts_with('[') {
        return None;
    }
    let answer = resolver.look_up(name).map(|addresses| addresses.into_iter().collect::<BTreeSet<_>>());
    let reason = match answer {
        Ok(addresses) if !addresses.is_empty() => {
            return Some(LookedUp { setting, name: name.to_owned(), addresses: addresses.into_iter().collect() });
        }
        Ok(_) => "it has no address".to_owned(),
        Err(error) => error.to_string(),
    };
    report
        .error("name-not-found", setting, format!("`{name}` cannot be looked up: {reason}"))
        .help("write an address, or leave out `--resolve`");
    None
}

fn one_of_each_family(addresses: &[IpAddr]) -> Option<Addresses> {
    let of = |is_ipv4: bool| addresses.iter().find(|address| address.is_ipv4() == is_ipv4);
    let texts: Vec<String> = [of(true), of(false)].into_iter().flatten().map(ToString::to_string).collect();
    texts.join(",").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Resolver, look_up};
    use crate::description::{Description, Endpoint, Registry, Time};
    use crate::problem::Report;
    use std::io;
    use std::net::IpAddr;

    struct Known;
    impl Resolver for Known {
        fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
            match name {
                "lost.example" => Err(io::Error::other("no such host")),
                _ => Ok(["fd00::5", "10.0.0.5", "10.0.0.5"].map(|text| text.parse().unwrap()).to_vec()),
            }
        }
    }

    #[test]
    fn found_addresses_are_recorded_and_written_ones_stay() {
        let mut description = Description {
            registry: Some(Registry { host: "reg.example".into(), ..Registry::default() }),
            control_plane_endpoint: Endpoint { name: Some("api.example".into()), ..Endpoint::default() },
            time: Time { servers: vec!["ntp.example".into(), "10.0.0.9".into()], timezone: None },
            ..Description::default()
        };
        let mut report = Report::new();
        let found = look_up(&mut description, &Known, &mut report);
        assert!(report.is_empty());
        let settings: Vec<String> = found.iter().map(|found| found.setting.to_string()).collect();
        assert_eq!(settings, ["registry.host", "controlPlaneEndpoint.name", "time.servers[0]"]);
        assert_eq!(found[0].addresses.len(), 2);
        assert_eq!(description.registry.unwrap().address.unwrap().to_string(), "10.0.0.5");
        assert_eq!(description.control_plane_endpoint.address.unwrap().to_string(), "10.0.0.5,fd00::5");
        assert_eq!(description.time.servers, ["10.0.0.5", "10.0.0.9"]);
    }

    #[test]
    fn names_that_are_not_found_are_problems() {
        let time = Time { servers: vec!["lost.example".into()], timezone: None };
        let mut description = Description { time, ..Description::default() };
        let mut report = Report::new();
        assert!(look_up(&mut description, &Known, &mut report).is_empty());
        assert_eq!(report.problems()[0].code, "name-not-found");
    }
}
