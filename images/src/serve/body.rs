//! The body of any answer, and the line of the access log that is written when it ends.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// Until the payload ends.
    end: Option<End>,
    ends: Ends,
}

impl Body {
    /// Of an answer that goes out by a connection with these `ends`.
    pub(super) fn new(payload: Payload, end: End, ends: Ends) -> Self {
        Self { payload, end: Some(end), ends }
    }
}

/// What happens when an answer is out, or cut.
pub(super) struct End {
    pub(super) line: Line,
    pub(super) shared: Arc<Shared>,
    pub(super) done: Option<Done>,
    pub(super) is_part: bool,
}

impl End {
    fn happen(mut self) {
        if let Some(done) = self.done.take() {
            done(Sent { bytes: self.line.bytes, whole: !self.line.cut && !self.is_part });
        }
        self.shared.metrics.finished(&self.line);
        self.shared.log.write(&self.line);
    }
}

/// Ends of answers whose bytes are all with us and not all with the system yet. Where nobody waits for it, an answer ends before.
#[derive(Clone, Default)]
pub(super) struct Ends(Arc<Mutex<Vec<End>>>);

impl Ends {
    fn take(&self) -> Vec<End> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The system has taken all that was written.
    pub(super) fn flushed(&self) {
        self.take().into_iter().for_each(End::happen);
    }

    /// The connection is no more.
    pub(super) fn lost(&self) {
        for mut end in self.take() {
            end.line.cut = true;
            end.happen();
        }
    }
}

impl fmt::Debug for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ends")
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
            if let Some(End { line, .. }) = &mut this.end {
                line.cut |= portion.is_err();
                line.bytes += portion.as_ref().map_or(0, |bytes| bytes.len() as u64);
            }
            portion.map(Frame::data)
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
        let Some(mut end) = self.end.take() else { return };
        end.line.cut |= self.payload.left().is_some_and(|left| left > 0);
        match end.done.is_some() && !end.line.cut {
            true => self.ends.0.lock().unwrap_or_else(PoisonError::into_inner).push(end),
            false => end.happen(),
        }
    }
}
