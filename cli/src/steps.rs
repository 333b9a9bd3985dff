//! A bar for many steps of one kind, such as nodes: on a terminal only, and only where they take longer than a second.
//!
//! Bytes have bars of their own, in [`crate::progress`].

use crate::console::Console;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kfimg_pki::Watch;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What is done before is told by its result.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the bar is drawn, in times a second.
const DRAWS: u8 = 10;
/// Fits into 80 columns with numbers of six digits.
const TEMPLATE: &str = "{msg:24!} {bar:24} {pos:>6} of {len:6} {eta:>4}";

/// Steps that are counted; the bar vanishes when this is dropped.
pub(crate) struct Steps {
    bar: ProgressBar,
    begin: Instant,
    is_wanted: bool,
    is_drawn: AtomicBool,
}

impl Steps {
    /// So many steps; `doing` says what they do, as in `writing payloads`.
    pub(crate) fn new(console: &Console, doing: &'static str, count: usize) -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template of this file is well formed");
        let bar = ProgressBar::with_draw_target(u64::try_from(count).ok(), ProgressDrawTarget::hidden());
        let bar = bar.with_style(style.progress_chars("=> ")).with_message(doing);
        Self { bar, begin: Instant::now(), is_wanted: console.shows_progress(), is_drawn: AtomicBool::new(false) }
    }

    /// One step is done, in whichever thread.
    pub(crate) fn done(&self) {
        if self.is_wanted && self.begin.elapsed() >= PATIENCE && !self.is_drawn.swap(true, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS));
        }
        self.bar.inc(1);
    }
}

impl Watch for Steps {
    fn begin(&self, certificates: usize) {
        self.bar.set_length(u64::try_from(certificates).unwrap_or(u64::MAX));
    }

    fn one(&self) {
        self.done();
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
