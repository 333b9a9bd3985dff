//! etcd's JSON gateway: the few requests of its API that the guard sends.
//!
//! Numbers of 64 bits are decimal text in it, bytes are base64. When a request is right is not decided here.
//! Source: etcd, `api/etcdserverpb/rpc.proto`.

use crate::guard::{ClusterId, MemberId};
use crate::http::{Client, HttpError, Identity};
use data_encoding::BASE64;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::time::Duration;

/// A whole request takes no longer.
const TIME: Duration = Duration::from_secs(2);
/// No answer is larger, in bytes.
const LIMIT: u64 = 256 << 10;

/// One member's client URL.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    client: Client,
    url: String,
}

/// What every answer of etcd begins with.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Header {
    #[serde(deserialize_with = "number")]
    cluster_id: u64,
    #[serde(deserialize_with = "number")]
    member_id: u64,
}

/// An entry of the list of members.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Entry {
    #[serde(rename = "ID", deserialize_with = "number")]
    id: u64,
    /// Empty until it has started.
    pub(crate) name: String,
    /// Where peers reach it.
    #[serde(rename = "peerURLs")]
    pub(crate) peer_urls: Vec<String>,
    /// Where clients reach it; empty until it has started.
    #[serde(rename = "clientURLs")]
    pub(crate) client_urls: Vec<String>,
    /// Whether it has no vote.
    #[serde(rename = "isLearner")]
    pub(crate) learner: bool,
}

/// The list of members.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Members {
    header: Header,
    /// Its entries.
    #[serde(default)]
    pub(crate) members: Vec<Entry>,
}

/// What a member says about itself.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Status {
    /// Who answers.
    header: Header,
    #[serde(default, deserialize_with = "number")]
    leader: u64,
    /// Whether it has no vote.
    #[serde(default, rename = "isLearner")]
    pub(crate) learner: bool,
    /// Its alarms, such as `memberID:1 alarm:NOSPACE `, and what else it complains of.
    #[serde(default)]
    pub(crate) errors: Vec<String>,
}

impl Entry {
    /// Its id.
    pub(crate) fn id(&self) -> MemberId {
        MemberId(self.id)
    }

    /// A name for people.
    pub(crate) fn called(&self) -> &str {
        if self.name.is_empty() { self.peer_urls.first().map_or("?", String::as_str) } else { &self.name }
    }
}

impl Members {
    /// Their cluster.
    pub(crate) fn cluster(&self) -> ClusterId {
        ClusterId(self.header.cluster_id)
    }

    /// Who answered.
    pub(crate) fn responder(&self) -> MemberId {
        MemberId(self.header.member_id)
    }
}

impl Status {
    /// Who answered.
    pub(crate) fn responder(&self) -> MemberId {
        MemberId(self.header.member_id)
    }

    /// Whether it knows a leader.
    pub(crate) fn has_leader(&self) -> bool {
        self.leader != 0
    }
}

impl Gateway {
    /// To the member with this client URL.
    pub(crate) fn new(identity: &Identity, url: &str) -> Result<Self, HttpError> {
        Ok(Self { client: Client::new(identity, TIME)?, url: url.trim_end_matches('/').to_owned() })
    }

    /// The list of members after a linearizable read: whoever answers has a leader and a quorum. Learners refuse.
    pub(crate) fn members(&self) -> Result<Members, HttpError> {
        self.ask("cluster/member/list", &json!({ "linearizable": true }))
    }

    /// What the member says about itself; learners answer too.
    pub(crate) fn status(&self) -> Result<Status, HttpError> {
        self.ask("maintenance/status", &json!({}))
    }

    /// Adds a member without a vote.
    pub(crate) fn add_learner(&self, peer_url: &str) -> Result<Members, HttpError> {
        self.ask("cluster/member/add", &json!({ "peerURLs": [peer_url], "isLearner": true }))
    }

    /// Gives a learner a vote.
    pub(crate) fn promote(&self, member: MemberId) -> Result<(), HttpError> {
        self.ask::<Value>("cluster/member/promote", &json!({ "ID": member.0.to_string() })).map(drop)
    }

    /// Takes a member out of the list.
    pub(crate) fn remove(&self, member: MemberId) -> Result<(), HttpError> {
        self.ask::<Value>("cluster/member/remove", &json!({ "ID": member.0.to_string() })).map(drop)
    }

    /// A lease of so many seconds; its id.
    pub(crate) fn grant(&self, seconds: u32) -> Result<i64, HttpError> {
        let answer: Lease = self.ask("lease/grant", &json!({ "TTL": seconds.to_string() }))?;
        Ok(answer.id)
    }

    /// Ends a lease, and with it the keys that hang on it.
    pub(crate) fn revoke(&self, lease: i64) -> Result<(), HttpError> {
        self.ask::<Value>("lease/revoke", &json!({ "ID": lease.to_string() })).map(drop)
    }

    /// Writes the key, unless somebody else has written it; then it returns what they wrote.
    pub(crate) fn claim(&self, key: &str, value: &str, lease: i64) -> Result<Option<String>, HttpError> {
        let (key, value) = (encoded(key), encoded(value));
        let put = json!({ "requestPut": { "key": key, "value": value, "lease": lease.to_string() } });
        let body = json!({
            "compare": [{ "key": key, "target": "CREATE", "result": "EQUAL", "createRevision": "0" }],
            "success": [put],
            "failure": [{ "requestRange": { "key": key } }],
        });
        let answer: Transaction = self.ask("kv/txn", &body)?;
        if answer.succeeded {
            return Ok(None);
        }
        let pairs = answer.responses.into_iter().filter_map(|response| response.range).flat_map(|range| range.kvs);
        Ok(Some(pairs.map(|pair| decoded(&pair.value)).next().unwrap_or_default()))
    }

    /// A key's value after a linearizable read.
    pub(crate) fn get(&self, key: &str) -> Result<Option<String>, HttpError> {
        let range: Range = self.ask("kv/range", &json!({ "key": encoded(key) }))?;
        Ok(range.kvs.first().map(|pair| decoded(&pair.value)))
    }

    /// Writes a key.
    pub(crate) fn put(&self, key: &str, value: &str) -> Result<(), HttpError> {
        self.ask::<Value>("kv/put", &json!({ "key": encoded(key), "value": encoded(value) })).map(drop)
    }

    fn ask<T: serde::de::DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, HttpError> {
        let url = format!("{}/v3/{path}", self.url);
        let wrong = |reason: String| HttpError::Answer { url: url.clone(), reason };
        let request = ureq::http::Request::post(&url).header("content-type", "application/json");
        let request = request.body(body.to_string().into_bytes()).map_err(|error| wrong(error.to_string()))?;
        let answer = self.client.send(request, LIMIT)?;
        serde_json::from_slice(&answer).map_err(|error| wrong(error.to_string()))
    }
}

#[derive(Deserialize)]
struct Lease {
    #[serde(rename = "ID", deserialize_with = "signed")]
    id: i64,
}

#[derive(Deserialize)]
struct Transaction {
    #[serde(default)]
    succeeded: bool,
    #[serde(default)]
    responses: Vec<Response>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "response_range")]
    range: Option<Range>,
}

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    kvs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    #[serde(default)]
    value: String,
}

fn encoded(text: &str) -> String {
    BASE64.encode(text.as_bytes())
}

fn decoded(text: &str) -> String {
    BASE64.decode(text.as_bytes()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn number<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
}

fn signed<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
    String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
}
