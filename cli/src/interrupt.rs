//! Ctrl-C, and the system's wish that the program ends.
//!
//! The first signal asks for an orderly end; the second ends the program at once, as if it handled none.

use crate::console::Console;
use crate::failure::{Failure, Trouble};
use crate::progress::without_bars;
use kfimg_images::stop::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_default};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How long work has for its orderly end, before [`stop_soon`] ends the program.
const GRACE: Duration = Duration::from_secs(3);
/// One nap of whoever waits for a signal.
const NAP: Duration = Duration::from_secs(3600);

/// What SIGINT and SIGTERM ask to stop, from now on and for the whole program.
pub(crate) fn stop_on_signals() -> Stop {
    // One for all steps of a command: what was asked between two of them is heard by the next.
    static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds nobody who asked before.
            register_conditional_default(signal, Arc::clone(&asked)).expect("SIGINT and SIGTERM may always be handled");
            register(signal, Arc::clone(&asked)).expect("SIGINT and SIGTERM may always be handled");
        }
        asked
    });
    Stop::of_flag(Arc::clone(&ASKED))
}

/// The same, for work that waits for registries: one that is silent is waited for much longer than a person wants to wait, so that the
/// program ends after [`GRACE`] in any case. What lies on the disk is whole at every moment: a loss of power is no worse.
pub(crate) fn stop_soon(console: &Console) -> Stop {
    let stop = stop_on_signals();
    end_after(GRACE, Failure::images(Trouble::Stopped, "stopped; run again to go on"), &stop, console);
    stop
}

/// Ends the program at the first signal: for work that writes nothing, anywhere. It only leaves no bar behind.
pub(crate) fn end_at_once(console: &Console) {
    end_after(Duration::ZERO, Failure::Stopped, &stop_on_signals(), console);
}

/// Ends the program with this failure so long after the wish to stop.
fn end_after(grace: Duration, failure: Failure, stop: &Stop, console: &Console) {
    let (asked, console) = (stop.clone(), *console);
    std::thread::spawn(move || {
        while asked.sleep(NAP) {}
        std::thread::sleep(grace);
        without_bars(|| {
            let _ = console.fail(&failure);
            std::process::exit(failure.exit_code().into());
        })
    });
}
