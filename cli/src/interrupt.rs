//! Ctrl-C, and the system's wish that the program ends.
//!
//! The first signal asks for an orderly end; the second ends the program at once, as if it handled none.

use kfimg_images::stop::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_default};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What SIGINT and SIGTERM ask to stop, from now on and for the whole program.
pub(crate) fn stop_on_signals() -> Stop {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds nobody who asked before.
        register_conditional_default(signal, Arc::clone(&asked)).expect("SIGINT and SIGTERM may always be handled");
        register(signal, Arc::clone(&asked)).expect("SIGINT and SIGTERM may always be handled");
    }
    Stop::of_flag(asked)
}
