//! Requests to the API server as the agent makes them: JSON in, JSON out, every answer limited.
//!
//! What is asked is not decided here, nor what to do when it fails.

use super::codes::{API, KUBECONFIG};
use super::{kubeconfig, stop::Stop};
use crate::failure::Failure;
use crate::http::{Client, HttpError};
use crate::step::StepLog;
use crate::texts;
use crate::wait::{Backoff, Deadline};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;
use ureq::http::{Method, Request};

/// Longer than this no request takes. The lock on the addons is held longer without being renewed, see `lock`.
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

/// What is asked for of an answer.
#[derive(Clone, Copy)]
pub(super) enum Want {
    /// All of it.
    All,
    /// An object's metadata: small, and without the contents of a Secret. A server of somebody else's API may send all.
    Metadata,
}

impl Want {
    fn accept(self) -> &'static str {
        match self {
            Self::All => "application/json",
            Self::Metadata => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
        }
    }
}

/// Why a request failed, by what may heal it.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There was no answer: the API server is away, or slow with this request.
    Silent(String),
    /// Something else has to come first (a kind, a namespace, a webhook): wait at least so long, then ask again.
    Passing(String, Duration),
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
            log.waiting(&texts::addons::api_server(&self.server));
            backoff.pause(deadline);
        }
    }

    /// Whether the server answers just now.
    pub(super) fn is_ready(&self) -> bool {
        self.call(Method::GET, "/readyz", "", Vec::new()).is_ok()
    }

    /// What a path holds; `None` when there is nothing.
    pub(super) fn find<T: DeserializeOwned>(&self, path: &str, want: Want) -> Result<Option<T>, HttpError> {
        match self.json(request(Method::GET, &self.url(path), want, "", Vec::new())?) {
            Ok((_, value)) => Ok(Some(value)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a path of another API server of this cluster holds; `server` is `https://host`, the port is ours.
    pub(super) fn get_from<T: DeserializeOwned>(&self, host: &str, path: &str) -> Result<T, HttpError> {
        let port = self.server.rsplit_once(':').map_or("", |(_, port)| port);
        let port = if port.parse::<u16>().is_ok() { port } else { "443" };
        let url = format!("https://{host}:{port}{path}");
        Ok(self.json(request(Method::GET, &url, Want::All, "", Vec::new())?)?.1)
    }

    /// Sends JSON and returns the answer's status and the answer.
    pub(super) fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        content: (&str, Vec<u8>),
        want: Want,
    ) -> Result<(u16, T), HttpError> {
        self.json(request(method, &self.url(path), want, content.0, content.1)?)
    }

    /// Sends JSON; the answer is of no interest.
    pub(super) fn call(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> Result<(), HttpError> {
        let request = request(method, &self.url(path), Want::All, content_type, body)?;
        self.client.send(request, ANSWER_LIMIT).map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn json<T: DeserializeOwned>(&self, request: Request<Vec<u8>>) -> Result<(u16, T), HttpError> {
        let url = request.uri().to_string();
        let answer = self.client.open(request)?;
        let status = answer.status().as_u16();
        let reader = answer.into_body().into_with_config().limit(ANSWER_LIMIT).reader();
        let value = serde_json::from_reader(BufReader::new(reader));
        let value = value.map_err(|error| HttpError::Answer { url, reason: error.to_string() })?;
        Ok((status, value))
    }
}

fn request(
    method: Method,
    url: &str,
    want: Want,
    content_type: &str,
    body: Vec<u8>,
) -> Result<Request<Vec<u8>>, HttpError> {
    let mut request = Request::builder().method(method).uri(url).header("accept", want.accept());
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
            return Self::Silent(error.to_string());
        };
        let said = format!("status {status}: {}", message(body, secret));
        match status {
            500 if body.contains(NO_SUCH_FIELD) => Self::Refused(said),
            429 | 500..=599 => Self::Passing(said, Duration::from_secs(retry_after.unwrap_or(0).min(10))),
            404 | 408 | 409 => Self::Passing(said, Duration::ZERO),
            403 if PASSING_REFUSALS.iter().any(|part| body.contains(part)) => Self::Passing(said, Duration::ZERO),
            _ => Self::Refused(said),
        }
    }

    /// In words.
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Silent(message) | Self::Passing(message, _) | Self::Refused(message) => message,
        }
    }

    /// What this means where nothing else can be done meanwhile.
    pub(super) fn stop(&self, doing: &str) -> Stop {
        let message = format!("{doing}: {}", self.message());
        match self {
            Self::Silent(_) | Self::Passing(..) => Stop::Again(&API, texts::addons::again(message)),
            Self::Refused(_) => Stop::Failed(Failure::new(&API, message)),
        }
    }
}

/// The API server's words for an unknown or malformed field in server-side apply, which it gives status 500
/// (`managedfields/internal/structuredmerge.go`).
const NO_SUCH_FIELD: &str = "failed to create typed patch object";
/// Refusals that waiting heals: the namespace goes and is made anew, or its account is not there yet
/// (`plugin/pkg/admission/{namespace/lifecycle,serviceaccount}`).
const PASSING_REFUSALS: [&str; 2] = ["because it is being terminated", "error looking up service account"];

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
        for (status, heals) in
            [(429, true), (500, true), (503, true), (404, true), (409, true), (400, false), (403, false), (422, false)]
        {
            let body = r#"{"message":"token hunter2","reason":"Invalid"}"#.to_owned();
            let error = HttpError::Status { url: String::new(), status, body, retry_after: Some(9_999) };
            let trouble = Trouble::of(&error, true);
            match &trouble {
                Trouble::Passing(_, pause) => {
                    assert!(heals && (pause.as_secs() == 10) == (status == 429 || status >= 500));
                }
                Trouble::Refused(_) => assert!(!heals, "{status}"),
                Trouble::Silent(_) => panic!("{status} is an answer"),
            }
            assert_eq!(trouble.message(), format!("status {status}: Invalid"));
        }
    }

    #[test]
    fn a_status_that_says_too_little_is_told_by_its_message() {
        let of = |status, body: &str| {
            let body = body.to_owned();
            Trouble::of(&HttpError::Status { url: String::new(), status, body, retry_after: None }, false)
        };
        let unknown_field =
            r#"{"message":"failed to create typed patch object (a/b; v1): .spec.x: field not declared"}"#;
        assert!(matches!(of(500, unknown_field), Trouble::Refused(_)));
        let going = r#"{"message":"unable to create new content in namespace a because it is being terminated"}"#;
        assert!(matches!(of(403, going), Trouble::Passing(..)));
    }
}
