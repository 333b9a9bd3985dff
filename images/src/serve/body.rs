//! The body of any answer, and the line of the access log that is written when it ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::answer::Shared;
use super::blob_body::BlobBody;
use super::log::Line;

/// What is sent.
#[derive(Debug)]
pub(super) enum Payload {
    /// Bytes in memory; none are an empty body.
    Bytes(Bytes),
    /// A blob.
    Blob(BlobBody),
}

impl Payload {
    pub(super) fn empty() -> Self {
        Self::Bytes(Bytes::new())
    }

    fn left(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob(blob) => blob.left(),
        }
    }
}

/// A payload whose end is written down.
pub(super) struct Body {
    payload: Payload,
    line: Line,
    shared: Arc<Shared>,
}

impl Body {
    pub(super) fn new(payload: Payload, line: Line, shared: Arc<Shared>) -> Self {
        Self { payload, line, shared }
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
        };
        Poll::Ready(portion.map(|portion| {
            let bytes = portion.inspect_err(|_| this.line.cut = true)?;
            this.line.bytes += bytes.len() as u64;
            Ok(Frame::data(bytes))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.payload.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.payload.left())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.line.cut |= self.payload.left() > 0;
        self.shared.metrics.finished(&self.line);
        self.shared.log.write(&self.line);
    }
}
