//! Sends requests: over the right agent, again where that may help, along redirects, with what the registry may know of us.
//!
//! What the requests mean is in the files beside this one.

use super::body::Body;
use super::error::{is_passing, shown};
use super::limits::Limits;
use super::proxies::Proxies;
use super::retry::{pause, retry_after};
use super::rules::{Guarded, Purpose, Rules};
use super::secret::Secret;
use super::url::{Origin, Url};
use super::{RegistryError, authorities};
use crate::stop::Stop;
use std::io::Read;
use std::path::PathBuf;
use ureq::http::{HeaderMap, Method, Request};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, SendBody};

/// Bytes of an error's answer that are read for its reason.
const REASON_LIMIT: u64 = 16 << 10;
/// How we call ourselves.
const USER_AGENT: &str = concat!("kfimg/", env!("CARGO_PKG_VERSION"));

/// One request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Sent<'a>,
}

/// What a request carries.
pub(super) enum Sent<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// Exactly so many bytes; they can be sent once only.
    Stream {
        length: u64,
        reader: &'a mut dyn Read,
    },
}

/// The beginning of an answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Where it came from, after redirects.
    pub(super) url: Url,
    pub(super) body: ureq::Body,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: Vec::new(), body: Sent::Nothing }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same request with a body, which may live shorter than the rest.
    pub(super) fn body<'b>(self, body: Sent<'b>) -> Call<'b> {
        Call { method: self.method, url: self.url, headers: self.headers, body }
    }

    fn can_be_repeated(&self) -> bool {
        !matches!(self.body, Sent::Stream { .. })
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, whose first byte lies at `offset` of what was asked for.
    pub(super) fn into_body(self, offset: u64, wire: &Wire) -> Body {
        Body::new(self.body, self.url, offset, &wire.limits, &wire.stop)
    }
}

/// Connections to one registry and to where it sends us.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) rules: Rules,
    pub(super) limits: Limits,
    pub(super) stop: Stop,
    pub(super) home: Origin,
    /// For the registry itself.
    agent: Agent,
    /// For other hosts: directly, through the proxy for https, through that for http.
    strangers: [Agent; 3],
    proxies: Proxies,
}

impl Wire {
    pub(super) fn new(
        home: Origin,
        rules: Rules,
        files: &[PathBuf],
        proxies: &Proxies,
        limits: Limits,
        stop: Stop,
    ) -> Result<Self, RegistryError> {
        let tls = authorities::tls(files)?;
        let config = |proxy: Option<ureq::Proxy>| {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .user_agent(USER_AGENT)
                .accept_encoding("identity")
                .timeout_resolve(Some(limits.connect))
                .timeout_connect(Some(limits.connect))
                .timeout_recv_response(Some(limits.answer))
                .timeout_per_read(Some(limits.silence))
                .timeout_per_write(Some(limits.silence))
                .timeout_await_100(None)
                .max_idle_connections_per_host(16)
                .proxy(proxy)
                .tls_config(tls.clone())
                .build()
        };
        let agent = Agent::new_with_config(config(proxies.of(&home)?));
        // The name that is looked up for a proxied request is the proxy's, whom the user named: it may well be on this machine.
        let stranger = |proxy: Option<ureq::Proxy>| match proxy {
            None => Agent::with_parts(config(None), DefaultConnector::default(), rules.resolver()),
            proxy => Agent::new_with_config(config(proxy)),
        };
        let elsewhere = |secure| Origin { secure, host: "elsewhere.invalid".to_owned(), port: 1 };
        let strangers =
            [stranger(None), stranger(proxies.of(&elsewhere(true))?), stranger(proxies.of(&elsewhere(false))?)];
        Ok(Self { rules, limits, stop, home, agent, strangers, proxies: proxies.clone() })
    }

    fn agent(&self, origin: &Origin) -> Result<&Agent, RegistryError> {
        if *origin == self.home {
            return Ok(&self.agent);
        }
        let proxied = self.proxies.of(origin)?.is_some();
        Ok(&self.strangers[if proxied { if origin.secure { 1 } else { 2 } } else { 0 }])
    }

