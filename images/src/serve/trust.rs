//! Which blobs were hashed since the registry started, and with what result.
//!
//! What became of a blob's file after it was found sound is not noticed before the next start; `verify` tells.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

use super::idle::Waiting;
use crate::content::BlobReader;
use crate::digest::Digest;
use crate::hasher::Hasher;

/// Blobs that are hashed at a time. Each has a thread and a buffer, and goes as fast as the disk lets it.
const AT_ONCE: usize = 16;

/// What is known of blobs. Each is hashed once, however many ask for it meanwhile.
#[derive(Debug)]
pub(super) struct Trust {
    /// `None` while a blob is being hashed.
    known: Mutex<HashMap<Digest, watch::Receiver<Option<bool>>>>,
    turns: Arc<Semaphore>,
}

impl Default for Trust {
    fn default() -> Self {
        Self { known: Mutex::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Trust {
    /// `Some(true)`: sound; `Some(false)`: damaged; `None`: not hashed yet.
    pub(super) fn of(&self, digest: &Digest) -> Option<bool> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(digest).and_then(|result| *result.borrow())
    }

    /// Begins to hash a blob, unless somebody did, and gives what it will come to; who waits for that does not idle.
    pub(super) fn verdict(&self, digest: &Digest, reader: BlobReader, waiting: Waiting) -> Verdict {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut result = match known.get(digest) {
            Some(result) => result.clone(),
            None => {
                let (tell, result) = watch::channel(None);
                tokio::spawn(hash(Arc::clone(&self.turns), digest.clone(), reader, tell));
                known.insert(digest.clone(), result.clone());
                result
            }
        };
        Verdict(Box::pin(async move {
            let _waits = waiting.begin();
            result.wait_for(Option::is_some).await.is_ok_and(|sound| *sound == Some(true))
        }))
    }

    /// How many blobs were found sound, and how many damaged.
    pub(super) fn count(&self) -> (usize, usize) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let results = || known.values().filter_map(|result| *result.borrow());
        (results().filter(|sound| *sound).count(), results().filter(|sound| !sound).count())
    }
}

/// Whether a blob is sound, once it is hashed.
pub(super) struct Verdict(Pin<Box<dyn Future<Output = bool> + Send>>);

impl Future for Verdict {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verdict")
    }
}

/// Hashes a whole blob beside the asynchronous threads; what can't be read counts as damaged.
async fn hash(turns: Arc<Semaphore>, digest: Digest, reader: BlobReader, tell: watch::Sender<Option<bool>>) {
    let _turn = turns.acquire().await;
    let is_sound = move || {
        let mut hasher = Hasher::like(&digest);
        hasher.read(reader).is_ok() && hasher.finish() == digest
    };
    let sound = spawn_blocking(is_sound).await.unwrap_or(false);
    // Whoever asked may be gone.
    let _ = tell.send(Some(sound));
}
