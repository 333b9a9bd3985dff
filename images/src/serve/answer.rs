//! What is answered to a request.
//!
//! Source: OCI distribution specification 1.1, "Pull", "Content Discovery" and "Error Codes".

mod error;
mod pull;
mod site;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK, USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode};

use super::blob_body::Load;
use super::body::{Body, End, Ends, Payload};
use super::direct::Lane;
use super::idle::Waiting;
use super::log::{Line, shortened};
use super::metrics::Metrics;
use super::places::Places;
use super::registry::Registry;
use super::route::{Route, parameter};
use super::site::{Done, Site};
use super::trust::Trust;
use super::{AccessLog, Credentials, ServeOptions, page};
use crate::layout::{Index, media_type};
use error::Refusal;

/// Bodies of requests that are read at once, of all and on one behalf.
const BODIES: usize = 16;
const ON_ONE_BEHALF: usize = 2;

/// What all connections share.
pub(super) struct Shared {
    pub(super) registry: Registry,
    pub(super) metrics: Metrics,
    pub(super) log: AccessLog,
    /// What answers where the registry has nothing.
    site: Option<Arc<dyn Site>>,
    credentials: Option<Credentials>,
    /// Bodies of requests that are read at once.
    bodies: Arc<Places<String>>,
    /// Time in which a body must have come.
    body_time: Duration,
    trust: Arc<Trust>,
    load: Arc<Load>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(registry: Registry, options: ServeOptions) -> Self {
        let ServeOptions { credentials, log, site, limits, .. } = options;
        let (metrics, trust, load) = (Metrics::default(), Arc::default(), Arc::default());
        let (bodies, body_time) = (Arc::new(Places::new(BODIES, ON_ONE_BEHALF)), limits.body);
        Self { registry, metrics, log, site, credentials, bodies, body_time, trust, load }
    }
}

/// An answer before it is sent.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    payload: Payload,
    /// The length that is announced, which a HEAD does not send.
    length: Option<u64>,
    /// It is less than the whole of what was asked for.
    is_part: bool,
    /// What is done when it is out.
    done: Option<Done>,
}

impl Answer {
    fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), payload: Payload::empty(), length: None, is_part: false, done: None }
    }

    fn text(status: StatusCode, media_type: &str, text: impl Into<Bytes>) -> Self {
        let text = text.into();
        let mut answer = Self::new(status);
        answer.length = Some(text.len() as u64);
        answer.payload = Payload::Bytes(text);
        answer.with(CONTENT_TYPE, media_type)
    }

    /// A value that no header may have is left out; all of ours are digests, numbers and names that were checked.
    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// What of a request is looked at.
struct Asked<'a> {
    headers: &'a HeaderMap,
    query: Option<&'a str>,
    namespace: Option<String>,
    /// Only the header is asked for.
    head: bool,
    wire: Wire,
}

/// What an answer does with the connection that it goes out by.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    /// By which parts of files may be sent.
    pub(super) lane: Option<Arc<Lane>>,
    /// Whose time it is that nothing moves.
    pub(super) waiting: Waiting,
    /// What happens when answers are out.
    pub(super) ends: Ends,
}

