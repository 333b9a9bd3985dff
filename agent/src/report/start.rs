//! When this machine started, and how long ago that is.
//!
//! The wall clock is of no use: the step `clock` may move it by years.

use crate::command;
use crate::root::Root;
use std::process::Command;
use std::time::Duration;

/// The machine's start, on the kernel's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start(Duration);

impl Start {
    /// The start of the kernel; in a container, of its systemd.
    pub(super) fn find(root: &Root) -> Self {
        if root.at("/run/systemd/container").exists() {
            return Self(userspace().unwrap_or_else(monotonic));
        }
        Self(Duration::ZERO)
    }

    /// Time since then.
    pub(super) fn elapsed(self) -> Duration {
        monotonic().saturating_sub(self.0)
    }
}

fn monotonic() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(time).unwrap_or_default()
}

fn userspace() -> Option<Duration> {
    let mut systemctl = Command::new("systemctl");
    systemctl.args(["show", "--value", "--property=UserspaceTimestampMonotonic"]);
    let text = command::output(&mut systemctl, Duration::from_secs(5), 4096).ok()?;
    let microseconds: u64 = String::from_utf8_lossy(&text).trim().parse().ok()?;
    (microseconds > 0).then_some(Duration::from_micros(microseconds))
}
