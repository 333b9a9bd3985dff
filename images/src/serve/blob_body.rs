//! The body of an answer that is a blob or a part of one, read beside the asynchronous threads.
//!
//! Whether the blob is sound is found out elsewhere: see [`super::trust`].

use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::direct::{LONGEST, Lane};
use super::trust::Verdict;
use crate::content::{BlobReader, FilePart};

/// Bytes that all bodies together keep in memory: each has a portion that is sent and one that is read.
const BUDGET: usize = 24 << 20;
/// The smallest and the largest portion.
const PORTIONS: (usize, usize) = (16 << 10, 512 << 10);

/// How many bodies are being sent.
#[derive(Debug, Default)]
pub(super) struct Load(AtomicUsize);

impl Load {
    fn portion(&self) -> usize {
        (BUDGET / 2 / self.0.load(Ordering::Relaxed).max(1)).clamp(PORTIONS.0, PORTIONS.1)
    }
}

/// A blob on its way.
#[derive(Debug)]
pub(super) struct BlobBody {
    next: Option<Next>,
    left: u64,
    load: Arc<Load>,
    /// Where parts of files may go as they are.
    lane: Option<Arc<Lane>>,
    /// Without it the last bytes are not sent.
    verdict: Option<Verdict>,
}

/// What comes next.
#[derive(Debug)]
enum Next {
    /// The last bytes, if the blob is sound.
    Verdict(Box<Work>, Verdict),
    /// Bytes that are being read.
    Read(JoinHandle<(Work, io::Result<Vec<u8>>)>),
    /// A part that the system sends.
    Direct(Box<Work>, FilePart),
}

/// What goes to a reading thread and comes back.
#[derive(Debug)]
struct Work {
    reader: BlobReader,
    left: u64,
}

impl BlobBody {
    /// A part of a blob, or all of it. By the lane, if there is one, go bytes that nobody must look at. With a verdict that is still
    /// to come, the blob is sent all but its last bytes until then.
    pub(super) fn part(
        mut reader: BlobReader,
        offset: u64,
        length: u64,
        load: &Arc<Load>,
        lane: Option<Arc<Lane>>,
        verdict: Option<Verdict>,
    ) -> io::Result<Self> {
        reader.seek(SeekFrom::Start(offset))?;
        load.0.fetch_add(1, Ordering::Relaxed);
        let mut body = Self { next: None, left: length, load: Arc::clone(load), lane, verdict };
        body.read_on(Work { reader, left: length });
        Ok(body)
    }

    /// Bytes that are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    fn read_on(&mut self, mut work: Work) {
        // No portion and no part is longer, so that some bytes are left here before the last are taken.
        if work.left <= LONGEST as u64
            && let Some(verdict) = self.verdict.take()
        {
            self.next = Some(Next::Verdict(Box::new(work), verdict));
            return;
        }
        if self.lane.is_some()
            && let Some(part) = work.cached_part()
        {
            self.next = Some(Next::Direct(Box::new(work), part));
            return;
        }
        let portion = self.load.portion();
        self.next = Some(Next::Read(spawn_blocking(move || {
            let bytes = work.read(portion);
            (work, bytes)
        })));
    }

    /// The next portion; an error cuts the connection.
    pub(super) fn poll_portion(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(Next::Verdict(_, verdict)) = &mut self.next {
            let sound = ready!(Pin::new(verdict).poll(context));
            match self.next.take() {
                Some(Next::Verdict(work, _)) if sound => self.read_on(*work),
                _ => return Poll::Ready(Some(Err(io::Error::other("the blob is damaged")))),
            }
        }
        let joined = match &mut self.next {
            Some(Next::Read(reading)) => ready!(Pin::new(reading).poll(context)),
            Some(Next::Direct(..)) => return Poll::Ready(self.pass_part().map(Ok)),
            Some(Next::Verdict(..)) | None => return Poll::Ready(None),
        };
        self.next = None;
        Poll::Ready(Some(match joined {
            Ok((work, Ok(bytes))) => {
                self.left -= bytes.len() as u64;
                if self.left > 0 {
                    self.read_on(work);
                }
                Ok(Bytes::from(bytes))
            }
            Ok((_, Err(error))) => Err(error),
            Err(error) => Err(io::Error::other(error)),
        }))
    }

    /// What stands for the part that comes next, and looks at what comes after it.
    fn pass_part(&mut self) -> Option<Bytes> {
        let (Some(Next::Direct(work, part)), Some(lane)) = (self.next.take(), &self.lane) else { return None };
        self.left -= part.length;
        let bytes = lane.stand_in(part);
        if self.left > 0 {
            self.read_on(*work);
        }
        Some(bytes)
    }
}

impl Drop for BlobBody {
    fn drop(&mut self) {
        self.load.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Work {
    /// The next part, when it is in the page cache, and moves behind it. A file that can't be opened is found when it is read.
    fn cached_part(&mut self) -> Option<FilePart> {
        let most = self.left.min(LONGEST as u64);
        let part = self.reader.next_part(most).ok().flatten().filter(FilePart::is_cached)?;
        let behind = i64::try_from(part.length).ok()?;
        self.reader.seek(SeekFrom::Current(behind)).ok()?;
        self.left -= part.length;
        Some(part)
    }

    fn read(&mut self, portion: usize) -> io::Result<Vec<u8>> {
        let length = portion.min(usize::try_from(self.left).unwrap_or(portion));
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes)?;
        self.left -= length as u64;
        Ok(bytes)
    }
}
