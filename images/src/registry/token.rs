//! What we tell a registry that asks who we are: user and password, or a token from its token service.
//!
//! Logins go to the registry and to a token realm that [`super::rules`] admits, and nowhere else. Tokens go to the registry.
//! Source: distribution documentation, "Token Authentication Specification" and "Oauth2 Token Authentication".

use super::RegistryError;
use super::challenge::{Challenge, read};
use super::credentials::Credential;
use super::error::is_passing;
use super::rules::Purpose;
use super::secret::Secret;
use super::transport::{Answer, Call, Sent, Wire};
use super::url::{Url, escaped};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, Method};
use zeroize::Zeroizing;

/// Most bytes of a token service's answer.
const LIMIT: u64 = 1 << 20;
/// Lifetime of a token whose service does not tell it.
const LIFETIME: Duration = Duration::from_secs(60);
/// So long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(10);
/// Tokens that are kept.
const KEPT: usize = 10_000;

/// What a request wants to do where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    resource: Resource,
    push: bool,
    also: Option<String>,
}

/// Of what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Resource {
    Repository(String),
    /// The list of all repositories.
    Catalog,
    /// Stands for what is told whatever is asked.
    Everything,
}

/// As token services call [`Resource::Catalog`].
const CATALOG: &str = "registry:catalog:*";

impl Scope {
    pub(super) fn pull(repository: &str) -> Self {
        Self { resource: Resource::Repository(repository.to_owned()), push: false, also: None }
    }

    /// To list repositories.
    pub(super) fn catalog() -> Self {
        Self { resource: Resource::Catalog, push: false, also: None }
    }

    pub(super) fn push(repository: &str) -> Self {
        Self { push: true, ..Self::pull(repository) }
    }

    /// Also to read from another repository, to mount a blob.
    pub(super) fn mounting(repository: &str, from: &str) -> Self {
        Self { also: Some(from.to_owned()), ..Self::push(repository) }
    }

    fn everywhere() -> Self {
        Self { resource: Resource::Everything, push: false, also: None }
    }

    /// As a token service reads it.
    fn texts(&self) -> Vec<String> {
        let actions = if self.push { "pull,push" } else { "pull" };
        let own = match &self.resource {
            Resource::Repository(name) => format!("repository:{name}:{actions}"),
            Resource::Catalog => CATALOG.to_owned(),
            Resource::Everything => return Vec::new(),
        };
        let also = self.also.iter().map(|from| format!("repository:{from}:pull"));
        std::iter::once(own).chain(also).collect()
    }

    /// What is asked for: what the registry proposes, since a proxy may call the repository otherwise, but never more than this
    /// request needs.
    fn asked(&self, proposed: Option<&str>) -> Vec<String> {
        let Some(proposed) = proposed else { return self.texts() };
        let entries: Vec<String> = proposed.split_ascii_whitespace().map(str::to_owned).collect();
        let modest = |entry: &String| {
            if self.resource == Resource::Catalog {
                return entry == CATALOG;
            }
            let actions =
                entry.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':')).map(|(_, actions)| actions);
            actions.is_some_and(|actions| {
                actions.split(',').all(|action| action == "pull" || (self.push && action == "push"))
            })
        };
        let enough = !entries.is_empty() && entries.len() <= self.texts().len() && entries.iter().all(modest);
        if enough { entries } else { self.texts() }
    }
}

/// The logins and tokens for one registry.
#[derive(Debug)]
pub(super) struct Authorizer {
    credential: Option<Credential>,
    known: Mutex<BTreeMap<Scope, Known>>,
}

/// A value of `Authorization` that the registry took.
#[derive(Clone, Debug)]
struct Known {
    header: Secret,
    until: Option<Instant>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<Secret>,
    access_token: Option<Secret>,
    expires_in: Option<u64>,
}

impl Authorizer {
    pub(super) fn new(credential: Option<Credential>) -> Self {
        Self { credential, known: Mutex::default() }
    }

