//! A bar for many steps of one kind, such as nodes: on a terminal only, and only where they take longer than a second.
//!
//! Bytes have bars of their own, in [`crate::progress`].

use crate::console::Console;
use crate::failure::Failure;
use crate::progress::{screen, show};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use kfimg_images::stop::Stop;
use kfimg_pki::Watch;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What is done before is told by its result.
const PATIENCE: Duration = Duration::from_secs(1);
/// Fits into 80 columns with numbers of six digits.
const TEMPLATE: &str = "{msg:24!} {bar:24} {pos:>6} of {len:6} {eta:>4}";

/// Steps that are counted; the bar vanishes when this is dropped.
pub(crate) struct Steps {
    all: MultiProgress,
    bar: ProgressBar,
    begin: Instant,
    stop: Stop,
    is_wanted: bool,
    is_drawn: AtomicBool,
}

impl Steps {
    /// So many steps; `doing` says what they do, as in `writing payloads`.
    pub(crate) fn new(console: &Console, doing: &'static str, count: usize) -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template of this file is well formed");
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let bar = ProgressBar::new(as_length(count)).with_style(style.progress_chars("=> ")).with_message(doing);
        let (bar, is_wanted) = (all.add(bar), console.shows_progress());
        Self { all, bar, begin: Instant::now(), stop: Stop::new(), is_wanted, is_drawn: AtomicBool::new(false) }
    }

    /// The same, and none is wished for once somebody asks to stop.
    pub(crate) fn until(mut self, stop: &Stop) -> Self {
        self.stop = stop.clone();
        self
    }

    /// As [`Steps::count`].
    ///
    /// # Errors
    /// [`Failure::Stopped`]: no other step is wished for.
    pub(crate) fn done(&self) -> Result<(), Failure> {
        self.count();
        if self.stop.is_asked() { Err(Failure::Stopped) } else { Ok(()) }
    }

    /// One step is done, in whichever thread.
    pub(crate) fn count(&self) {
        if self.is_wanted && self.begin.elapsed() >= PATIENCE && !self.is_drawn.swap(true, Ordering::Relaxed) {
            self.all.set_draw_target(screen());
            show(Some(&self.all));
        }
        self.bar.inc(1);
    }
}

impl Watch for Steps {
    fn begin(&self, certificates: usize) {
        self.bar.set_length(as_length(certificates));
    }

    fn one(&self) {
        self.count();
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_asked()
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        show(None);
        self.bar.finish_and_clear();
    }
}

fn as_length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
