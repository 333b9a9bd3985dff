//! A wish to stop that many threads look at.
//!
//! It ends nothing by itself: whoever works asks it between two steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a sleeper looks whether it should go on.
const LOOK: Duration = Duration::from_millis(20);

/// Whether work should end early. Clones share one wish, and it cannot be taken back.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Nobody wishes to stop yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A wish that whoever holds the flag makes by setting it: a signal's handler, which may do nothing else.
    #[must_use]
    pub fn of_flag(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// Asks all who look to stop.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits; returns early, with `false`, when somebody asks to stop.
    #[must_use]
    pub fn sleep(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            if self.is_asked() {
                return false;
            }
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return true;
            }
            std::thread::sleep(rest.min(LOOK));
        }
    }
}
