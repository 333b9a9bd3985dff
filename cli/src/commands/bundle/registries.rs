//! What a command line says about registries: how they are reached, who is asked instead, who we are there.

use super::failure::registry;
use crate::failure::Failure;
use clap::Args;
use kfimg_images::registry::{Configuration, Credentials, HostConfiguration, Mirror, Proxies, Registries};
use kfimg_images::stop::Stop;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where docker and containerd's tools keep the authorities of registries.
const CERTIFICATES: [&str; 2] = ["/etc/docker/certs.d", "/etc/containers/certs.d"];

/// How registries are reached. Proxies are the environment's (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
#[derive(Args, Clone, Debug)]
pub(crate) struct RegistryArgs {
    /// Speak HTTP without TLS with this registry
    #[arg(long, value_name = "HOST", help_heading = "Registries")]
    plain_http: Vec<String>,
    /// Authorities in PEM to believe beside the system's, for all registries or for one
    #[arg(long, value_name = "[HOST=]FILE", help_heading = "Registries")]
    ca: Vec<String>,
    /// Registry to ask instead of HOST; without HOST one that mirrors all, as <REGISTRY>/<host>/<repository>
    #[arg(long = "mirror", value_name = "[HOST=]REGISTRY", help_heading = "Registries")]
    mirrors: Vec<String>,
    /// Ask nobody but the mirrors
    #[arg(long, requires = "mirrors", help_heading = "Registries")]
    mirrors_only: bool,
    /// Host that registries, or one, may lead to: the one that gives tokens for logins, a storage on this machine
    #[arg(long = "trust-host", value_name = "[HOST=]OTHER", help_heading = "Registries")]
    trusted: Vec<String>,
    /// Logins, as docker's config.json has them [default: podman's and docker's own files]
    #[arg(long, value_name = "FILE", help_heading = "Registries")]
    credentials: Option<PathBuf>,
    /// Transfers at a time, at most 32
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=32), help_heading = "Registries")]
    workers: u8,
}

impl RegistryArgs {
    /// Transfers at a time.
    pub(super) fn workers(&self) -> usize {
        usize::from(self.workers)
    }

    /// All registries that a run may talk to.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an option that says nothing, [`Failure::Images`] for a file of logins that cannot be read.
    pub(super) fn open(&self, stop: Stop) -> Result<Registries, Failure> {
        let credentials = match &self.credentials {
            Some(file) => Credentials::from_file(file),
            None => Credentials::from_environment(),
        };
        let configuration = Configuration {
            hosts: self.hosts()?,
            every_host: self.every_host()?,
            credentials: credentials.map_err(registry)?,
            proxies: Proxies::from_environment(),
            certificate_folders: CERTIFICATES.map(PathBuf::from).to_vec(),
            ..Configuration::default()
        };
        Ok(Registries::new(configuration, stop))
    }

    fn hosts(&self) -> Result<BTreeMap<String, HostConfiguration>, Failure> {
        let mut hosts: BTreeMap<String, HostConfiguration> = BTreeMap::new();
        for host in &self.plain_http {
            hosts.entry(host.clone()).or_default().plain_http = true;
        }
        for (host, file) in self.ca.iter().filter_map(|text| text.split_once('=')) {
            hosts.entry(filled("--ca", host)?.to_owned()).or_default().authorities.push(filled("--ca", file)?.into());
        }
        for (host, other) in self.trusted.iter().filter_map(|text| text.split_once('=')) {
            let own = hosts.entry(filled("--trust-host", host)?.to_owned()).or_default();
            own.trusted_hosts.push(trusted_host(other)?);
        }
        for (host, mirror) in self.mirrors.iter().filter_map(|text| text.split_once('=')) {
            let mirror = Mirror { registry: filled("--mirror", mirror)?.to_owned(), by_host: false };
            let own = hosts.entry(filled("--mirror", host)?.to_owned()).or_default();
            own.mirrors.push(mirror);
            own.mirrors_only = self.mirrors_only;
        }
        Ok(hosts)
    }

    fn every_host(&self) -> Result<HostConfiguration, Failure> {
        let for_all = |texts: &[String]| texts.iter().filter(|text| !text.contains('=')).cloned().collect::<Vec<_>>();
        let mirror = |text: String| Ok(Mirror { registry: filled("--mirror", &text)?.to_owned(), by_host: true });
        Ok(HostConfiguration {
            authorities: for_all(&self.ca).into_iter().map(PathBuf::from).collect(),
            trusted_hosts: for_all(&self.trusted)
                .iter()
                .map(|host| trusted_host(host))
                .collect::<Result<_, Failure>>()?,
            mirrors: for_all(&self.mirrors).into_iter().map(mirror).collect::<Result<_, Failure>>()?,
            mirrors_only: self.mirrors_only,
            ..HostConfiguration::default()
        })
    }
}

/// A host with or without port: whoever copies it out of a message may have copied a URL.
fn trusted_host(text: &str) -> Result<String, Failure> {
    let host = filled("--trust-host", text)?;
    if host.contains('/') {
        return Err(Failure::Usage(format!("--trust-host: `{host}` is no host; write its name alone, or NAME:PORT")));
    }
    Ok(host.to_owned())
}

/// One side of `HOST=…`, which must not be empty.
fn filled<'a>(option: &str, text: &'a str) -> Result<&'a str, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::Usage(format!("{option}: one side of `=` is empty; write HOST=VALUE, or VALUE alone")));
    }
    Ok(text)
}
