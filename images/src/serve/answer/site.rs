//! Answers that a [`Site`](super::super::Site) gives: its request put together, its content made a body.
//!
//! Source for conditions and ranges: RFC 9110, sections 13 and 14.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use hyper::{Method, Request, StatusCode};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::blob_body::BlobBody;
use super::super::body::Payload;
use super::super::direct::Lane;
use super::super::range::{Wanted, names, wanted};
use super::super::site::{Admission, Reception, Site, SiteAnswer, SiteContent, SiteFile, SiteMethod, SiteRequest};
use super::{Answer, Refusal, Shared};
use crate::content::Extent;

/// Of the body of a POST that is refused, how much is read, and for how long.
const THROWN_AWAY: usize = 1 << 20;
const LINGER: Duration = Duration::from_secs(1);

/// An answer, and the site's word for it.
pub(super) struct Given {
    pub(super) answer: Answer,
    pub(super) route: &'static str,
}

/// Asks the site. What comes of a POST that is refused is thrown away, so that its client gets to the answer.
pub(super) async fn ask(
    shared: &Shared,
    site: &Arc<dyn Site>,
    client: SocketAddr,
    lane: Option<Arc<Lane>>,
    request: &mut Request<Incoming>,
) -> Result<Given, Refusal> {
    let mut asked = asked(shared, client, request)?;
    if asked.method == SiteMethod::Post {
        let (reception, back) = on_a_thread(site, asked, |site, asked| site.receive(asked)).await?;
        asked = back;
        let refused = match reception {
            Reception::Body { limit, behalf } => match read_body(shared, request.body_mut(), limit, behalf).await {
                Ok(body) => {
                    asked.body = body;
                    None
                }
                Err(refusal) => Some(Err(refusal)),
            },
            Reception::Answer(given) => Some(Ok(given)),
            Reception::None => Some(Err(Refusal::method())),
        };
        if let Some(refused) = refused {
            throw_away(request).await;
            return give(shared, refused?, request.headers(), lane).await;
        }
    }
    let (given, _) = on_a_thread(site, asked, |site, asked| site.answer(asked)).await?;
    give(shared, given, request.headers(), lane).await
}

/// What the site hears of a request, without its body.
fn asked(shared: &Shared, client: SocketAddr, request: &Request<Incoming>) -> Result<SiteRequest, Refusal> {
    let method = match *request.method() {
        Method::GET => SiteMethod::Get { head: false },
        Method::HEAD => SiteMethod::Get { head: true },
        Method::POST => SiteMethod::Post,
        _ => return Err(Refusal::method()),
    };
    let admission = match &shared.credentials {
        None => Admission::Unasked,
        Some(known) if known.admit(request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes)) => {
            Admission::Admitted
        }
        Some(_) => Admission::Refused,
    };
    let path = request.uri().path().to_owned();
    let query = request.uri().query().map(str::to_owned);
    let host = super::header(request.headers(), &HOST).map(str::to_owned);
    Ok(SiteRequest { method, path, query, host, client, admission, body: Bytes::new() })
}

/// Asks the site where it may wait for a disk.
async fn on_a_thread<T: Send + 'static>(
    site: &Arc<dyn Site>,
    asked: SiteRequest,
    question: fn(&dyn Site, &SiteRequest) -> T,
) -> Result<(T, SiteRequest), Refusal> {
    let site = Arc::clone(site);
    let answer = spawn_blocking(move || (question(&*site, &asked), asked));
    answer.await.map_err(|_| Refusal::broken())
}

/// Reads a body, which is bounded in size, in time, and in how many are read at once.
async fn read_body(shared: &Shared, body: &mut Incoming, limit: usize, behalf: String) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Refusal::too_large(limit));
    }
    let visit = shared.bodies.arrive(behalf).ok_or_else(Refusal::busy)?;
    let read = async {
        let _place = visit.place().await.ok_or_else(Refusal::broken)?;
        let mut bytes = BytesMut::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            let frame = frame.map_err(|_| Refusal::cut())?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(Refusal::too_large(limit));
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.freeze())
    };
    timeout(shared.body_time, read).await.unwrap_or_else(|_| Err(Refusal::cut()))
}

/// Reads what is on its way and keeps nothing of it: a connection that is closed over unread bytes takes the answer with it. Who
/// waits for a word before he sends (RFC 9110, 10.1.1) sends nothing.
async fn throw_away(request: &mut Request<Incoming>) {
    if request.headers().contains_key(EXPECT) {
        return;
    }
    let body = request.body_mut();
    let read = async {
        let mut length = 0;
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            length += frame.into_data().map_or(0, |data| data.len());
            if length > THROWN_AWAY {
                break;
            }
        }
    };
    // Who sends for longer, or more, is cut.
    let _ = timeout(LINGER, read).await;
}

