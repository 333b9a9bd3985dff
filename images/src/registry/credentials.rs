//! Who we are at a registry: `config.json` of docker, `auth.json` of podman, and the credential helpers they name.
//!
//! Nothing is written, and nobody is logged in here.
//! Source: `github.com/docker/cli` v28, `cli/config`; `github.com/docker/docker-credential-helpers`, README.

use super::RegistryError;
use super::helper;
use super::secret::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a file of logins.
const LIMIT: u64 = 1 << 20;
/// Under which names docker keeps the login of Docker Hub.
const HUB_KEYS: [&str; 4] = ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"];

/// A login.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A name and a password, or what stands for one.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token, exchanged at the registry's token service.
    IdentityToken(Secret),
    /// A bearer token, sent as it is.
    RegistryToken(Secret),
}

/// Logins by host.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    given: BTreeMap<String, Credential>,
    files: Vec<(PathBuf, ConfigFile)>,
}

/// The parts of `config.json` that name logins.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
    registrytoken: Option<Secret>,
}

impl Credentials {
    /// No logins.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The user's: `$REGISTRY_AUTH_FILE`, else podman's `auth.json`, then docker's `config.json`, as far as they exist.
    ///
    /// # Errors
    /// [`RegistryError::Credentials`] when one cannot be read.
    pub fn from_environment() -> Result<Self, RegistryError> {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = variable("HOME");
        if let Some(path) = variable("REGISTRY_AUTH_FILE") {
            return Self::from_file(&path);
        }
        let docker = variable("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
        let places = [
            variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            home.as_ref().map(|folder| folder.join(".config/containers/auth.json")),
            docker.map(|folder| folder.join("config.json")),
        ];
        let existing = places.into_iter().flatten().filter(|path| path.is_file());
        let files = existing.map(|path| Ok((path.clone(), read(&path)?))).collect::<Result<_, RegistryError>>()?;
        Ok(Self { given: BTreeMap::new(), files })
    }

    /// Those of one file of docker's form.
    ///
    /// # Errors
    /// [`RegistryError::Credentials`] when it is missing or malformed.
    pub fn from_file(path: &Path) -> Result<Self, RegistryError> {
        Ok(Self { given: BTreeMap::new(), files: vec![(path.to_owned(), read(path)?)] })
    }

    /// The same, and a login for one host (as references write it: `docker.io`, `reg.local:5000`), which comes first.
    #[must_use]
    pub fn with(mut self, host: &str, credential: Credential) -> Self {
        self.given.insert(host.to_owned(), credential);
        self
    }

    /// The login for a host, where there is one. A credential helper may be run for it.
    ///
    /// # Errors
    /// [`RegistryError::Credentials`] when an entry or a helper is broken.
    pub fn find(&self, host: &str) -> Result<Option<Credential>, RegistryError> {
        if let Some(credential) = self.given.get(host) {
            return Ok(Some(credential.clone()));
        }
        for (path, file) in &self.files {
            if let Some(credential) = file.find(path, host)? {
                return Ok(Some(credential));
            }
        }
        Ok(None)
    }
}

impl ConfigFile {
    /// docker's order: a helper for this host, the file's own entry, the store for all hosts.
    fn find(&self, path: &Path, host: &str) -> Result<Option<Credential>, RegistryError> {
        let keys = keys(host);
        if let Some((key, name)) = keys.iter().find_map(|key| self.cred_helpers.get_key_value(key)) {
            return helper::ask(name, key);
        }
        if let Some(entry) = keys.iter().find_map(|key| self.auths.get(key))
            && let Some(credential) = entry.credential(path, host)?
        {
            return Ok(Some(credential));
        }
        let Some(store) = self.creds_store.as_deref().filter(|name| !name.is_empty()) else { return Ok(None) };
        // Without an entry, docker has never logged in there, and there is nothing to ask a store for.
        match keys.iter().find(|key| self.auths.contains_key(*key)) {
            Some(key) => helper::ask(store, key),
            None => Ok(None),
        }
    }
}

impl Entry {
    fn credential(&self, path: &Path, host: &str) -> Result<Option<Credential>, RegistryError> {
        if let Some(token) = self.identitytoken.as_ref().filter(|token| !token.expose().is_empty()) {
            return Ok(Some(Credential::IdentityToken(token.clone())));
        }
        if let Some(token) = self.registrytoken.as_ref().filter(|token| !token.expose().is_empty()) {
            return Ok(Some(Credential::RegistryToken(token.clone())));
        }
        if let Some(auth) = self.auth.as_ref().filter(|auth| !auth.expose().is_empty()) {
            let broken = || RegistryError::Credentials {
                reason: format!(
                    "{}: the entry of {host} has an `auth` that is no base64 of user:password; log in again",
                    path.display()
                ),
            };
            let bytes = data_encoding::BASE64.decode(auth.expose().as_bytes()).map_err(|_| broken())?;
            let bytes = zeroize::Zeroizing::new(bytes);
            let text = std::str::from_utf8(&bytes).map_err(|_| broken())?;
            let (user, password) = text.split_once(':').ok_or_else(broken)?;
            // Old versions of docker padded with zero bytes.
            let password = Secret::new(password.trim_end_matches('\0').to_owned());
            return Ok(Some(Credential::Password { user: user.to_owned(), password }));
        }
        Ok(self
            .username
            .clone()
            .zip(self.password.clone())
            .map(|(user, password)| Credential::Password { user, password }))
    }
}

/// Under which keys tools write the login of a host.
fn keys(host: &str) -> Vec<String> {
    if HUB_KEYS.contains(&host) {
        return HUB_KEYS.map(str::to_owned).to_vec();
    }
    let forms = ["{}", "https://{}", "https://{}/", "https://{}/v1/", "https://{}/v2/", "http://{}"];
    forms.map(|form| form.replace("{}", host)).to_vec()
}

fn read(path: &Path) -> Result<ConfigFile, RegistryError> {
    let failed =
        |reason: String| RegistryError::Credentials { reason: format!("reading {}: {reason}", path.display()) };
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut text = zeroize::Zeroizing::new(Vec::new());
    file.take(LIMIT + 1).read_to_end(&mut text).map_err(|error| failed(error.to_string()))?;
    if text.len() as u64 > LIMIT {
        return Err(failed(format!("it has more than {LIMIT} bytes")));
    }
    // serde_json's own message may quote a value, and the value may be a password.
    serde_json::from_slice(&text).map_err(|error| {
        failed(format!("line {}, column {}: it is not docker's config.json", error.line(), error.column()))
    })
}

#[cfg(test)]
mod tests;
