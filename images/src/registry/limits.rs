//! Bounds on time, number and size for what a registry does.

use std::time::Duration;

/// What one registry may take of us. The defaults suit the internet.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Tries of one request.
    pub attempts: u32,
    /// The longest pause before the second try; it doubles from try to try.
    pub backoff: Duration,
    /// The longest pause of all, and the longest that a `Retry-After` may ask for.
    pub longest_pause: Duration,
    /// Time to connect, TLS included.
    pub connect: Duration,
    /// Time from a request to the end of the answer's headers.
    pub answer: Duration,
    /// How long nothing may move, in both directions.
    pub silence: Duration,
    /// A body must bring [`Limits::least`] bytes in each such time.
    pub window: Duration,
    /// See [`Limits::window`].
    pub least: u64,
    /// Redirects of one request.
    pub redirects: usize,
    /// Pages of one list.
    pub pages: usize,
    /// Entries of one list.
    pub entries: usize,
    /// Bytes of an upload that are sent in one request.
    pub chunk: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempts: 6,
            backoff: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            connect: Duration::from_secs(20),
            answer: Duration::from_secs(120),
            silence: Duration::from_secs(60),
            window: Duration::from_secs(60),
            least: 60 << 10,
            redirects: 5,
            pages: 1000,
            entries: 100_000,
            chunk: 256 << 20,
        }
    }
}
