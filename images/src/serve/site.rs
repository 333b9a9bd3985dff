//! What a server answers beside the registry: on the same connections, under the same limits, in the same log.
//!
//! Who answers is somebody else's: here are only the question, the answer, and nothing of what they mean. A [`Site`] is asked on a
//! thread that may wait for a disk.

use std::fmt;
use std::fs::File;
use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

/// Answers requests that are none of the registry's.
pub trait Site: fmt::Debug + Send + Sync {
    /// What becomes of a POST, of which only the header has come.
    fn receive(&self, request: &SiteRequest) -> Reception;

    /// What the log shows in place of a path that holds a secret, whether it is answered or refused.
    fn shown(&self, path: &str) -> Option<String>;

    /// Answers one request. It may read files, but waits for nobody.
    fn answer(&self, request: &SiteRequest) -> SiteAnswer;
}

/// What becomes of a POST before its body is read.
#[derive(Debug)]
pub enum Reception {
    /// The path takes no POST.
    None,
    /// It is answered by its header alone. What comes of its body is thrown away.
    Answer(SiteAnswer),
    /// Its body is read; then the site is asked for the answer.
    Body {
        /// Most bytes of it.
        limit: usize,
        /// On whose behalf it comes: who sends slowly keeps those waiting who come on the same behalf.
        behalf: String,
    },
}

/// How a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteMethod {
    /// GET, or HEAD, which is answered as a GET without its body.
    Get {
        /// HEAD.
        head: bool,
    },
    /// POST.
    Post,
}

/// Whether the client knows the server's name and password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The server has none.
    Unasked,
    /// It does.
    Admitted,
    /// It does not.
    Refused,
}

/// A request.
#[derive(Debug)]
pub struct SiteRequest {
    /// How it is made.
    pub method: SiteMethod,
    /// The path as it was sent, `%` and all.
    pub path: String,
    /// What follows the `?`, as it was sent.
    pub query: Option<String>,
    /// The server's name as the client knows it, and nothing that is certain.
    pub host: Option<String>,
    /// Who asks.
    pub client: SocketAddr,
    /// Whether the client may see what is not for everybody.
    pub admission: Admission,
    /// The body of a POST, once it was read.
    pub body: Bytes,
}

impl SiteRequest {
    /// The value of a parameter of the query, its `%41` undone.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        super::route::parameter(self.query.as_deref(), name)
    }
}

/// How an answer went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Bytes of the body that the connection took.
    pub bytes: u64,
    /// It is the whole file; a part, "not modified", or an answer that ended early, is not.
    pub whole: bool,
}

/// What is done when an answer is out, also when its client left early.
pub type Done = Box<dyn FnOnce(Sent) + Send>;

/// An answer.
pub struct SiteAnswer {
    /// HTTP status. Files may get another one: 206, 304, 412 or 416.
    pub status: u16,
    /// A short word for metrics.
    pub route: &'static str,
    /// Headers beside those that follow from the content. A name or value that no header may have is left out.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub content: SiteContent,
    /// What is done at the end. It is not called for HEAD.
    pub done: Option<Done>,
}

/// The body of an answer.
#[derive(Debug)]
pub enum SiteContent {
    /// Bytes in memory.
    Bytes {
        /// `Content-Type`.
        media_type: &'static str,
        /// The bytes.
        bytes: Bytes,
    },
    /// A file.
    File(SiteFile),
    /// Events as they come, until the sender is dropped.
    Events(Receiver<Bytes>),
}

/// An open plain file. Who changes it while it is sent gives the client a mixture.
#[derive(Debug)]
pub struct SiteFile {
    /// The file.
    pub file: File,
    /// `Content-Type`.
    pub media_type: &'static str,
    /// Its entity tag without quotes: another content has another one.
    pub tag: String,
    /// When it changed last.
    pub modified: Option<SystemTime>,
    /// Whether parts of it may be asked for; otherwise the whole goes out, which RFC 9110, 14.2 allows.
    pub in_parts: bool,
}

impl SiteAnswer {
    /// A text for people and programs.
    pub fn text(status: u16, route: &'static str, text: impl Into<String>) -> Self {
        Self::bytes(status, route, "text/plain; charset=utf-8", text.into())
    }

    /// Bytes of a type.
    pub fn bytes(status: u16, route: &'static str, media_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self::of(status, route, SiteContent::Bytes { media_type, bytes: bytes.into() })
    }

    /// Any content.
    #[must_use]
    pub fn of(status: u16, route: &'static str, content: SiteContent) -> Self {
        Self { status, route, headers: Vec::new(), content, done: None }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl fmt::Debug for SiteAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and contents may be secret.
        f.debug_struct("SiteAnswer").field("status", &self.status).field("route", &self.route).finish_non_exhaustive()
    }
}
