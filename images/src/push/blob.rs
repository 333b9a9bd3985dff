//! Brings one blob into one repository: found there, mounted from another, or uploaded.
//!
//! The registry hashes what it gets. When it refuses a blob, the bundle's bytes are hashed too, to say whose fault it is; when it takes
//! one, it is asked whether it has it, before anything names it.

use super::error::Problem;
use super::events::{Event, Events};
use super::health::Health;
use super::worker::Worker;
use crate::content::{BlobReader, Extent};
use crate::digest::Digest;
use crate::hasher::Hasher;
use crate::layout::Descriptor;
use crate::registry::{Class, Mounted, RegistryError, Session, Upload};
use crate::stop::Stop;
use crate::transfer::Transfer;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

impl Worker<'_> {
    pub(super) fn blob(&self, blob: &Descriptor, repository: &Arc<str>) -> Result<(), Problem> {
        let (digest, size) = (&blob.digest, blob.size);
        let found = self.health.judge(self.client.head_blob(repository, digest))?;
        if found == Some(size) {
            self.hold(digest, repository);
            (self.events)(Event::Blob(Transfer::Present { digest, size }));
            return Ok(());
        }
        let source = self.holder(digest).filter(|source| source != repository);
        let session = match &source {
            Some(from) => match self.mount(blob, repository, from)? {
                Mounted::Done => return self.check(blob, repository),
                Mounted::Upload(session) => Some(session),
                Mounted::No => None,
            },
            None => None,
        };
        match (self.content.extent(digest), source) {
            (Some(extent), _) => self.upload(blob, extent, repository, session)?,
            (None, Some(from)) => return Err(Problem::NotMounted { digest: digest.clone(), from: from.to_string() }),
            (None, None) => return Err(Problem::Missing(digest.clone())),
        }
        self.check(blob, repository)
    }

    /// Asks whether the blob is there. Where something else was, the registry may have kept that.
    fn check(&self, blob: &Descriptor, repository: &Arc<str>) -> Result<(), Problem> {
        let (digest, size) = (&blob.digest, blob.size);
        match self.health.judge(self.client.head_blob(repository, digest))? {
            Some(found) if found == size => Ok(()),
            Some(found) => Err(Problem::Size { digest: digest.clone(), place: "registry", wanted: size, found }),
            None => Err(Problem::Lost { place: format!("{repository}@{digest}"), found: None }),
        }
    }

    fn mount(&self, blob: &Descriptor, repository: &Arc<str>, from: &str) -> Result<Mounted, Problem> {
        let (digest, size) = (&blob.digest, blob.size);
        let mounted = match self.client.mount(repository, digest, from) {
            // We may write here and not read there: then it is uploaded.
            Err(RegistryError::Unauthorized { .. }) => Mounted::No,
            outcome => self.health.judge(outcome)?,
        };
        if matches!(mounted, Mounted::Done) {
            self.mounted.fetch_add(1, Ordering::Relaxed);
            (self.events)(Event::Mounted { digest, size, from });
        }
        Ok(mounted)
    }

    fn upload(
        &self,
        blob: &Descriptor,
        extent: &Extent,
        repository: &Arc<str>,
        session: Option<Session>,
    ) -> Result<(), Problem> {
        let (digest, size) = (&blob.digest, blob.size);
        (self.events)(Event::Blob(Transfer::Started { digest, size, from: 0 }));
        let position = AtomicU64::new(0);
        let counter =
            Counter { digest, events: self.events, stop: self.health.stop(), position: &position, sent: &self.sent };
        let mut open = |from: u64| -> io::Result<Box<dyn Read + '_>> {
            let mut reader = extent.reader();
            reader.seek(SeekFrom::Start(from))?;
            let before = position.swap(from, Ordering::Relaxed);
            if before > from {
                (self.events)(Event::Blob(Transfer::Restarted { digest, lost: before - from }));
            }
            Ok(Box::new(Counted { reader, counter }))
        };
        let outcome = self.client.upload(repository, Upload { digest, size, open: &mut open }, session);
        if let Err(error) = &outcome {
            if self.health.stop().is_asked() {
                return Err(Health::over());
            }
            if error.class() == Class::Wrong
                && let Some(found) = damage(extent, digest, self.health.stop())
            {
                return Err(Problem::Damaged { digest: digest.clone(), found });
            }
        }
        self.health.judge(outcome)?;
        self.uploaded.fetch_add(1, Ordering::Relaxed);
        self.hold(digest, repository);
        (self.events)(Event::Blob(Transfer::Finished { digest, size }));
        Ok(())
    }

    /// Remembers that a repository has a blob.
    fn hold(&self, digest: &Digest, repository: &Arc<str>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(digest.clone(), Arc::clone(repository));
    }

    fn holder(&self, digest: &Digest) -> Option<Arc<str>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }
}

/// What the bytes of a damaged blob hash to; `None` when they are right, or cannot be read.
fn damage(extent: &Extent, digest: &Digest, stop: &Stop) -> Option<Digest> {
    let mut hasher = Hasher::like(digest);
    hasher.read(stop.reader(extent.reader())).ok()?;
    Some(hasher.finish()).filter(|found| found != digest)
}

/// What is told of the bytes of one upload.
#[derive(Clone, Copy)]
struct Counter<'a> {
    digest: &'a Digest,
    events: &'a Events<'a>,
    stop: &'a Stop,
    position: &'a AtomicU64,
    sent: &'a AtomicU64,
}

/// Tells how far an upload is, and ends it when somebody asks to stop.
struct Counted<'a> {
    reader: BlobReader,
    counter: Counter<'a>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Counter { digest, events, stop, position, sent } = self.counter;
        if stop.is_asked() {
            return Err(io::Error::other("stopped"));
        }
        let count = self.reader.read(buffer)?;
        if count > 0 {
            let bytes = count as u64;
            position.fetch_add(bytes, Ordering::Relaxed);
            sent.fetch_add(bytes, Ordering::Relaxed);
            events(Event::Blob(Transfer::Advanced { digest, bytes }));
        }
        Ok(count)
    }
}
