//! Asks the local member for its state and its data over etcd's JSON gateway, and streams the data into a file.
//!
//! The gateway writes a stream as one JSON text a line (grpc-gateway); a line holds 32 KiB of data as base64.

use crate::http::{Client, HttpError, Identity};
use data_encoding::BASE64;
use serde::Deserialize;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// A question about the state takes no longer.
const STATUS_TIME: Duration = Duration::from_secs(5);
/// The data take no longer; the unit's own limit is 30 minutes.
const SAVE_TIME: Duration = Duration::from_secs(25 * 60);
/// No answer about the state is larger, in bytes.
const STATUS_LIMIT: u64 = 64 << 10;
/// No line is longer, in bytes.
const LINE_LIMIT: u64 = 4 << 20;

/// The member whose data are saved.
#[derive(Debug)]
pub(super) struct Source {
    client: Client,
    patient: Client,
    url: String,
}

/// What the member says about itself (etcd, `StatusResponse`). Numbers of 64 bits are texts.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    /// Bytes of its database.
    #[serde(rename = "dbSize", deserialize_with = "number")]
    pub(super) size: u64,
    #[serde(default, deserialize_with = "number")]
    leader: u64,
    #[serde(default, rename = "isLearner")]
    is_learner: bool,
    #[serde(default)]
    errors: Vec<String>,
}

/// What was saved.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Saved {
    /// Revision of the data; 0 from a server that does not tell.
    pub(super) revision: u64,
    /// Version of etcd.
    pub(super) version: String,
}

#[derive(Deserialize)]
struct Line {
    result: Option<Part>,
    error: Option<serde_json::Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    header: Header,
    #[serde(deserialize_with = "number")]
    remaining_bytes: u64,
    blob: String,
    version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Header {
    #[serde(deserialize_with = "number")]
    revision: u64,
}

impl Status {
    /// Whether the member's data are the cluster's.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self { is_learner: true, .. } => Err("the local member is a learner".to_owned()),
            Self { leader: 0, .. } => Err("the local member sees no leader".to_owned()),
            Self { errors, .. } if errors.iter().any(|error| error.to_lowercase().contains("corrupt")) => {
                Err(format!("the local member reports {}", errors.join(", ")))
            }
            _ => Ok(()),
        }
    }
}

impl Source {
    /// The member with this client URL.
    pub(super) fn new(identity: &Identity, client_url: &str) -> Result<Self, HttpError> {
        Ok(Self {
            client: Client::new(identity, STATUS_TIME)?,
            patient: Client::new(identity, SAVE_TIME)?,
            url: client_url.trim_end_matches('/').to_owned(),
        })
    }

    /// Its state.
    pub(super) fn status(&self) -> Result<Status, HttpError> {
        let (url, request) = self.request("/v3/maintenance/status")?;
        let answer = self.client.send(request, STATUS_LIMIT)?;
        serde_json::from_slice(&answer).map_err(|error| HttpError::Answer { url, reason: error.to_string() })
    }

    /// Its data into a new file, mode 0600, fsynced.
    ///
    /// # Errors
    /// [`HttpError::Answer`] when the stream ends early or is no stream of data; otherwise the member does not answer,
    /// or the disk refuses.
    pub(super) fn save(&self, file: &Path) -> Result<Saved, HttpError> {
        let (url, request) = self.request("/v3/maintenance/snapshot")?;
        let answer = self.patient.open(request)?;
        let reader = answer.into_body().into_with_config().limit(u64::MAX).reader();
        let wrong = |reason| HttpError::Answer { url: url.clone(), reason };
        let write =
            |error: std::io::Error| HttpError::Transport { url: file.display().to_string(), reason: error.to_string() };
        let mut output =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(write)?;
        let saved = copy(reader, &mut output).map_err(wrong)?;
        output.sync_all().map_err(write)?;
        Ok(saved)
    }

    fn request(&self, path: &str) -> Result<(String, ureq::http::Request<Vec<u8>>), HttpError> {
        let url = format!("{}{path}", self.url);
        let request = ureq::http::Request::post(&url).header("content-type", "application/json").body(b"{}".to_vec());
        match request {
            Ok(request) => Ok((url, request)),
            Err(error) => Err(HttpError::Answer { url, reason: error.to_string() }),
        }
    }
}

/// Copies the data out of the stream's lines.
fn copy(input: impl Read, output: &mut impl Write) -> Result<Saved, String> {
    let mut input = BufReader::with_capacity(128 << 10, input);
    let mut saved = None;
    let mut text = Vec::new();
    let mut remaining = u64::MAX;
    loop {
        text.clear();
        let length = input.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut text).map_err(|error| error.to_string())?;
        if length == 0 {
            break;
        }
        let line: Line = serde_json::from_slice(&text).map_err(|error| format!("line {}: {error}", text.len()))?;
        if let Some(error) = line.error {
            return Err(format!("etcd ended the snapshot: {error}"));
        }
        let Some(part) = line.result else { continue };
        let blob = BASE64.decode(part.blob.as_bytes()).map_err(|error| error.to_string())?;
        output.write_all(&blob).map_err(|error| error.to_string())?;
        remaining = part.remaining_bytes;
        saved.get_or_insert(Saved { revision: part.header.revision, version: part.version });
    }
    match saved {
        Some(saved) if remaining == 0 => Ok(saved),
        Some(_) => Err(format!("the snapshot ended {remaining} bytes early")),
        None => Err("etcd sent no snapshot".to_owned()),
    }
}

fn number<'de, D: serde::Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::{Saved, Status, copy};

    #[test]
    fn a_stream_is_saved_only_when_it_is_whole() {
        let part = |left: u64, blob: &str| {
            let header = r#"{"cluster_id":"1","revision":"42"}"#;
            let left = if left == 0 { String::new() } else { format!(r#""remaining_bytes":"{left}","#) };
            format!(r#"{{"result":{{"header":{header},{left}"blob":"{blob}","version":"3.6.8"}}}}"#) + "\n"
        };
        let whole = [part(3, "YWJj"), part(0, "ZGVm")].concat();
        let mut output = Vec::new();
        let saved = copy(whole.as_bytes(), &mut output).unwrap();
        assert_eq!((saved, output.as_slice()), (Saved { revision: 42, version: "3.6.8".to_owned() }, &b"abcdef"[..]));
        let error = r#"{"error":{"code":14,"message":"gone"}}"#;
        let bad = [
            String::new(),
            part(3, "YWJj"),
            whole[..whole.len() - 9].to_owned(),
            format!("{}{error}", part(3, "YWJj")),
            part(0, "not base64"),
            "[]".to_owned(),
            format!("{{\"result\":\"{}\"}}", "x".repeat(5 << 20)),
        ];
        for text in bad {
            assert!(copy(text.as_bytes(), &mut Vec::new()).is_err(), "{text:.80}");
        }
    }

    #[test]
    fn only_a_voter_with_a_leader_is_asked_for_its_data() {
        let check = |text: &str| serde_json::from_str::<Status>(text).unwrap().check().is_ok();
        assert!(check(r#"{"header":{},"version":"3.6.8","dbSize":"20480","leader":"77","raftTerm":"2"}"#));
        assert!(!check(r#"{"dbSize":"20480","leader":"77","isLearner":true}"#));
        assert!(!check(r#"{"dbSize":"20480"}"#));
        assert!(check(r#"{"dbSize":"20480","leader":"77","errors":["memberID:1 alarm:NOSPACE "]}"#), "the more needed");
        assert!(!check(r#"{"dbSize":"20480","leader":"77","errors":["memberID:1 alarm:CORRUPT "]}"#));
    }
}
