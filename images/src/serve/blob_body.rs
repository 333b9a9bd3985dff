//! The body of an answer that is a blob or a part of one: read, and hashed when it must be, beside the asynchronous threads.

use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::trust::Trust;
use crate::content::BlobReader;
use crate::digest::Digest;
use crate::hasher::Hasher;

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
    next: Option<JoinHandle<(Work, io::Result<Vec<u8>>)>>,
    left: u64,
    load: Arc<Load>,
}

/// What goes to a reading thread and comes back.
#[derive(Debug)]
struct Work {
    reader: BlobReader,
    left: u64,
    check: Option<Check>,
}

/// The hash of a blob that is served for the first time.
#[derive(Debug)]
struct Check {
    hasher: Hasher,
    digest: Digest,
    trust: Arc<Trust>,
}

impl BlobBody {
    /// A whole blob that nobody hashed yet: it is hashed on the way, and its last portion is only sent when it is sound.
    pub(super) fn checked(reader: BlobReader, digest: &Digest, trust: &Arc<Trust>, load: &Arc<Load>) -> Self {
        let left = reader.size();
        let check = Check { hasher: Hasher::like(digest), digest: digest.clone(), trust: Arc::clone(trust) };
        Self::begin(Work { reader, left, check: Some(check) }, load)
    }

    /// A part of a blob that is known to be sound.
    pub(super) fn part(mut reader: BlobReader, offset: u64, length: u64, load: &Arc<Load>) -> io::Result<Self> {
        reader.seek(SeekFrom::Start(offset))?;
        Ok(Self::begin(Work { reader, left: length, check: None }, load))
    }

    fn begin(work: Work, load: &Arc<Load>) -> Self {
        load.0.fetch_add(1, Ordering::Relaxed);
        let mut body = Self { next: None, left: work.left, load: Arc::clone(load) };
        body.read_on(work);
        body
    }

    /// Bytes that are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    fn read_on(&mut self, mut work: Work) {
        let portion = self.load.portion();
        self.next = Some(spawn_blocking(move || {
            let bytes = work.read(portion);
            (work, bytes)
        }));
    }

    /// The next portion; an error cuts the connection.
    pub(super) fn poll_portion(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let joined = ready!(Pin::new(next).poll(context));
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
}

impl Drop for BlobBody {
    fn drop(&mut self) {
        self.load.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Work {
    fn read(&mut self, portion: usize) -> io::Result<Vec<u8>> {
        let length = portion.min(usize::try_from(self.left).unwrap_or(portion));
        let mut bytes = vec![0; length];
        let read = self.reader.read_exact(&mut bytes);
        self.left -= length as u64;
        let Some(check) = &mut self.check else { return read.map(|()| bytes) };
        if let Err(error) = read {
            check.trust.learn(&check.digest, false);
            return Err(error);
        }
        check.hasher.update(&bytes);
        if self.left > 0 {
            return Ok(bytes);
        }
        let sound = check.hasher.clone().finish() == check.digest;
        check.trust.learn(&check.digest, sound);
        if sound { Ok(bytes) } else { Err(io::Error::other("the blob is damaged")) }
    }
}
