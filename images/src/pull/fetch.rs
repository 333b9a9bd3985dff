//! Brings one blob into the store: from where an earlier run ended, from one place after another, until it is right.
//!
//! Which blobs are wanted is not known here.

use super::error::Fault;
use super::events::{Event, Events};
use crate::digest::Digest;
use crate::layout::Descriptor;
use crate::registry::{Body, Class, Client, Place, RegistryError};
use crate::store::{Ingest, Store, StoreError};
use crate::transfer::Transfer;

/// Bytes that are taken at a time.
const BUFFER: usize = 256 << 10;
/// So many bytes are progress: after them, faults count anew.
const PROGRESS: u64 = 1 << 20;
/// Most faults of one place while one blob is fetched, whatever the progress.
const FAULTS: u32 = 100;

/// Who may have the bytes of a blob.
pub(crate) trait Supplier {
    /// Whose bounds and pauses hold.
    fn client(&self) -> &Client;
    /// The bytes from byte `from` on; one who cannot do that begins at the start.
    fn open(&self, digest: &Digest, from: u64) -> Result<Body, RegistryError>;
}

impl Supplier for Place {
    fn client(&self) -> &Client {
        &self.client
    }

    fn open(&self, digest: &Digest, from: u64) -> Result<Body, RegistryError> {
        self.client.blob(&self.repository, digest, from)
    }
}

/// What is needed to fetch blobs.
#[derive(Clone, Copy)]
pub(crate) struct Fetcher<'a> {
    pub(crate) store: &'a Store,
    pub(crate) events: &'a Events<'a>,
}

/// What came of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Present,
    /// So many bytes came over the network.
    Fetched(u64),
    /// No registry has it, and none must.
    Foreign,
}

