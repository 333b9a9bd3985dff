//! Bounded waiting: pauses that grow and are never the same on two machines, and the end of patience.
//!
//! What is waited for, and what a person reads meanwhile, is the caller's.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Pauses between tries: each about half as long again as the one before, up to a greatest, each shortened by a random
/// part of up to a quarter, so that machines that started together do not ask together for ever.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    next: Duration,
    greatest: Duration,
}

impl Backoff {
    /// Pauses from `first` to `greatest`.
    pub(crate) fn new(first: Duration, greatest: Duration) -> Self {
        Self { first, next: first, greatest }
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = jittered(self.next);
        self.next = (self.next * 3 / 2).min(self.greatest);
        pause
    }

    /// Sleeps for the next pause, but not past the deadline.
    pub(crate) fn pause(&mut self, deadline: Deadline) {
        sleep(self.next().min(deadline.left()));
    }

    /// Something has moved: short pauses again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Nobody waits longer; a clock can't be asked for any moment that a number can say.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A moment after which nobody waits any longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// So long from now, which somebody may have written: `kfimg.wait=` of the kernel's command line.
    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now() + time.min(LONGEST))
    }

    /// The time until then; zero when it is over.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it is over.
    pub(crate) fn over(self) -> bool {
        self.left().is_zero()
    }
}

/// The duration less a random part of up to a quarter.
pub(crate) fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(1.0 - f64::from(random_byte()) / 1024.0)
}

/// Without a source of randomness machines still have their names; all wait in full then.
fn random_byte() -> u8 {
    let mut byte = [0_u8];
    let _ = rustix::rand::getrandom(&mut byte, rustix::rand::GetRandomFlags::NONBLOCK);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Deadline};
    use std::time::Duration;

    #[test]
    fn a_wait_without_end_is_long_and_no_panic() {
        assert!(!Deadline::after(Duration::from_secs(u64::MAX)).over());
        assert!(Deadline::after(Duration::ZERO).over());
    }

    #[test]
    fn pauses_grow_to_the_greatest_and_never_pass_it() {
        let greatest = Duration::from_secs(2);
        let mut backoff = Backoff::new(Duration::from_millis(100), greatest);
        let pauses: Vec<_> = (0..20).map(|_| backoff.next()).collect();
        assert!(pauses.iter().all(|pause| *pause <= greatest && *pause >= Duration::from_millis(75)));
        assert!(pauses[19] >= greatest * 3 / 4);
    }
}
