//! Waiting for something with a bound; what was seen last is in the error.

use crate::{Error, Result};
use std::time::{Duration, Instant};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(200);

/// What a look found.
pub enum Look<T> {
    /// It is there.
    Found(T),
    /// Not yet: what is there instead.
    NotYet(String),
}

impl<T> Look<T> {
    /// Found when it holds.
    pub fn when(holds: bool, found: T, instead: impl FnOnce() -> String) -> Self {
        if holds { Self::Found(found) } else { Self::NotYet(instead()) }
    }
}

/// Looks until it is there; gives it and the time that it took.
///
/// # Errors
/// [`Error::Late`] after `bound`; the look's own error at once.
pub fn wait_for<T>(what: &str, bound: Duration, mut look: impl FnMut() -> Result<Look<T>>) -> Result<(T, Duration)> {
    let start = Instant::now();
    loop {
        match look()? {
            Look::Found(found) => return Ok((found, start.elapsed())),
            Look::NotYet(last) if start.elapsed() >= bound => {
                return Err(Error::Late { what: what.to_owned(), bound, last });
            }
            Look::NotYet(_) => std::thread::sleep(INTERVAL),
        }
    }
}
