//! Refusals, in the words of the specification.
//!
//! Source: OCI distribution specification 1.1, "Error Codes".

use hyper::StatusCode;
use hyper::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};

use super::Answer;
use crate::digest::{Digest, DigestError};

/// Why a request is not answered as it wished.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn of(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn unauthorized() -> Self {
        Self::of(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "name and password are needed")
    }

    pub(super) fn read_only() -> Self {
        Self::of(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "this registry is read-only: it serves a bundle")
    }

    /// A site's path that is asked in another way than it can be.
    pub(super) fn method() -> Self {
        Self::of(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "this path takes GET and HEAD")
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("a body has at most {limit} bytes here");
        Self::of(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message)
    }

    pub(super) fn cut() -> Self {
        Self::of(StatusCode::REQUEST_TIMEOUT, "UNKNOWN", "the body did not come whole, or not in time")
    }

    pub(super) fn busy() -> Self {
        Self::of(
            StatusCode::SERVICE_UNAVAILABLE,
            "TOOMANYREQUESTS",
            "too many bodies come on the same behalf; try again",
        )
    }

    pub(super) fn broken() -> Self {
        Self::of(
            StatusCode::INTERNAL_SERVER_ERROR,
            "UNKNOWN",
            "the answer can't be given; the server's log may tell why",
        )
    }

    pub(super) fn nothing_here() -> Self {
        Self::of(StatusCode::NOT_FOUND, "UNSUPPORTED", "there is nothing at this path; the API begins at /v2/")
    }

    pub(super) fn bad_name(name: &str) -> Self {
        let name: String = name.chars().take(100).collect();
        Self::of(StatusCode::BAD_REQUEST, "NAME_INVALID", format!("`{}` is no repository name", name.escape_debug()))
    }

    pub(super) fn no_name(name: &str) -> Self {
        Self::of(StatusCode::NOT_FOUND, "NAME_UNKNOWN", format!("the bundle has no repository `{name}`"))
    }

    pub(super) fn bad_digest(error: &DigestError) -> Self {
        Self::of(StatusCode::BAD_REQUEST, "DIGEST_INVALID", error.to_string())
    }

    pub(super) fn bad_page() -> Self {
        Self::of(StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID", "`n` is a number from 0 to 1000")
    }

    pub(super) fn no_manifest(reference: &str) -> Self {
        let reference: String = reference.chars().take(140).collect();
        let message = format!("the bundle has no manifest `{}` here", reference.escape_debug());
        Self::of(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message)
    }

    pub(super) fn no_blob(digest: &Digest) -> Self {
        Self::of(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", format!("the bundle has no blob {digest}"))
    }

    pub(super) fn damaged(digest: &Digest) -> Self {
        let message =
            format!("{digest} is damaged in this bundle and not served; `kfimg bundle verify` says what it breaks");
        Self::of(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", message)
    }

    pub(super) fn unreadable(digest: &Digest) -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", format!("{digest} can't be read from the bundle"))
    }

    pub(super) fn into_answer(self) -> Answer {
        let text = serde_json::json!({ "errors": [{ "code": self.code, "message": self.message }] });
        let answer = Answer::text(self.status, "application/json", text.to_string());
        match self.status {
            StatusCode::UNAUTHORIZED => answer.with(WWW_AUTHENTICATE, "Basic realm=\"kfimg\", charset=\"UTF-8\""),
            StatusCode::METHOD_NOT_ALLOWED => answer.with(ALLOW, "GET, HEAD"),
            StatusCode::SERVICE_UNAVAILABLE => answer.with(RETRY_AFTER, "1"),
            _ => answer,
        }
    }
}
