//! Manifests and blobs.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE};
use tokio::task::spawn_blocking;

use super::super::blob_body::BlobBody;
use super::super::body::Payload;
use super::super::range::{Wanted, names, wanted};
use super::super::trust::Verdict;
use super::{Answer, Asked, Refusal, Shared};
use crate::digest::Digest;
use crate::layout::DOCUMENT_LIMIT;

/// The type of a blob: the registry does not know what is in it.
const BLOB: &str = "application/octet-stream";

/// A manifest or an index, by tag or by digest.
pub(super) async fn manifest(
    shared: &Shared,
    name: &str,
    reference: &str,
    asked: &Asked<'_>,
) -> Result<Answer, Refusal> {
    let tags = shared.registry.tags(name, asked.namespace.as_deref()).ok_or_else(|| Refusal::no_name(name))?;
    let digest = if reference.contains(':') {
        reference.parse().map_err(|error| Refusal::bad_digest(&error))?
    } else {
        tags.get(reference).cloned().ok_or_else(|| Refusal::no_manifest(reference))?
    };
    let known = shared.registry.known(&digest).ok_or_else(|| Refusal::no_manifest(reference))?;
    if let Some(answer) = not_modified(&digest, asked) {
        return Ok(answer);
    }
    let bytes = match &known.bytes {
        Some(bytes) => bytes.clone(),
        None => read_document(shared, &digest).await?,
    };
    let mut answer = described(StatusCode::OK, &digest).with(CONTENT_TYPE, &known.media_type);
    answer.length = Some(known.size);
    answer.payload = Payload::Bytes(bytes);
    Ok(answer)
}

/// Reads a document that memory had no room for; it is verified again.
async fn read_document(shared: &Shared, digest: &Digest) -> Result<Bytes, Refusal> {
    let content = Arc::clone(shared.registry.content().ok_or_else(|| Refusal::unreadable(digest))?);
    let wanted = digest.clone();
    let read = spawn_blocking(move || content.read_small(&wanted, DOCUMENT_LIMIT)).await;
    match read {
        Ok(Ok(bytes)) => Ok(Bytes::from(bytes)),
        _ => Err(Refusal::unreadable(digest)),
    }
}

/// A blob or a part of it.
pub(super) async fn blob(shared: &Shared, name: &str, digest: &str, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    shared.registry.tags(name, asked.namespace.as_deref()).ok_or_else(|| Refusal::no_name(name))?;
    let digest: Digest = digest.parse().map_err(|error| Refusal::bad_digest(&error))?;
    let reader = shared.registry.reader(&digest).ok_or_else(|| Refusal::no_blob(&digest))?;
    if shared.trust.of(&digest) == Some(false) {
        return Err(Refusal::damaged(&digest));
    }
    if let Some(answer) = not_modified(&digest, asked) {
        return Ok(answer);
    }
    let size = reader.size();
    // A part of what changed since is of no use: the whole is sent then.
    let fits = asked.header(&IF_RANGE).is_none() || names(asked.header(&IF_RANGE), &tag(&digest), false);
    let range = if fits { wanted(asked.header(&RANGE), size) } else { Wanted::Whole };
    let unknown = shared.trust.of(&digest).is_none();
    if unknown && size == 0 {
        // There is no last portion that could be held back.
        check_whole(shared, &digest, asked).await?;
    }
    if asked.head || size == 0 && range == Wanted::Whole {
        return Ok(sized(described(StatusCode::OK, &digest), size));
    }
    let (offset, length) = match range {
        Wanted::Beyond => {
            let answer = described(StatusCode::RANGE_NOT_SATISFIABLE, &digest);
            return Ok(sized(answer.with(CONTENT_RANGE, &format!("bytes */{size}")), 0));
        }
        Wanted::Whole => (0, size),
        Wanted::Part(offset, length) => (offset, length),
    };
    let mut verdict = None;
    let mut answer = match range {
        Wanted::Part(..) => {
            if unknown {
                check_whole(shared, &digest, asked).await?;
            }
            described(StatusCode::PARTIAL_CONTENT, &digest)
                .with(CONTENT_RANGE, &format!("bytes {offset}-{}/{size}", offset + length - 1))
        }
        _ => {
            if unknown {
                verdict = Some(hashed(shared, &digest, asked)?);
            }
            described(StatusCode::OK, &digest)
        }
    };
    answer = sized(answer, length);
    let body = BlobBody::part(reader, offset, length, &shared.load, asked.wire.lane.clone(), verdict);
    answer.payload = Payload::Blob(body.map_err(|_| Refusal::unreadable(&digest))?);
    Ok(answer)
}

/// Hashes a blob before a part of it is served: nobody could tell from a part that it is damaged.
async fn check_whole(shared: &Shared, digest: &Digest, asked: &Asked<'_>) -> Result<(), Refusal> {
    if hashed(shared, digest, asked)?.await { Ok(()) } else { Err(Refusal::damaged(digest)) }
}

fn hashed(shared: &Shared, digest: &Digest, asked: &Asked<'_>) -> Result<Verdict, Refusal> {
    let reader = shared.registry.reader(digest).ok_or_else(|| Refusal::no_blob(digest))?;
    Ok(shared.trust.verdict(digest, reader, asked.wire.waiting.clone()))
}

fn sized(mut answer: Answer, length: u64) -> Answer {
    answer.length = Some(length);
    answer.with(CONTENT_TYPE, BLOB).with(ACCEPT_RANGES, "bytes")
}

fn described(status: StatusCode, digest: &Digest) -> Answer {
    let answer = Answer::new(status).with(ETAG, &tag(digest));
    answer.with(HeaderName::from_static("docker-content-digest"), digest.as_str())
}

fn not_modified(digest: &Digest, asked: &Asked<'_>) -> Option<Answer> {
    let known = names(asked.header(&IF_NONE_MATCH), &tag(digest), true);
    known.then(|| described(StatusCode::NOT_MODIFIED, digest))
}

/// Content that is named by its digest never changes, so the digest is its entity tag.
fn tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}
