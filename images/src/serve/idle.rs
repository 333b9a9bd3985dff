//! A connection that ends with an error when it moves no bytes for too long, unless that is our doing.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::body::Ends;

/// How many answers of a connection wait for something of ours, such as a blob that is hashed.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    /// Notes an answer that waits, until what is returned is dropped.
    pub(super) fn begin(&self) -> Waits {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waits(self.clone())
    }
}

/// An answer that waits.
#[derive(Debug)]
pub(super) struct Waits(Waiting);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream with a bound on its idle time, for reading and writing together. Time in which an answer waits for us does not count.
pub(super) struct Idle<S> {
    stream: S,
    patience: Duration,
    end: Pin<Box<Sleep>>,
    waiting: Waiting,
    ends: Ends,
}

impl<S> Idle<S> {
    /// Tells `ends` when what was written is with the system, or lost.
    pub(super) fn new(stream: S, patience: Duration, waiting: Waiting, ends: Ends) -> Self {
        Self { stream, patience, end: Box::pin(sleep(patience)), waiting, ends }
    }

    /// Moves the end when something happened, and looks for it when nothing did.
    fn watch<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            let end = Instant::now() + self.patience;
            self.end.as_mut().reset(end);
            return poll;
        }
        while self.end.as_mut().poll(context).is_ready() {
            if self.waiting.0.load(Ordering::Relaxed) == 0 {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let end = Instant::now() + self.patience;
            self.end.as_mut().reset(end);
        }
        Poll::Pending
    }
}

impl<S> Drop for Idle<S> {
    fn drop(&mut self) {
        self.ends.lost();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Idle<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.watch(context, poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Idle<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.watch(context, poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        this.watch(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_flush(context);
        if let Poll::Ready(Ok(())) = poll {
            this.ends.flushed();
        }
        // A flush that succeeds at once moves nothing.
        if poll.is_ready() { poll } else { this.watch(context, poll) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_shutdown(context);
        this.watch(context, poll)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ends, Idle, Waiting};
    use std::future::poll_fn;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;
    use tokio::io::{AsyncRead, ReadBuf};
    use tokio::time::timeout;

    /// Nothing ever comes.
    struct Silent;

    impl AsyncRead for Silent {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[test]
    fn time_that_an_answer_waits_for_us_does_not_count() {
        let (patience, waiting) = (Duration::from_millis(10), Waiting::default());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        runtime.block_on(async {
            let mut stream = Idle::new(Silent, patience, waiting.clone(), Ends::default());
            let mut bytes = [0; 1];
            let mut read = poll_fn(|context| Pin::new(&mut stream).poll_read(context, &mut ReadBuf::new(&mut bytes)));
            let waits = waiting.begin();
            assert!(timeout(10 * patience, &mut read).await.is_err(), "an answer waits");
            drop(waits);
            assert_eq!(read.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        });
    }
}
