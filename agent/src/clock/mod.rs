//! `kfimg-agent clock`: brings the clock to where this node's certificates hold, or says why it can't.
//!
//! A machine without a battery starts in 1970 or in the year of its firmware. The plan's render time is a floor under
//! that: nothing later than it can be earlier. What the time really is only NTP servers know; this step waits for
//! `systemd-timesyncd` to have asked them, but asks none itself.

pub(crate) mod utc;

use crate::command;
use crate::failure::{Code, Failure, Weight};
use crate::plan::{Plan, Window};
use crate::program::Context;
use crate::root::Root;
use crate::step::{StepLog, now};
use crate::texts;
use crate::wait::{Backoff, Deadline};
use std::process::Command;
use std::time::Duration;
use utc::words;

const BEFORE: Code = Code {
    name: "CLOCK_BEFORE_CERTIFICATES",
    weight: Weight::Fatal,
    meaning: "the clock stands before the moment from which this node's certificates hold",
    remedy: "set the machine's clock (in the firmware, or give the description `time.servers` that this node reaches) and boot",
};
const AFTER: Code = Code {
    name: "CLOCK_AFTER_CERTIFICATES",
    weight: Weight::Fatal,
    meaning: "the clock stands after the moment at which this node's first certificate ends",
    remedy: "if the clock is right, renew the certificates (`kfimg pki renew`), render, and boot the new payload; else set the clock",
};
const NOT_SET: Code = Code {
    name: "CLOCK_NOT_SET",
    weight: Weight::Warning,
    meaning: "the clock stands before the render time, and this machine does not let the agent set it",
    remedy: "set the machine's clock; in a container, set the host's",
};
const NOT_SYNCHRONIZED: Code = Code {
    name: "CLOCK_NOT_SYNCHRONIZED",
    weight: Weight::Warning,
    meaning: "no NTP server set the clock in time; the boot goes on with the clock as it is",
    remedy: "look at `systemctl status systemd-timesyncd` and at the way to the servers; etcd complains when clocks differ by more than a second",
};
const ENDING: Code = Code {
    name: "CERTIFICATES_END_SOON",
    weight: Weight::Warning,
    meaning: "a certificate of this node ends within 30 days",
    remedy: "renew them (`kfimg pki renew`), render, and boot the nodes one after the other with the new payloads",
};

/// Codes of this step.
pub(crate) const CODES: &[Code] = &[BEFORE, AFTER, NOT_SET, NOT_SYNCHRONIZED, ENDING];

/// Seconds before their end from which certificates are spoken of.
const SOON: i64 = 30 * 86_400;
/// What servers get while the clock is good enough to go on.
const PATIENCE: Duration = Duration::from_secs(60);
/// What servers get when nothing else can help; the unit ends the step at 300 s.
const LAST_PATIENCE: Duration = Duration::from_secs(240);
/// Made by `systemd-timesyncd` when it first set the clock in this boot (`systemd-timesyncd.service(8)`).
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";
/// Folder of a running `systemd-timesyncd`.
const TIMESYNCD: &str = "/run/systemd/timesync";

/// Runs the step.
pub(crate) fn run(context: &Context, log: &mut StepLog) -> Result<(), Failure> {
    let Context { root, plan } = context;
    raise_to_floor(root, plan, log);
    let synchronized = plan.time_servers.is_empty() || wait_for_servers(context, log);
    let now = now();
    if let Some(failure) = outside(plan.certificates, now) {
        return Err(failure);
    }
    if !synchronized {
        log.warn(&NOT_SYNCHRONIZED, &format!("no answer from {} so far", plan.time_servers.join(", ")));
    }
    if plan.certificates.not_after - now < SOON {
        let end = words(plan.certificates.not_after);
        log.warn(&ENDING, &format!("the first certificate of {} ends at {end}", plan.node.name));
    }
    log.done(&texts::clock::done(words(now)));
    Ok(())
}

/// The failure that a clock at this second is, if it is one.
pub(crate) fn outside(window: Window, now: i64) -> Option<Failure> {
    let (code, relation, end) = match window {
        Window { not_before, .. } if now < not_before => (&BEFORE, "hold only from", not_before),
        Window { not_after, .. } if now > not_after => (&AFTER, "ended at", not_after),
        Window { .. } => return None,
    };
    Some(Failure::new(code, format!("the clock says {}, the certificates {relation} {}", words(now), words(end))))
}

fn raise_to_floor(root: &Root, plan: &Plan, log: &mut StepLog) {
    let before = now();
    if before >= plan.render_time {
        return;
    }
    let (was, floor) = (words(before), words(plan.render_time));
    match set(root, plan.render_time) {
        Ok(()) => log.running(&texts::clock::set(was, floor)),
        Err(reason) => {
            log.warn(&NOT_SET, &format!("the clock says {was}, the payload was rendered at {floor}: {reason}"));
        }
    }
}

/// Sets the machine's clock. A node that lies below a folder has no clock of its own.
fn set(root: &Root, second: i64) -> Result<(), String> {
    if !root.is_machine() {
        return Err("--root names a folder, and a folder has no clock".to_owned());
    }
    let time = rustix::time::Timespec { tv_sec: second, tv_nsec: 0 };
    rustix::time::clock_settime(rustix::time::ClockId::Realtime, time).map_err(|error| error.to_string())
}

/// Whether a server set the clock in time.
fn wait_for_servers(context: &Context, log: &mut StepLog) -> bool {
    let Context { root, plan } = context;
    let (patience, last_patience) = (Deadline::after(PATIENCE), Deadline::after(LAST_PATIENCE));
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
    while !is_synchronized(root) {
        let good_enough = outside(plan.certificates, now()).is_none();
        if last_patience.over() || good_enough && patience.over() {
            return false;
        }
        log.waiting(&texts::clock::waiting(plan.time_servers.join(", ")));
        backoff.pause(last_patience);
    }
    true
}

/// Where another program than `systemd-timesyncd` keeps the clock, the kernel's own flag tells, as `timedatectl` shows it.
fn is_synchronized(root: &Root) -> bool {
    if root.at(SYNCHRONIZED).exists() {
        return true;
    }
    if root.at(TIMESYNCD).exists() || !root.is_machine() {
        return false;
    }
    let mut timedatectl = Command::new("timedatectl");
    timedatectl.args(["show", "--property=NTPSynchronized", "--value"]);
    let said = command::output(&mut timedatectl, Duration::from_secs(5), 64);
    said.is_ok_and(|output| output.starts_with(b"yes"))
}

#[cfg(test)]
mod tests {
    use super::{AFTER, BEFORE, outside};
    use crate::plan::Window;

    #[test]
    fn a_clock_outside_the_certificates_window_is_named_with_both_times() {
        let window = Window { not_before: 1_000_000_000, not_after: 1_100_000_000 };
        assert!(outside(window, 1_000_000_000).is_none() && outside(window, 1_100_000_000).is_none());
        let before = outside(window, 999_999_999).unwrap();
        assert_eq!(before.code, &BEFORE);
        let text = "the clock says 2001-09-09 01:46:39 UTC, the certificates hold only from 2001-09-09 01:46:40 UTC";
        assert_eq!(before.message, text);
        assert_eq!(outside(window, 1_100_000_001).unwrap().code, &AFTER);
    }
}
