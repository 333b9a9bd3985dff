//! [`Health`]: whether it makes sense to go on with this registry.
//!
//! One request that fails is the image's problem. Several in a row mean that the registry is away: a thousand images need not
//! all find that out, each with its retries.

use super::error::{Problem, PushError};
use crate::registry::{Class, RegistryError};
use crate::stop::Stop;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// So many requests in a row that fail for passing reasons, each after its retries, end a push.
const ENOUGH: u32 = 4;

/// What all workers know about the registry's state.
#[derive(Debug, Default)]
pub(super) struct Health {
    stop: Stop,
    failures: AtomicU32,
    end: Mutex<Option<Arc<RegistryError>>>,
}

impl Health {
    pub(super) fn new(stop: Stop) -> Self {
        Self { stop, ..Self::default() }
    }

    /// Looks at what came of a request.
    pub(super) fn judge<T>(&self, outcome: Result<T, RegistryError>) -> Result<T, Problem> {
        let error = match outcome {
            Ok(value) => {
                self.failures.store(0, Ordering::Relaxed);
                return Ok(value);
            }
            Err(error) => Arc::new(error),
        };
        let passing = error.class() == Class::Passing;
        let enough = passing && self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= ENOUGH;
        if enough || matches!(*error, RegistryError::Stopped | RegistryError::RateLimited { .. }) {
            self.end.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| Arc::clone(&error));
        }
        Err(Problem::Registry(error))
    }

    /// Whether no further request makes sense.
    pub(super) fn is_over(&self) -> bool {
        self.stop.is_asked() || self.end.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What ended the push, if anything did.
    pub(super) fn check(&self) -> Result<(), PushError> {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match end {
            _ if self.stop.is_asked() => Err(PushError::Stopped),
            Some(error) if matches!(*error, RegistryError::Stopped) => Err(PushError::Stopped),
            Some(error) => Err(PushError::Registry(error)),
            None => Ok(()),
        }
    }

    /// The wish to stop.
    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// What is said of work that is not begun any more; nobody reads it, since the push ends with its own reason.
    pub(super) fn over() -> Problem {
        Problem::Registry(Arc::new(RegistryError::Stopped))
    }
}