async fn give(
    shared: &Shared,
    given: SiteAnswer,
    asked: &HeaderMap,
    lane: Option<Arc<Lane>>,
) -> Result<Given, Refusal> {
    let route = given.route;
    Ok(Given { answer: finish(shared, given, asked, lane).await?, route })
}

/// Makes an answer of what the site gave.
async fn finish(
    shared: &Shared,
    given: SiteAnswer,
    asked: &HeaderMap,
    lane: Option<Arc<Lane>>,
) -> Result<Answer, Refusal> {
    let status = StatusCode::from_u16(given.status).map_err(|_| Refusal::broken())?;
    let mut answer = match given.content {
        SiteContent::Bytes { media_type, bytes } => Answer::text(status, media_type, bytes),
        SiteContent::Events(events) => {
            let mut answer = Answer::new(status).with(CONTENT_TYPE, "text/event-stream");
            answer.payload = Payload::Events(events);
            answer
        }
        SiteContent::File(file) => {
            let (asked, load) = (Conditions::of(asked), Arc::clone(&shared.load));
            // The file's length is asked for, and its first bytes may be looked at.
            let made = spawn_blocking(move || {
                file_answer(file, status, &asked, |extent, offset, length| {
                    BlobBody::part(extent.reader(), offset, length, &load, lane, None)
                })
            });
            made.await.map_err(|_| Refusal::broken())?.map_err(|_| Refusal::broken())?
        }
    };
    answer.done = given.done;
    for (name, value) in given.headers {
        answer = answer.with(HeaderName::from_static(name), &value);
    }
    Ok(answer)
}

/// The conditions of a request.
struct Conditions(HeaderMap);

impl Conditions {
    fn of(headers: &HeaderMap) -> Self {
        let wanted = [RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE];
        Self(wanted.into_iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone()))).collect())
    }

    fn text(&self, name: HeaderName) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }
}

fn file_answer(
    file: SiteFile,
    status: StatusCode,
    asked: &Conditions,
    body: impl FnOnce(Extent, u64, u64) -> std::io::Result<BlobBody>,
) -> std::io::Result<Answer> {
    let extent = Extent::of_open(file.file)?;
    let (size, tag) = (extent.size(), format!("\"{}\"", file.tag));
    let modified = file.modified.map(whole_seconds);
    let units = if file.in_parts { "bytes" } else { "none" };
    let described = |status: StatusCode| {
        let answer = Answer::new(status).with(ETAG, &tag).with(ACCEPT_RANGES, units);
        match modified {
            Some(time) => answer.with(LAST_MODIFIED, &httpdate::fmt_http_date(time)),
            None => answer,
        }
    };
    if asked.text(IF_MATCH).is_some_and(|header| header.trim() != "*" && !names(Some(header), &tag, false)) {
        return Ok(empty(described(StatusCode::PRECONDITION_FAILED)));
    }
    if is_known(asked, &tag, modified) {
        let mut answer = described(StatusCode::NOT_MODIFIED);
        // Nothing of the file goes out.
        answer.is_part = true;
        return Ok(answer);
    }
    // A part of what changed since is of no use: the whole is sent then.
    let fits = match asked.text(IF_RANGE) {
        None => true,
        Some(header) => names(Some(header), &tag, false) || is_date(header, modified),
    };
    let range = if fits && file.in_parts { wanted(asked.text(RANGE), size) } else { Wanted::Whole };
    let (mut answer, offset, length) = match range {
        Wanted::Beyond => {
            let answer = described(StatusCode::RANGE_NOT_SATISFIABLE);
            return Ok(empty(answer.with(CONTENT_RANGE, &format!("bytes */{size}"))));
        }
        Wanted::Whole => (described(status), 0, size),
        Wanted::Part(offset, length) => {
            let range = format!("bytes {offset}-{}/{size}", offset + length - 1);
            (described(StatusCode::PARTIAL_CONTENT).with(CONTENT_RANGE, &range), offset, length)
        }
    };
    answer = answer.with(CONTENT_TYPE, file.media_type);
    answer.length = Some(length);
    answer.is_part = length < size;
    if length > 0 {
        answer.payload = Payload::Blob(body(extent, offset, length)?);
    }
    Ok(answer)
}

fn empty(mut answer: Answer) -> Answer {
    answer.length = Some(0);
    answer.is_part = true;
    answer
}

/// Whether the client has what is there. A tag counts before a time.
fn is_known(asked: &Conditions, tag: &str, modified: Option<SystemTime>) -> bool {
    match asked.text(IF_NONE_MATCH) {
        Some(header) => names(Some(header), tag, true),
        None => asked.text(IF_MODIFIED_SINCE).is_some_and(|header| is_date(header, modified)),
    }
}

/// Whether a header is the very time of the last change: a file that was replaced by an older one is a new one, too.
fn is_date(header: &str, modified: Option<SystemTime>) -> bool {
    modified.is_some() && httpdate::parse_http_date(header).ok() == modified
}

/// HTTP's dates have no parts of seconds.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}
