//! Requests to the API server as the agent makes them: JSON in, JSON out, every answer limited.
//!
//! What is asked is not decided here, nor what to do when it fails.

use super::codes::{API, KUBECONFIG};
use super::kubeconfig;
use crate::failure::Failure;
use crate::http::{Client, HttpError};
use crate::step::StepLog;
use crate::wait::{Backoff, Deadline};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;
use ureq::http::{Method, Request};

/// Longer than this no request takes. A lock on the addons is held longer without being renewed, see `lock`.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(12);
/// No answer that is read is larger than this, in bytes. etcd's own limit for an object is 1.5 MiB.
const ANSWER_LIMIT: u64 = 8 << 20;
/// How long a step waits for the API server before it ends and is started again.
const READY_TIME: Duration = Duration::from_secs(15 * 60);

/// The node's own API server.
pub(super) struct Api {
    client: Client,
    server: String,
}

/// Why a request failed, by what may heal it.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The API server does not answer, or not now: wait at least so long, then ask again.
    Server(String, Duration),
    /// Something else has to come first: a kind, a namespace, a webhook.
    Passing(String),
    /// It will be said again and again.
    Refused(String),
}

/// `meta/v1` `Status`, as far as it tells why.
#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
    #[serde(default)]
    reason: String,
}

impl Api {
    /// The server of a kubeconfig.
    pub(super) fn open(kubeconfig: &Path) -> Result<Self, Failure> {
        let wrong = |reason: String| Failure::new(&KUBECONFIG, format!("{}: {reason}", kubeconfig.display()));
        let text = fs_err::read_to_string(kubeconfig).map_err(|error| Failure::new(&KUBECONFIG, error.to_string()))?;
        let access = kubeconfig::read(&text).map_err(wrong)?;
        let client = Client::new(&access.identity, REQUEST_TIME).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { client, server: access.server })
    }

    /// Waits until the server says that it is ready.
    pub(super) fn wait_ready(&self, log: &mut StepLog) -> Result<(), Failure> {
        let deadline = Deadline::after(READY_TIME);
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(2));
        loop {
            let Err(error) = self.call(Method::GET, "/readyz", "", Vec::new()) else { return Ok(()) };
            if deadline.over() {
                let message = format!("the API server at {} is not ready for {READY_TIME:?}: {error}", self.server);
                return Err(Failure::new(&API, message));
            }
            log.waiting(&format!("waiting for the API server at {}", self.server));
            backoff.pause(deadline);
        }
    }

    /// What a path holds.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, HttpError> {
        Ok(self.json(Method::GET, &self.url(path), "", Vec::new())?.1)
    }

    /// What a path of another API server of this cluster holds.
    pub(super) fn get_from<T: DeserializeOwned>(&self, server: &str, path: &str) -> Result<T, HttpError> {
        Ok(self.json(Method::GET, &format!("{server}{path}"), "", Vec::new())?.1)
    }

    /// Sends JSON and returns the answer's status and the answer.
    pub(super) fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(u16, T), HttpError> {
        self.json(method, &self.url(path), content_type, body)
    }

    /// Sends JSON; the answer is of no interest.
    pub(super) fn call(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> Result<(), HttpError> {
        let url = self.url(path);
        self.client.send(request(method, &url, content_type, body)?, ANSWER_LIMIT).map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(u16, T), HttpError> {
        let answer = self.client.open(request(method, url, content_type, body)?)?;
        let status = answer.status().as_u16();
        let reader = answer.into_body().into_with_config().limit(ANSWER_LIMIT).reader();
        let value = serde_json::from_reader(BufReader::new(reader));
        let value = value.map_err(|error| HttpError::Answer { url: url.to_owned(), reason: error.to_string() })?;
        Ok((status, value))
    }
}

fn request(method: Method, url: &str, content_type: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>, HttpError> {
    let mut request = Request::builder().method(method).uri(url).header("accept", "application/json");
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    request.body(body).map_err(|error| HttpError::Answer { url: url.to_owned(), reason: error.to_string() })
}

/// One part of a path, percent-encoded (RFC 3986, section 3.3). Names of roles have colons.
pub(super) fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

impl Trouble {
    /// Sorts an error. What the server says about a Secret may quote it; then only the reason's name is told.
    pub(super) fn of(error: &HttpError, secret: bool) -> Self {
        let HttpError::Status { status, body, retry_after, .. } = error else {
            return Self::Server(error.to_string(), Duration::ZERO);
        };
        let said = format!("status {status}: {}", message(body, secret));
        match status {
            429 | 500..=599 => Self::Server(said, Duration::from_secs(retry_after.unwrap_or(0).min(10))),
            404 | 408 | 409 => Self::Passing(said),
            _ => Self::Refused(said),
        }
    }

    /// In words.
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Server(message, _) | Self::Passing(message) | Self::Refused(message) => message,
        }
    }
}

fn message(body: &str, secret: bool) -> String {
    let said = match serde_json::from_str(body) {
        Ok(Status { reason, .. }) if secret => reason,
        Ok(Status { message, .. }) => message,
        Err(_) if secret => String::new(),
        Err(_) => body.trim().to_owned(),
    };
    said.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::{Trouble, segment};
    use crate::http::HttpError;

    #[test]
    fn names_become_one_part_of_a_path() {
        assert_eq!(segment("kfimg:kubelet-api-admin"), "kfimg:kubelet-api-admin");
        assert_eq!(segment("../a?b#c d%"), "..%2Fa%3Fb%23c%20d%25");
    }

    #[test]
    fn what_a_retry_may_heal_is_told_from_what_it_cannot() {
        for (status, class) in [(429, 's'), (500, 's'), (503, 's'), (404, 'p'), (409, 'p'), (400, 'r'), (403, 'r'), (422, 'r')] {
            let body = r#"{"message":"token hunter2","reason":"Invalid"}"#.to_owned();
            let error = HttpError::Status { url: String::new(), status, body, retry_after: Some(9_999) };
            let trouble = Trouble::of(&error, true);
            let found = match &trouble {
                Trouble::Server(_, pause) => {
                    assert_eq!(pause.as_secs(), 10);
                    's'
                }
                Trouble::Passing(_) => 'p',
                Trouble::Refused(_) => 'r',
            };
            assert_eq!(found, class, "{status}");
            assert_eq!(trouble.message(), format!("status {status}: Invalid"));
        }
    }
}