    /// Sends a request, again where the last answer says that this may help, by way of `once`.
    ///
    /// The answer has any status but those of a passing fault.
    pub(super) fn retry(
        &self,
        call: &mut Call<'_>,
        mut once: impl FnMut(&mut Call<'_>) -> Result<Answer, RegistryError>,
    ) -> Result<Answer, RegistryError> {
        let mut attempt = 0;
        loop {
            if self.stop.is_asked() {
                return Err(RegistryError::Stopped);
            }
            let error = match once(call) {
                Ok(answer) if is_passing(answer.status) => self.failure(answer),
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            attempt += 1;
            let passing = error.class() == super::Class::Passing;
            if !passing || !call.can_be_repeated() || attempt >= self.limits.attempts {
                return Err(error);
            }
            self.wait(attempt - 1, &error)?;
        }
    }

    /// Waits before another try, as long as `error` asks for.
    pub(super) fn wait(&self, attempt: u32, error: &RegistryError) -> Result<(), RegistryError> {
        let (url, asked) = match error {
            RegistryError::Status { url, retry_after, .. } => (url.clone(), *retry_after),
            _ => (self.home.authority(), None),
        };
        match pause(&self.limits, attempt, asked) {
            None => Err(RegistryError::RateLimited { url, wait: asked.unwrap_or_default() }),
            Some(pause) if self.stop.sleep(pause) => Ok(()),
            Some(_) => Err(RegistryError::Stopped),
        }
    }

    /// Sends a request once, and follows redirects where it only reads. `authorization` is told to the registry alone.
    pub(super) fn follow(&self, call: &mut Call<'_>, authorization: Option<&Secret>) -> Result<Answer, RegistryError> {
        let mut url = call.url.clone();
        for _ in 0..=self.limits.redirects {
            let answer = self.send(call, &url, authorization)?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            if !matches!(call.method, Method::GET | Method::HEAD) {
                let reason =
                    format!("a redirect (status {}) in answer to {} is not followed", answer.status, call.method);
                return Err(RegistryError::Answer { url: url.to_string(), reason });
            }
            let next = self.location(&answer, Purpose::Redirect)?;
            url = next;
        }
        let reason = format!("more than {} redirects", self.limits.redirects);
        Err(RegistryError::Answer { url: call.url.to_string(), reason })
    }

    /// Where the `Location` of an answer leads, when we may go there.
    pub(super) fn location(&self, answer: &Answer, purpose: Purpose) -> Result<Url, RegistryError> {
        let missing = || RegistryError::Answer {
            url: answer.url.to_string(),
            reason: format!("status {} without a readable Location", answer.status),
        };
        let text = answer.header("location").ok_or_else(missing)?;
        self.admitted(purpose, &answer.url, text)
    }

    /// What a URL in an answer from `from` means, when we may go there.
    pub(super) fn admitted(&self, purpose: Purpose, from: &Url, text: &str) -> Result<Url, RegistryError> {
        let to = from
            .join(text)
            .map_err(|error| RegistryError::Answer { url: from.to_string(), reason: error.to_string() })?;
        self.rules.admit(purpose, from, &to)?;
        Ok(to)
    }

    pub(super) fn send(
        &self,
        call: &mut Call<'_>,
        url: &Url,
        authorization: Option<&Secret>,
    ) -> Result<Answer, RegistryError> {
        let mut request = Request::builder().method(call.method.clone()).uri(url.whole());
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(secret) = authorization.filter(|_| url.origin == self.home) {
            request = request.header("authorization", secret.expose());
        }
        let agent = self.agent(&url.origin)?;
        let malformed =
            |error: ureq::http::Error| RegistryError::Name { written: url.to_string(), reason: error.to_string() };
        let sent = match &mut call.body {
            Sent::Nothing => agent.run(request.body(()).map_err(malformed)?),
            Sent::Bytes(bytes) => agent.run(request.body(*bytes).map_err(malformed)?),
            Sent::Stream { length, reader } => {
                let request = request.header("content-length", *length);
                agent.run(request.body(SendBody::from_reader(*reader)).map_err(malformed)?)
            }
        };
        let (parts, body) = sent.map_err(|error| self.broken(url, &error))?.into_parts();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, url: url.clone(), body })
    }

    /// A request that got no answer.
    fn broken(&self, url: &Url, error: &ureq::Error) -> RegistryError {
        let url = url.to_string();
        if let ureq::Error::Io(io) = error
            && let Some(guarded) = io.get_ref().and_then(|inner| inner.downcast_ref::<Guarded>())
        {
            return RegistryError::Refused { url, what: "answer", to: "there".to_owned(), reason: guarded.to_string() };
        }
        let reason = match error {
            ureq::Error::HostNotFound => "the host is not found; check its name and the name service".to_owned(),
            ureq::Error::Timeout(what) => format!("no answer in time ({what})"),
            ureq::Error::ConnectProxyFailed(_) => "the proxy did not connect".to_owned(),
            // ureq names a wrong or foreign certificate in rustls' words.
            other => shown(&other.to_string()),
        };
        match error {
            ureq::Error::LargeResponseHeader(..) | ureq::Error::Protocol(_) => RegistryError::Answer { url, reason },
            _ if is_wrong_certificate(error) => {
                let reason =
                    format!("{reason}; if the registry has a certificate of the site, name its authority with --ca");
                RegistryError::Answer { url, reason }
            }
            _ => RegistryError::Transport { url, reason },
        }
    }

    /// The error that an answer stands for.
    pub(super) fn failure(&self, answer: Answer) -> RegistryError {
        let (status, retry_after) = (answer.status, retry_after(&answer.headers));
        let url = answer.url.to_string();
        let body = Body::new(answer.body, answer.url, 0, &self.limits, &self.stop);
        let mut text = Vec::new();
        // The end may be missing, and a reason is not worth another error.
        let _ = body.take(REASON_LIMIT).read_to_end(&mut text);
        let reason = reason(&text);
        match status {
            404 => RegistryError::NotFound { url, reason },
            401 | 403 => RegistryError::Unauthorized { url, reason: refusal(status, &reason) },
            _ => RegistryError::Status { url, status, reason, retry_after },
        }
    }
}

/// Whether TLS failed for the certificate, which no further try changes.
fn is_wrong_certificate(error: &ureq::Error) -> bool {
    let found = match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(io) => io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()),
        _ => None,
    };
    matches!(found, Some(rustls::Error::InvalidCertificate(_)))
}

fn refusal(status: u16, reason: &str) -> String {
    let said = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    match status {
        401 => format!("the registry wants a login{said}; log in with docker or podman, or check the login"),
        _ => format!("the registry denies it{said}; check the name and what this login may do"),
    }
}

/// What an error's answer says: the messages of the distribution specification, else the first line of a text.
fn reason(text: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Answer {
        errors: Vec<Entry>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        code: Option<String>,
        message: Option<String>,
    }
    if let Ok(answer) = serde_json::from_slice::<Answer>(text) {
        let words = answer.errors.into_iter().take(3).map(|entry| {
            [entry.code, entry.message]
                .into_iter()
                .flatten()
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(": ")
        });
        return shown(&words.collect::<Vec<_>>().join("; "));
    }
    let text = String::from_utf8_lossy(text);
    // A page for people says nothing in one line.
    if text.trim_start().starts_with('<') { String::new() } else { shown(text.lines().next().unwrap_or_default()) }
}
