//! What can go wrong between us and a registry.

use crate::digest::Digest;
use crate::layout::LayoutError;
pub(super) use crate::shown::shown;
use std::path::PathBuf;
use std::time::Duration;

/// Why a registry did not give or take what it should.
///
/// URLs are shown without what stands behind `?`: storage services put signatures there.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A host, repository, tag or URL that is none.
    #[error("`{written}` {reason}")]
    Name {
        /// As it was written.
        written: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer, or it broke off.
    #[error("{url}: {reason}")]
    Transport {
        /// Asked.
        url: String,
        /// What happened.
        reason: String,
    },
    /// So few bytes come that the transfer would take for ever.
    #[error("{url}: only {bytes} bytes came within {} seconds; the server or the way to it is stuck", within.as_secs())]
    Stalled {
        /// Asked.
        url: String,
        /// What came.
        bytes: u64,
        /// The time looked at.
        within: Duration,
    },
    /// It is not there.
    #[error("{url}: not found{}", said(.reason))]
    NotFound {
        /// Asked.
        url: String,
        /// The registry's words.
        reason: String,
    },
    /// The registry wants to know who asks, and what we have is not enough.
    #[error("{url}: {reason}")]
    Unauthorized {
        /// Asked.
        url: String,
        /// What is missing, and what to do.
        reason: String,
    },
    /// Too many requests, and the registry wants a longer pause than we make.
    #[error("{url}: the registry takes no more requests for {} seconds; log in, use a mirror, or run again later", wait.as_secs())]
    RateLimited {
        /// Asked.
        url: String,
        /// What the registry asks for.
        wait: Duration,
    },
    /// Another status than one that was hoped for.
    #[error("{url}: status {status}{}", said(.reason))]
    Status {
        /// Asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// The registry's words.
        reason: String,
        /// The pause that it asks for.
        retry_after: Option<Duration>,
    },
    /// The registry sends us where we do not go.
    #[error("{url}: its {what} leads to {to}: {reason}")]
    Refused {
        /// Asked.
        url: String,
        /// Redirect, token realm, upload location, next page.
        what: &'static str,
        /// Where it leads.
        to: String,
        /// Why we do not go there, and what to do if it is right.
        reason: String,
    },
    /// An answer that makes no sense.
    #[error("{url}: {reason}")]
    Answer {
        /// Asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More bytes than are read of such an answer.
    #[error("{url}: the answer has more than {limit} bytes; nothing of its kind is that large")]
    TooLarge {
        /// Asked.
        url: String,
        /// The bound, in bytes.
        limit: u64,
    },
    /// The bytes are not those of the digest.
    #[error(
        "{url}: the answer has the digest {found}, not {wanted}; the registry or something before it is broken or lies"
    )]
    Digest {
        /// Asked.
        url: String,
        /// By the request, or by the answer's own header.
        wanted: Digest,
        /// Computed.
        found: Digest,
    },
    /// A manifest or index that cannot be used.
    #[error("{url}: the answer {error}")]
    Document {
        /// Asked.
        url: String,
        /// What is wrong with it.
        error: LayoutError,
    },
    /// The user's logins cannot be read.
    #[error("{reason}")]
    Credentials {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file of certificates cannot be used.
    #[error("{}: {reason}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What is uploaded cannot be read.
    #[error("reading blob {digest} to upload it: {source}")]
    Source {
        /// The blob.
        digest: Digest,
        /// The system's words.
        source: std::io::Error,
    },
    /// Somebody asked to stop.
    #[error("stopped")]
    Stopped,
}

/// What to do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The network or the registry: another try, or another mirror, may help.
    Passing,
    /// The registry does not have it: another mirror may.
    Missing,
    /// The registry refuses, or gives wrong or dangerous answers: another mirror may do better.
    Wrong,
    /// The user must change something.
    Final,
}

impl RegistryError {
    /// What to do after it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Transport { .. } | Self::Stalled { .. } => Class::Passing,
            Self::Status { status, .. } if is_passing(*status) => Class::Passing,
            Self::NotFound { .. } => Class::Missing,
            Self::Name { .. }
            | Self::Credentials { .. }
            | Self::Authorities { .. }
            | Self::Source { .. }
            | Self::Stopped => Class::Final,
            _ => Class::Wrong,
        }
    }

    /// The host (`reg.local:5000`) and its reason, where that is likely to meet whatever else is asked of it: there is no way to
    /// it, no trust in it, or it wants a login.
    #[must_use]
    pub fn host_and_reason(&self) -> Option<(&str, &str)> {
        match self {
            Self::Transport { url, reason } | Self::Unauthorized { url, reason } | Self::Answer { url, reason } => {
                url.split('/').nth(2).map(|host| (host, reason.as_str()))
            }
            _ => None,
        }
    }
}

/// Whether the same request may succeed later.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

fn said(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}
