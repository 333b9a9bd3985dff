//! Ends a pause of the loop early: what it waits for may have come.

use crate::wait::Deadline;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Wakes the loop when a member that asks has changed since it asked last: it may be what the loop waits for.
#[derive(Debug, Default)]
pub(crate) struct Wakeup {
    states: Mutex<(BTreeMap<String, String>, bool)>,
    changed: Condvar,
}

impl Wakeup {
    /// Waits so long, or until such a member has asked.
    pub(crate) fn wait(&self, time: Duration) {
        let mut guard = locked(&self.states);
        let deadline = Deadline::after(time);
        while !guard.1 && !deadline.over() {
            let waited = self.changed.wait_timeout(guard, deadline.left());
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        guard.1 = false;
    }

    /// A member asked; `state`: a digest of what it would answer itself.
    pub(super) fn asked_by(&self, name: &str, state: &str) {
        let mut guard = locked(&self.states);
        if guard.0.get(name).is_some_and(|last| last == state) {
            return;
        }
        guard.0.insert(name.to_owned(), state.to_owned());
        guard.1 = true;
        self.changed.notify_all();
    }
}

/// A panic elsewhere does not make these numbers wrong.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
