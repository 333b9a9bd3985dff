//! A wish to stop that many threads look at.
//!
//! It ends nothing by itself: whoever works asks it between two steps.

use std::io::{self, Read};
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

    /// A stream that fails once somebody asks to stop: see [`is_stop`].
    pub fn reader<R: Read>(&self, stream: R) -> Reader<'_, R> {
        Reader { stop: self, stream }
    }

    /// For work that is not a stream's: fails as one of [`Stop::reader`] does.
    ///
    /// # Errors
    /// Once somebody asks to stop.
    pub fn check(&self) -> io::Result<()> {
        if self.is_asked() { Err(io::Error::other(Stopped)) } else { Ok(()) }
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

/// See [`Stop::reader`].
#[derive(Debug)]
pub struct Reader<'a, R> {
    stop: &'a Stop,
    stream: R,
}

impl<R: Read> Read for Reader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stop.check()?;
        self.stream.read(buffer)
    }
}

/// Why a stream that could go on does not.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

/// Whether a stream ended because somebody asked to stop.
#[must_use]
pub fn is_stop(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Stopped>())
}
