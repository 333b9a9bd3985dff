//! Finds, for a reference, the registries that may have it: mirrors first, then the registry itself.
//!
//! What is asked of them is [`super::Client`]'s.

use super::credentials::Credentials;
use super::limits::Limits;
use super::proxies::Proxies;
use super::url::Url;
use super::{Client, RegistryError, Settings, authorities};
use crate::reference::{Reference, mirror_folder};
use crate::stop::Stop;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What the user says about registries.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// By host, as references write it: `docker.io`, `reg.local:5000`.
    pub hosts: BTreeMap<String, HostConfiguration>,
    /// What holds for every host beside that; its mirrors come after a host's own. [`HostConfiguration::plain_http`] has no say here.
    pub every_host: HostConfiguration,
    /// Who we are where.
    pub credentials: Credentials,
    /// By which proxies registries are asked.
    pub proxies: Proxies,
    /// Folders with authorities in files `<host>/*.crt`, such as docker's `/etc/docker/certs.d`.
    pub certificate_folders: Vec<PathBuf>,
    /// What each registry may take of us.
    pub limits: Limits,
}

/// What the user says about one registry.
#[derive(Clone, Debug, Default)]
pub struct HostConfiguration {
    /// Speak HTTP without TLS.
    pub plain_http: bool,
    /// Files of PEM with authorities that are believed beside the system's.
    pub authorities: Vec<PathBuf>,
    /// Other hosts, with or without port, that belong to it.
    pub trusted_hosts: Vec<String>,
    /// Who is asked instead of it, in this order.
    pub mirrors: Vec<Mirror>,
    /// Never ask the registry itself.
    pub mirrors_only: bool,
}

/// Another registry with the same content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Its host, with the path below which it keeps the content: `reg.local:5000/mirror`.
    pub registry: String,
    /// Whether the path goes on with the upstream's host, as kfimg mirrors; else with the repository itself.
    pub by_host: bool,
}

/// Where a repository is asked for.
#[derive(Clone, Debug)]
pub struct Place {
    /// Who is asked.
    pub client: Arc<Client>,
    /// What the repository is called there.
    pub repository: String,
}

/// All registries that one run talks to. Clients, with their connections and tokens, are made once for each host.
#[derive(Debug)]
pub struct Registries {
    configuration: Configuration,
    stop: Stop,
    clients: Mutex<BTreeMap<String, Arc<Client>>>,
}

impl Registries {
    /// None is asked yet. All waits end early when `stop` is asked.
    #[must_use]
    pub fn new(configuration: Configuration, stop: Stop) -> Self {
        Self { configuration, stop, clients: Mutex::default() }
    }

