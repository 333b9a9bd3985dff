//! Sends parts of files to a socket without bringing them into our memory: sendfile(2), below HTTP.
//!
//! hyper passes bytes from bodies to the connection and knows nothing of files. So a body hands it a stand-in of the part's
//! length, and the part itself to the connection's [`Lane`]. [`Direct`], the stream below hyper, knows the stand-in by its address
//! and sends the file's bytes in its place; the bytes of the stand-in are never sent. Both are in the same order.
//!
//! Only for connections without TLS, and for parts that lie in the page cache, so that no asynchronous thread waits for a disk.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::content::FilePart;

/// The longest part.
pub(super) const LONGEST: usize = 1 << 20;
/// What stands for parts of files. Nobody else has bytes at its address.
static STAND_IN: [u8; LONGEST] = [0; LONGEST];

/// Parts of files that are on their way through hyper, in their order.
#[derive(Debug, Default)]
pub(super) struct Lane(Mutex<VecDeque<FilePart>>);

impl Lane {
    /// Takes a part, which is [`LONGEST`] at most, and gives what stands for it.
    pub(super) fn stand_in(&self, part: FilePart) -> Bytes {
        let length = usize::try_from(part.length).map_or(LONGEST, |length| length.min(LONGEST));
        self.parts().push_back(FilePart { length: length as u64, ..part });
        Bytes::from_static(&STAND_IN[..length])
    }

    fn parts(&self) -> MutexGuard<'_, VecDeque<FilePart>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether these bytes stand for a part of a file.
fn stands_in(bytes: &[u8]) -> bool {
    let start = STAND_IN.as_ptr().addr();
    !bytes.is_empty() && (start..start + LONGEST).contains(&bytes.as_ptr().addr())
}

/// A connection that sends files itself.
pub(super) struct Direct {
    stream: TcpStream,
    lane: Arc<Lane>,
}

impl Direct {
    pub(super) fn new(stream: TcpStream, lane: Arc<Lane>) -> Self {
        Self { stream, lane }
    }

    /// Sends bytes of the first part, at most so many; they are gone from it then.
    fn poll_send_file(&self, context: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        let mut parts = self.lane.parts();
        let Some(part) = parts.front_mut() else {
            return Poll::Ready(Err(io::Error::other("a stand-in without a part of a file")));
        };
        let most = most.min(usize::try_from(part.length).unwrap_or(most));
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            let mut offset = part.offset;
            let sent = self.stream.try_io(Interest::WRITABLE, || {
                Ok(rustix::fs::sendfile(&self.stream, &part.file, Some(&mut offset), most)?)
            });
            match sent {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => {
                    (part.offset, part.length) = (offset, part.length - count as u64);
                    if part.length == 0 {
                        parts.pop_front();
                    }
                    return Poll::Ready(Ok(count));
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncRead for Direct {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Direct {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if stands_in(bytes) {
            return self.poll_send_file(context, bytes.len());
        }
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let begin = bytes.iter().position(|slice| !slice.is_empty()).unwrap_or(bytes.len());
        let bytes = &bytes[begin..];
        match bytes.iter().position(|slice| stands_in(slice)) {
            Some(0) => self.poll_send_file(context, bytes[0].len()),
            Some(first) => Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, &bytes[..first]),
            None => Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