    /// Sends a request once, and a second time when the registry asks who we are.
    pub(super) fn send(&self, wire: &Wire, scope: &Scope, call: &mut Call<'_>) -> Result<Answer, RegistryError> {
        let known = self.known(scope);
        let answer = wire.follow(call, known.as_ref())?;
        if answer.status != 401 || answer.url.origin != wire.home {
            return Ok(answer);
        }
        let header = self.authorize(wire, scope, &answer, known.is_some())?;
        if matches!(call.body, Sent::Stream { .. }) {
            // The bytes are gone; whoever has them sends them again, and then we are known.
            let reason = "the login had ended".to_owned();
            return Err(RegistryError::Transport { url: answer.url.to_string(), reason });
        }
        drop(answer);
        let second = wire.follow(call, Some(&header))?;
        if second.status == 401 {
            self.forget(scope);
        }
        Ok(second)
    }

    /// What is told beforehand.
    fn known(&self, scope: &Scope) -> Option<Secret> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(scope).or_else(|| known.get(&Scope::everywhere()))?;
        let fresh = found.until.is_none_or(|until| Instant::now() < until);
        fresh.then(|| found.header.clone())
    }

    fn forget(&self, scope: &Scope) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(scope);
        known.remove(&Scope::everywhere());
    }

    /// Answers a challenge; keeps the answer for later requests.
    fn authorize(&self, wire: &Wire, scope: &Scope, answer: &Answer, was_known: bool) -> Result<Secret, RegistryError> {
        self.forget(scope);
        let url = answer.url.to_string();
        let unauthorized = |reason: &str| RegistryError::Unauthorized { url: url.clone(), reason: reason.to_owned() };
        let known = match (challenge(&answer.headers), &self.credential) {
            (None, _) => return Err(unauthorized("the registry wants a login, and does not say of which kind")),
            (Some(_), Some(Credential::RegistryToken(_))) if was_known => {
                return Err(unauthorized(
                    "the registry refuses the registry token in the file of logins; log in again",
                ));
            }
            (Some(_), Some(Credential::RegistryToken(token))) => Known { header: bearer(token.expose()), until: None },
            (Some(Challenge::Basic), Some(Credential::Password { .. })) if was_known => {
                return Err(unauthorized("the registry refuses user and password; log in again"));
            }
            (Some(Challenge::Basic), Some(Credential::Password { user, password })) => {
                Known { header: basic(user, password), until: None }
            }
            (Some(Challenge::Basic), _) => {
                return Err(unauthorized("the registry wants user and password; log in with docker or podman"));
            }
            (Some(Challenge::Bearer { realm, service, scope: proposed, .. }), _) => {
                let realm = absolute_realm(wire, &answer.url, &realm)?;
                self.token(wire, &realm, service.as_deref(), &scope.asked(proposed.as_deref()))?
            }
        };
        let header = known.header.clone();
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.clear();
        }
        // User and password are the same for every repository, so the next one need not be refused first.
        let scope = if known.until.is_none() { Scope::everywhere() } else { scope.clone() };
        all.insert(scope, known);
        Ok(header)
    }

    /// Asks a token service. Its redirects are not followed: a login would go along.
    fn token(
        &self,
        wire: &Wire,
        realm: &Url,
        service: Option<&str>,
        scopes: &[String],
    ) -> Result<Known, RegistryError> {
        let form;
        let mut call = match &self.credential {
            Some(Credential::IdentityToken(token)) => {
                form = refresh_form(token, service, scopes);
                let call = Call::new(Method::POST, realm.clone()).body(Sent::Bytes(form.as_bytes()));
                call.header("content-type", "application/x-www-form-urlencoded")
            }
            other => {
                let asked = service.map_or_else(|| realm.clone(), |service| realm.with("service", service));
                let asked = scopes.iter().fold(asked, |url, scope| url.with("scope", scope));
                let call = Call::new(Method::GET, asked);
                match other {
                    Some(Credential::Password { user, password }) => {
                        call.header("authorization", basic(user, password).expose())
                    }
                    _ => call,
                }
            }
        };
        let answer = wire.ask(&mut call)?;
        if answer.status != 200 {
            let (status, error) = (answer.status, wire.failure(answer));
            return Err(if is_passing(status) { error } else { denied(realm, &error) });
        }
        let bytes = Zeroizing::new(answer.into_body(0, wire).read_all(LIMIT)?);
        given(&bytes).map_err(|reason| RegistryError::Answer { url: realm.to_string(), reason: reason.to_owned() })
    }
}

