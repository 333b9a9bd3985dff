//! One registry's HTTP interface, as a client that trusts the registry with nothing: every answer is bounded, compared and
//! judged before it is used.
//!
//! - [`Client`] talks to one registry; [`Registries`] finds the client, and the mirrors, for a reference;
//! - logins leave for the registry and its own token service only ([`Credentials`]);
//! - redirects, token realms, upload locations and next pages are followed by strict rules (`rules.rs`).
//!
//! It keeps nothing on disk: see [`crate::store`]. Which images are wanted is [`crate::pull`]'s.
//! Source: OCI distribution specification v1.1.1.

mod authorities;
mod blobs;
mod body;
mod catalog;
mod challenge;
mod credentials;
mod error;
mod files;
mod helper;
mod limits;
mod lists;
mod manifests;
mod proxies;
mod registries;
mod retry;
mod rules;
mod secret;
mod token;
mod transport;
mod upload;
mod url;

pub use body::Body;
pub use credentials::{Credential, Credentials};
pub use error::{Class, RegistryError};
pub(crate) use files::WebFile;
pub use limits::Limits;
pub(crate) use lists::fallback_tag;
pub use manifests::Fetched;
pub use proxies::Proxies;
pub use registries::{Configuration, HostConfiguration, Mirror, Place, Registries};
pub use secret::Secret;
pub use upload::{Mounted, Session, Upload};

use crate::stop::Stop;
use rules::Rules;
use std::path::PathBuf;
use token::{Authorizer, Scope};
use transport::{Answer, Call, Wire};
use url::{Origin, Url};

/// What a [`Client`] needs to know beside the host.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Speak HTTP without TLS.
    pub plain_http: bool,
    /// Files of PEM with authorities that are believed beside the system's.
    pub authorities: Vec<PathBuf>,
    /// Other hosts, with or without port, that belong to this registry: its token service, its storage on this machine.
    pub trusted_hosts: Vec<String>,
    /// Who we are there.
    pub credential: Option<Credential>,
    /// By which proxies it is asked.
    pub proxies: Proxies,
    /// What it may take of us.
    pub limits: Limits,
    /// Ends all waits early.
    pub stop: Stop,
}

/// Talks to one registry. It may be used by many threads at once; they share connections and tokens.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    authorizer: Authorizer,
}

impl Client {
    /// A client for the registry at `host` (`reg.local`, `reg.local:5000`, `docker.io`). No connection is made yet.
    ///
    /// # Errors
    /// [`RegistryError::Name`] for a host that is none, [`RegistryError::Authorities`] for a broken file.
    pub fn new(host: &str, settings: Settings) -> Result<Self, RegistryError> {
        // Docker Hub's name in references is not the host that answers.
        let host = if host == "docker.io" { "registry-1.docker.io" } else { host };
        let home = Origin::of_host(!settings.plain_http, host)?;
        let rules = Rules::new(home.clone(), &settings.trusted_hosts);
        let wire = Wire::new(home, rules, &settings.authorities, &settings.proxies, settings.limits, settings.stop)?;
        Ok(Self { wire, authorizer: Authorizer::new(settings.credential) })
    }

    /// The registry's host, and its port unless it is the usual one.
    #[must_use]
    pub fn host(&self) -> String {
        self.wire.home.authority()
    }

    /// The bounds that it keeps.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.wire.limits
    }

    /// Sends a request by the rules of this registry; the answer has any status but those of a passing fault.
    fn send(&self, scope: &Scope, call: &mut Call<'_>) -> Result<Answer, RegistryError> {
        self.wire.retry(call, |call| self.authorizer.send(&self.wire, scope, call))
    }

    /// Waits before try number `attempt` + 2 of what ended in `error`.
    pub(crate) fn wait(&self, attempt: u32, error: &RegistryError) -> Result<(), RegistryError> {
        self.wire.wait(attempt, error)
    }

    /// The error that an answer of an unexpected status stands for.
    fn failure(&self, answer: Answer) -> RegistryError {
        self.wire.failure(answer)
    }

    /// `/v2/<repository>/<rest>` here.
    fn url(&self, repository: &str, rest: &str) -> Result<Url, RegistryError> {
        crate::reference::check_repository(repository)
            .map_err(|reason| RegistryError::Name { written: error::shown(repository), reason: reason.to_string() })?;
        Ok(Url::at(&self.wire.home, format!("/v2/{repository}/{rest}")))
    }
}