    /// The wish to stop that all clients look at.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The client for a host.
    ///
    /// # Errors
    /// [`RegistryError::Name`], [`RegistryError::Credentials`], [`RegistryError::Authorities`].
    pub fn client(&self, host: &str) -> Result<Arc<Client>, RegistryError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(host) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(Client::new(host, self.settings(host)?)?);
        clients.insert(host.to_owned(), Arc::clone(&client));
        Ok(client)
    }

    /// What holds for a host: its own, and what holds for every one.
    fn of(&self, host: &str) -> HostConfiguration {
        let mut own = self.configuration.hosts.get(host).cloned().unwrap_or_default();
        let every = &self.configuration.every_host;
        own.authorities.extend(every.authorities.iter().cloned());
        own.trusted_hosts.extend(every.trusted_hosts.iter().cloned());
        // A registry is no mirror of itself.
        own.mirrors.extend(every.mirrors.iter().filter(|mirror| mirror.host() != host).cloned());
        own.mirrors_only |= every.mirrors_only;
        own
    }

    fn settings(&self, host: &str) -> Result<Settings, RegistryError> {
        let all = &self.configuration;
        let own = self.of(host);
        // A host of a reference cannot leave the folder: it has no `/`.
        let found = all.certificate_folders.iter().flat_map(|folder| authorities::of_folder(folder, host));
        Ok(Settings {
            plain_http: own.plain_http,
            authorities: own.authorities.into_iter().chain(found).collect(),
            trusted_hosts: own.trusted_hosts,
            credential: all.credentials.find(host)?,
            proxies: all.proxies.clone(),
            limits: all.limits.clone(),
            stop: self.stop.clone(),
        })
    }

    /// Where the repository of a reference is asked for, in this order.
    ///
    /// # Errors
    /// As [`Registries::client`].
    pub fn places(&self, reference: &Reference) -> Result<Vec<Place>, RegistryError> {
        let own = self.of(reference.host());
        let mut places = self.mirrors_of(&own, reference)?;
        if !own.mirrors_only {
            places
                .push(Place { client: self.client(reference.host())?, repository: reference.repository().to_owned() });
        }
        Ok(places)
    }

    /// The mirrors alone.
    ///
    /// # Errors
    /// As [`Registries::client`].
    pub fn mirrors(&self, reference: &Reference) -> Result<Vec<Place>, RegistryError> {
        self.mirrors_of(&self.of(reference.host()), reference)
    }

    fn mirrors_of(&self, own: &HostConfiguration, reference: &Reference) -> Result<Vec<Place>, RegistryError> {
        own.mirrors.iter().map(|mirror| self.mirror(mirror, reference)).collect()
    }

    fn mirror(&self, mirror: &Mirror, reference: &Reference) -> Result<Place, RegistryError> {
        let folder = mirror_folder(reference.host());
        let parts = [mirror.path(), if mirror.by_host { &folder } else { "" }, reference.repository()];
        let repository = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        Ok(Place { client: self.client(mirror.host())?, repository })
    }

    /// The origins of a web server's files with the path below which each keeps them: mirrors of its host, then itself.
    pub(super) fn web_places(&self, url: &Url) -> Result<Vec<(Arc<Client>, Url)>, RegistryError> {
        let host = url.origin.authority();
        let own = self.of(&host);
        let mut places = Vec::new();
        for mirror in own.mirrors.iter().filter(|mirror| !mirror.by_host) {
            let client = self.client(mirror.host())?;
            let path = mirror.path();
            let target = format!("{}{path}{}", if path.is_empty() { "" } else { "/" }, url.target());
            places.push((Arc::clone(&client), Url::at(&client.wire.home, target)));
        }
        if !own.mirrors_only {
            places.push((self.client(&host)?, url.clone()));
        }
        Ok(places)
    }
}

impl Mirror {
    fn host(&self) -> &str {
        self.registry.split('/').next().unwrap_or_default()
    }

    fn path(&self) -> &str {
        self.registry.split_once('/').map_or("", |(_, path)| path.trim_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::{Configuration, HostConfiguration, Mirror, Registries};
    use crate::stop::Stop;

    #[test]
    fn mirrors_come_first() {
        let mirror = |registry: &str, by_host| Mirror { registry: registry.to_owned(), by_host };
        let mirrors = vec![mirror("reg.local:5000/site", true), mirror("cache.local/", false)];
        let own = HostConfiguration { mirrors, ..HostConfiguration::default() };
        let configuration = Configuration { hosts: [("docker.io".to_owned(), own)].into(), ..Configuration::default() };
        let registries = Registries::new(configuration, Stop::new());
        let names = |reference: &str| -> Vec<String> {
            let places = registries.places(&reference.parse().unwrap()).unwrap();
            places.iter().map(|place| format!("{} {}", place.client.host(), place.repository)).collect()
        };
        let wanted = [
            "reg.local:5000 site/docker.io/library/nginx",
            "cache.local library/nginx",
            "registry-1.docker.io library/nginx",
        ];
        assert_eq!(names("nginx"), wanted);
        assert_eq!(names("registry.k8s.io/pause:3.10"), ["registry.k8s.io pause"]);
    }
}