impl Asked<'_> {
    fn header(&self, name: &HeaderName) -> Option<&str> {
        header(self.headers, name)
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Answers one request. Its body is read only where the site takes one.
pub(super) async fn answer(
    shared: Arc<Shared>,
    client: SocketAddr,
    wire: Wire,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let (begin, ends) = (Instant::now(), wire.ends.clone());
    let route = Route::of(request.uri().path());
    let head = request.method() == Method::HEAD;
    let mut line = Line {
        begin,
        client,
        method: shortened(request.method().as_str()),
        path: shortened(request.uri().path()),
        agent: header(request.headers(), &USER_AGENT).map(shortened),
        namespace: None,
        route: route.word(),
        status: 0,
        bytes: 0,
        cut: false,
    };
    let mut answer = match &shared.site {
        Some(site) if route == Route::Unknown => {
            if let Some(shown) = site.shown(request.uri().path()) {
                line.path = shortened(&shown);
            }
            match site::ask(&shared, site, client, wire.lane, &mut request).await {
                Ok(given) => {
                    line.route = given.route;
                    given.answer
                }
                Err(refusal) => refusal.into_answer(),
            }
        }
        _ => {
            let query = request.uri().query();
            let namespace = parameter(query, "ns");
            let asked = Asked { headers: request.headers(), query, namespace, head, wire };
            line.namespace = asked.namespace.as_deref().map(shortened);
            let answer = decide(&shared, &route, request.method(), &asked).await.unwrap_or_else(Refusal::into_answer);
            let version = HeaderName::from_static("docker-distribution-api-version");
            answer.with(version, "registry/2.0")
        }
    };
    line.status = answer.status.as_u16();
    if head {
        (answer.payload, answer.done) = (Payload::empty(), None);
    }
    if let Some(length) = answer.length {
        answer.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let end = End { line, shared, done: answer.done, is_part: answer.is_part };
    let body = Body::new(answer.payload, end, ends);
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

async fn decide(shared: &Shared, route: &Route, method: &Method, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    // Whoever balances load asks for health without a password.
    let admitted = match &shared.credentials {
        Some(credentials) if *route != Route::Health => {
            credentials.admit(asked.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes))
        }
        _ => true,
    };
    if !admitted {
        return Err(Refusal::unauthorized());
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refusal::read_only());
    }
    match route {
        Route::Base => Ok(Answer::text(StatusCode::OK, "application/json", "{}")),
        Route::Health => Ok(Answer::text(StatusCode::OK, "text/plain; charset=utf-8", "ok\n")),
        Route::Metrics => {
            let page = shared.metrics.page(shared.trust.count(), shared.log.lost());
            Ok(Answer::text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page))
        }
        Route::Catalog => catalog(shared, asked),
        Route::Tags(name) => tags(shared, name, asked),
        Route::Manifest(name, reference) => pull::manifest(shared, name, reference, asked).await,
        Route::Blob(name, digest) => pull::blob(shared, name, digest, asked).await,
        Route::Referrers(name, digest) => referrers(shared, name, digest, asked),
        Route::BadName(name) => Err(Refusal::bad_name(name)),
        Route::Unknown => Err(Refusal::nothing_here()),
    }
}

fn catalog(shared: &Shared, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let page = cut_page(shared.registry.repositories(), asked)?;
    let text = serde_json::json!({ "repositories": page.names });
    Ok(link(listed(&text), "/v2/_catalog", &page, asked))
}

fn tags(shared: &Shared, name: &str, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let tags = shared.registry.tags(name, asked.namespace.as_deref()).ok_or_else(|| Refusal::no_name(name))?;
    let page = cut_page(tags.keys().map(String::as_str), asked)?;
    let text = serde_json::json!({ "name": name, "tags": page.names });
    Ok(link(listed(&text), &format!("/v2/{name}/tags/list"), &page, asked))
}

fn listed(text: &serde_json::Value) -> Answer {
    Answer::text(StatusCode::OK, "application/json", text.to_string())
}

fn cut_page<'a>(names: impl Iterator<Item = &'a str>, asked: &Asked<'_>) -> Result<page::Page<'a>, Refusal> {
    let length = page::length(parameter(asked.query, "n").as_deref()).map_err(|()| Refusal::bad_page())?;
    Ok(page::page(names, length, parameter(asked.query, "last").as_deref()))
}

/// Adds where the next page is. The path and the names were checked or are ours.
fn link(answer: Answer, path: &str, page: &page::Page<'_>, asked: &Asked<'_>) -> Answer {
    let Some(last) = page.names.last().filter(|_| page.more) else { return answer };
    // As it was written: decoding it again must give the same.
    let written = asked.query.into_iter().flat_map(|query| query.split('&')).find(|pair| pair.starts_with("ns="));
    let namespace = written.map(|pair| format!("&{pair}")).unwrap_or_default();
    answer.with(LINK, &format!("<{path}?n={}&last={last}{namespace}>; rel=\"next\"", page.names.len()))
}

fn referrers(shared: &Shared, name: &str, digest: &str, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    shared.registry.tags(name, asked.namespace.as_deref()).ok_or_else(|| Refusal::no_name(name))?;
    let digest = digest.parse().map_err(|error| Refusal::bad_digest(&error))?;
    let wanted = parameter(asked.query, "artifactType");
    let fits = |artifact_type: Option<&str>| wanted.is_none() || artifact_type == wanted.as_deref();
    let all = shared.registry.referrers(&digest).iter();
    let index = Index::of(all.filter(|entry| fits(entry.artifact_type.as_deref())).cloned().collect());
    let answer = Answer::text(StatusCode::OK, media_type::OCI_INDEX, index.to_bytes());
    Ok(match wanted {
        Some(_) => answer.with(HeaderName::from_static("oci-filters-applied"), "artifactType"),
        None => answer,
    })
}
