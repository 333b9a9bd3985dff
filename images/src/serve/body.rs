//! The body of any answer, and the line of the access log that is written when it ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc::Receiver;

use super::answer::Shared;
use super::blob_body::BlobBody;
use super::log::Line;
use super::site::{Done, Sent};

/// What is sent.
#[derive(Debug)]
pub(super) enum Payload {
    /// Bytes in memory; none are an empty body.
    Bytes(Bytes),
    /// A blob, or a file.
    Blob(BlobBody),
    /// Events as they come.
    Events(Receiver<Bytes>),
}

impl Payload {
    pub(super) fn empty() -> Self {
        Self::Bytes(Bytes::new())
    }

    /// Bytes that are still to come; `None`: nobody knows.
    fn left(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Blob(blob) => Some(blob.left()),
            Self::Events(_) => None,
        }
    }
}

/// A payload whose end is written down.
pub(super) struct Body {
    payload: Payload,
    line: Line,
    shared: Arc<Shared>,
    done: Option<Done>,
    is_part: bool,
}

impl Body {
    pub(super) fn new(payload: Payload, line: Line, shared: Arc<Shared>) -> Self {
        Self { payload, line, shared, done: None, is_part: false }
    }

    /// With what is done at the end.
    pub(super) fn then(mut self, done: Option<Done>, is_part: bool) -> Self {
        (self.done, self.is_part) = (done, is_part);
        self
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let portion = match &mut this.payload {
            Payload::Bytes(bytes) if bytes.is_empty() => None,
            Payload::Bytes(bytes) => Some(Ok(std::mem::take(bytes))),
            Payload::Blob(blob) => ready!(blob.poll_portion(context)),
            Payload::Events(events) => ready!(events.poll_recv(context)).map(Ok),
        };
        Poll::Ready(portion.map(|portion| {
            let bytes = portion.inspect_err(|_| this.line.cut = true)?;
            this.line.bytes += bytes.len() as u64;
            Ok(Frame::data(bytes))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.payload.left() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.payload.left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.line.cut |= self.payload.left().is_some_and(|left| left > 0);
        if let Some(done) = self.done.take() {
            done(Sent { bytes: self.line.bytes, whole: !self.line.cut && !self.is_part });
        }
        self.shared.metrics.finished(&self.line);
        self.shared.log.write(&self.line);
    }
}