impl Fetcher<'_> {
    /// Brings a blob, or finds that it is there.
    pub(crate) fn blob(&self, blob: &Descriptor, places: &[impl Supplier]) -> Result<Outcome, Fault> {
        let (digest, size) = (&blob.digest, blob.size);
        let Some(mut ingest) = self.begin(blob)? else {
            (self.events)(Event::Blob(Transfer::Present { digest, size }));
            return Ok(Outcome::Present);
        };
        (self.events)(Event::Blob(Transfer::Started { digest, size, from: ingest.written() }));
        let (mut received, mut problem) = (0, None);
        for place in places {
            match self.ask_place(blob, ingest, place, &mut received)? {
                Tried::Present => return Ok(Outcome::Present),
                Tried::Fetched => return Ok(Outcome::Fetched(received)),
                Tried::Failed(left, fault) => {
                    ingest = *left;
                    // A later place that has it not does not hide what is wrong with an earlier one.
                    let hides = problem.is_some() && is_missing(&fault);
                    problem = if hides { problem } else { Some(fault) };
                }
            }
        }
        if ingest.written() == 0 {
            ingest.discard()?;
        }
        match problem {
            Some(fault) if blob.is_foreign() && is_missing(&fault) => {
                (self.events)(Event::Foreign { digest });
                Ok(Outcome::Foreign)
            }
            Some(fault) => Err(fault),
            None => Err(super::Problem::Missing(Box::new(blob.clone())).into()),
        }
    }

    /// Brings the rest from one place. Bytes of an earlier run, or of another place, may be what is wrong in the end: then this one is
    /// asked for all.
    fn ask_place(
        &self,
        blob: &Descriptor,
        mut ingest: Ingest,
        place: &impl Supplier,
        received: &mut u64,
    ) -> Result<Tried, Fault> {
        let (digest, size) = (&blob.digest, blob.size);
        let mut again = false;
        loop {
            let doubtful = ingest.written() > 0 && !again;
            match self.fetch_from(&mut ingest, place, received) {
                Ok(()) => {}
                Err(Step::Registry(error)) if error.class() == Class::Final => return Err(error.into()),
                Err(Step::Registry(error)) => return Ok(Tried::Failed(Box::new(ingest), error.into())),
                Err(Step::Store(error)) => return Err(error.into()),
            }
            let error = match ingest.commit() {
                Ok(()) => {
                    (self.events)(Event::Blob(Transfer::Finished { digest, size }));
                    return Ok(Tried::Fetched);
                }
                Err(error @ StoreError::Mismatch { .. }) => error,
                Err(error) => return Err(error.into()),
            };
            (self.events)(Event::Blob(Transfer::Restarted { digest, lost: size }));
            let Some(next) = self.begin(blob)? else {
                (self.events)(Event::Blob(Transfer::Present { digest, size }));
                return Ok(Tried::Present);
            };
            ingest = next;
            if !doubtful {
                return Ok(Tried::Failed(Box::new(ingest), error.into()));
            }
            again = true;
        }
    }

    /// Begins to write, unless what lies there is right.
    fn begin(&self, blob: &Descriptor) -> Result<Option<Ingest>, StoreError> {
        let (digest, size) = (&blob.digest, blob.size);
        let lies_there = self.store.has(blob)?;
        if lies_there {
            (self.events)(Event::Checking { digest, size });
        }
        let read = |bytes| (self.events)(Event::Checked { digest, bytes });
        let ingest = self.store.ingest_counted(digest, size, &read)?;
        if lies_there && ingest.is_some() {
            (self.events)(Event::Damaged { digest });
        }
        Ok(ingest)
    }

    /// Brings all missing bytes from one place, in as many tries as make sense.
    fn fetch_from(&self, ingest: &mut Ingest, place: &impl Supplier, received: &mut u64) -> Result<(), Step> {
        let (mut faults, mut since, mut mark) = (0, 0, ingest.written());
        let mut restarted = false;
        while ingest.written() < ingest.size() {
            let before = ingest.written();
            let error = match self.try_once(ingest, place, received) {
                Ok(()) => continue,
                Err(Step::Registry(error)) => error,
                Err(other) => return Err(other),
            };
            let useless = matches!(error, RegistryError::Answer { .. } | RegistryError::Status { status: 416, .. });
            if useless && before > 0 && !restarted {
                // Perhaps only its ranges are broken.
                restarted = true;
                self.restart(ingest)?;
            } else if error.class() != Class::Passing {
                return Err(error.into());
            }
            if ingest.written() >= mark.saturating_add(PROGRESS) {
                (since, mark) = (0, ingest.written());
            }
            (faults, since) = (faults + 1, since + 1);
            if since >= place.client().limits().attempts || faults >= FAULTS {
                return Err(error.into());
            }
            (self.events)(Event::Retrying { digest: ingest.digest(), error: &error });
            place.client().wait(since - 1, &error)?;
        }
        Ok(())
    }

    fn try_once(&self, ingest: &mut Ingest, place: &impl Supplier, received: &mut u64) -> Result<(), Step> {
        let mut body = place.open(ingest.digest(), ingest.written())?;
        if body.offset() != ingest.written() {
            self.restart(ingest)?;
        }
        let left = ingest.size() - ingest.written();
        if let Some(length) = body.length().filter(|length| *length != left) {
            let reason = format!("the answer promises {length} bytes, but {left} are missing of this blob");
            return Err(RegistryError::Answer { url: body.source(), reason }.into());
        }
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = body.next(&mut buffer)?;
            if count == 0 {
                break;
            }
            match ingest.append(&buffer[..count]) {
                Ok(()) => {}
                Err(error @ StoreError::TooLong { .. }) => {
                    let error = RegistryError::Answer { url: body.source(), reason: error.to_string() };
                    self.restart(ingest)?;
                    return Err(error.into());
                }
                Err(error) => return Err(error.into()),
            }
            *received += count as u64;
            (self.events)(Event::Blob(Transfer::Advanced { digest: ingest.digest(), bytes: count as u64 }));
        }
        if ingest.written() < ingest.size() {
            let reason = format!("the answer ended after {} of {} bytes", ingest.written(), ingest.size());
            return Err(RegistryError::Transport { url: body.source(), reason }.into());
        }
        Ok(())
    }

    fn restart(&self, ingest: &mut Ingest) -> Result<(), StoreError> {
        let lost = ingest.written();
        ingest.restart()?;
        if lost > 0 {
            (self.events)(Event::Blob(Transfer::Restarted { digest: ingest.digest(), lost }));
        }
        Ok(())
    }
}

/// What came of one place.
enum Tried {
    /// Another writer brought the blob meanwhile.
    Present,
    Fetched,
    /// What is left for the next place to go on with, and what is wrong with this one.
    Failed(Box<Ingest>, Fault),
}

fn is_missing(fault: &Fault) -> bool {
    matches!(fault, Fault::Image(super::Problem::Registry(error)) if error.class() == Class::Missing)
}

/// Why a step failed: the registry's fault, or the store's.
enum Step {
    Registry(RegistryError),
    Store(StoreError),
}

impl From<RegistryError> for Step {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}

impl From<StoreError> for Step {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