/// The token in a token service's answer.
fn given(bytes: &[u8]) -> Result<Known, &'static str> {
    let answer: TokenAnswer =
        serde_json::from_slice(bytes).map_err(|_| "the token service's answer is no JSON with a token")?;
    let given = [answer.token, answer.access_token].into_iter().flatten().find(|token| !token.expose().is_empty());
    let token = given.ok_or("the token service's answer has no token")?;
    if !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
        return Err("the token service's token has characters that no token has");
    }
    let lifetime = answer.expires_in.map_or(LIFETIME, |seconds| Duration::from_secs(seconds.min(86_400)));
    Ok(Known { header: bearer(token.expose()), until: Some(Instant::now() + lifetime.saturating_sub(MARGIN)) })
}

impl Wire {
    /// Sends a request once, and follows nothing.
    fn ask(&self, call: &mut Call<'_>) -> Result<Answer, RegistryError> {
        let url = call.url.clone();
        self.send(call, &url, None)
    }
}

/// A realm is written out; one that is not would send the login to wherever the request went.
fn absolute_realm(wire: &Wire, from: &Url, realm: &str) -> Result<Url, RegistryError> {
    let realm = Url::parse(realm).map_err(|error| RegistryError::Answer {
        url: from.to_string(),
        reason: format!("its token realm makes no sense: {error}"),
    })?;
    wire.rules.admit(Purpose::Realm, from, &realm)?;
    Ok(realm)
}

fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    read(headers)
}

fn denied(realm: &Url, error: &RegistryError) -> RegistryError {
    let reason = format!("the token service gives no token: {error}; check the login and the repository's name");
    RegistryError::Unauthorized { url: realm.to_string(), reason }
}

fn refresh_form(token: &Secret, service: Option<&str>, scopes: &[String]) -> Zeroizing<String> {
    let mut form = Zeroizing::new("grant_type=refresh_token&client_id=kfimg".to_owned());
    for (name, value) in
        [("service", service.unwrap_or_default()), ("scope", &scopes.join(" ")), ("refresh_token", token.expose())]
    {
        form.push_str(&format!("&{name}={}", escaped(value)));
    }
    form
}

fn bearer(token: &str) -> Secret {
    Secret::new(format!("Bearer {token}"))
}

fn basic(user: &str, password: &Secret) -> Secret {
    let plain = Zeroizing::new(format!("{user}:{}", password.expose()));
    Secret::new(format!("Basic {}", data_encoding::BASE64.encode(plain.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn no_more_is_asked_than_is_needed() {
        let own = vec!["repository:app:pull".to_owned()];
        let table = [
            (None, "repository:app:pull"),
            (Some("repository:proxy/app:pull"), "repository:proxy/app:pull"),
            (Some("repository:app:pull,push"), "repository:app:pull"),
            (Some("repository:app:*"), "repository:app:pull"),
            (Some("registry:catalog:*"), "repository:app:pull"),
            (Some("repository:app:pull repository:other:pull"), "repository:app:pull"),
            (Some(""), "repository:app:pull"),
        ];
        for (proposed, wanted) in table {
            assert_eq!(Scope::pull("app").asked(proposed), [wanted], "{proposed:?}");
        }
        assert_eq!(Scope::pull("app").texts(), own);
        for proposed in [None, Some("registry:catalog:*"), Some("repository:app:pull"), Some("registry:admin:*")] {
            assert_eq!(Scope::catalog().asked(proposed), ["registry:catalog:*"], "{proposed:?}");
        }
        assert_eq!(Scope::mounting("app", "base").texts(), ["repository:app:pull,push", "repository:base:pull"]);
    }
}
