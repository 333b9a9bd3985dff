//! Progress bars: one in total and one for each active item, on a terminal only.

mod canvas;

use crate::console::Console;
use crate::size::human;
use canvas::Canvas;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use kfimg_images::digest::Digest;
use kfimg_images::transfer::Transfer;
use kfimg_images::{pull, push};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often bars are drawn, in times a second: over a slow line more is waste.
const DRAWS: u8 = 10;
/// How often speed and time are counted anew while nothing comes.
const TICK: Duration = Duration::from_millis(500);
/// Widths that fit into 80 columns together.
const TOTAL: &str =
    "{msg:8} at {binary_bytes_per_sec:16} {bar:14} {binary_bytes:>10} of {binary_total_bytes:10} {eta:>4}";
const ITEM: &str = "{msg:28!} {bar:14} {binary_bytes:>10} of {binary_total_bytes:10}";
/// A step of long work, and one of which nobody knows how much it is.
const STEP: &str = "{msg:30!} {bar:14} {binary_bytes:>10} of {binary_total_bytes:10} {eta:>4}";
const OPEN_STEP: &str = "{msg:30!} {elapsed:>4}";

/// The bars that stand on the terminal, for whoever has something to say and has no hold of them.
static SHOWN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Where bars are drawn on a terminal.
pub(crate) fn screen() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Canvas::default()), DRAWS)
}

/// From now on these bars stand on the terminal, or none.
pub(crate) fn show(bars: Option<&MultiProgress>) {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = bars.cloned();
}

/// Does something while no bar stands on the terminal and none is drawn.
pub(crate) fn without_bars<T>(work: impl FnOnce() -> T) -> T {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(all) => all.suspend(work),
        None => work(),
    }
}

/// Bars of one command; they vanish when this is dropped.
pub(crate) struct Progress {
    all: MultiProgress,
    total: ProgressBar,
    active: Mutex<BTreeMap<Digest, ProgressBar>>,
    /// What is planned and not yet begun.
    planned: Mutex<BTreeMap<Digest, String>>,
    console: Console,
}

impl Progress {
    /// Bars for bytes; `doing` is a gerund: `fetching`.
    pub(crate) fn new(console: &Console, doing: &'static str) -> Self {
        Self::styled(console, doing, 0, TOTAL)
    }

    /// A bar for one step of long work that has its own words, as in `writing the root image`; 0 bytes where nobody knows how many.
    pub(crate) fn step(console: &Console, doing: &'static str, bytes: u64) -> Self {
        Self::styled(console, doing, bytes, if bytes > 0 { STEP } else { OPEN_STEP })
    }

    fn styled(console: &Console, doing: &'static str, bytes: u64, template: &str) -> Self {
        let target = if console.shows_progress() { screen() } else { ProgressDrawTarget::hidden() };
        let all = MultiProgress::with_draw_target(target);
        let total = all.add(ProgressBar::new(bytes).with_message(doing).with_style(style(template)));
        total.enable_steady_tick(TICK);
        show(Some(&all));
        Self { all, total, active: Mutex::default(), planned: Mutex::default(), console: *console }
    }

    /// As many bytes are to be done in all.
    pub(crate) fn expect(&self, bytes: u64) {
        self.total.inc_length(bytes);
    }

    /// Bytes that were done last.
    pub(crate) fn advance(&self, bytes: u64) {
        self.total.inc(bytes);
    }

    /// A person knows an item by the last part of the name of what needs it.
    fn plan(&self, digest: &Digest, size: u64, name: &str) {
        self.total.inc_length(size);
        let name = name.rsplit('/').next().unwrap_or_default();
        self.names().insert(digest.clone(), name.to_owned());
    }

    /// An item that is there; what of it was read already is not counted again.
    fn there(&self, digest: &Digest, size: u64) {
        let read = self.bars().get(digest).map_or(0, ProgressBar::position);
        self.total.inc(size.saturating_sub(read));
        self.names().remove(digest);
        self.finish(digest);
    }

    /// What was read of an item is of no use: it is planned as before.
    fn damaged(&self, digest: &Digest) {
        if let Some(bar) = self.bars().get(digest) {
            self.total.dec(bar.position());
            self.names().insert(digest.clone(), bar.message());
        }
        self.finish(digest);
        let line = format!("{digest} is damaged here, and is fetched again");
        self.all.suspend(|| self.console.warn(&line));
    }

    fn start(&self, digest: &Digest, size: u64, from: u64) {
        self.total.inc(from);
        let label = self.names().remove(digest).unwrap_or_default();
        let bar = ProgressBar::new(size).with_message(label).with_position(from).with_style(style(ITEM));
        self.bars().insert(digest.clone(), self.all.add(bar));
    }

    fn advance_one(&self, digest: &Digest, bytes: u64) {
        self.total.inc(bytes);
        if let Some(bar) = self.bars().get(digest) {
            bar.inc(bytes);
        }
    }

    fn restart(&self, digest: &Digest, lost: u64) {
        self.total.dec(lost);
        if let Some(bar) = self.bars().get(digest) {
            bar.dec(lost.min(bar.position()));
        }
    }

    fn finish(&self, digest: &Digest) {
        if let Some(bar) = self.bars().remove(digest) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    /// A line above the bars, with `-v`.
    fn note(&self, line: &str) {
        if self.console.is_verbose() {
            self.all.suspend(|| self.console.say(line));
        }
    }

    fn names(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, String>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bars(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, ProgressBar>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        show(None);
        self.bars().values().for_each(ProgressBar::finish_and_clear);
        self.total.finish_and_clear();
    }
}

impl Progress {
    /// Takes a step of one blob, that is brought `here` or `there`.
    fn transferred(&self, step: Transfer<'_>, place: &str) {
        match step {
            Transfer::Planned { digest, size, name } => self.plan(digest, size, name),
            Transfer::Present { digest, size } => self.there(digest, size),
            Transfer::Started { digest, size, from } => self.start(digest, size, from),
            Transfer::Advanced { digest, bytes } => self.advance_one(digest, bytes),
            Transfer::Restarted { digest, lost } => self.restart(digest, lost),
            Transfer::Finished { digest, size } => {
                self.finish(digest);
                self.note(&format!("{digest} is {place} ({})", human(size)));
            }
        }
    }

    /// Takes what a pull tells.
    pub(crate) fn pulled(&self, event: pull::Event<'_>) {
        use pull::Event;
        match event {
            Event::Blob(step) => self.transferred(step, "here"),
            Event::Checking { digest, size } => self.start(digest, size, 0),
            Event::Checked { digest, bytes } => self.advance_one(digest, bytes),
            Event::Damaged { digest } => self.damaged(digest),
            Event::Resolved { reference, digest } => self.note(&format!("*{reference}* is {digest}")),
            Event::Retrying { error, .. } => self.note(&format!("trying again: {error}")),
            Event::Foreign { digest } => self.note(&format!("{digest} may not be distributed, and is left out")),
            _ => {}
        }
    }
}

impl Progress {
    /// Takes what a push tells.
    pub(crate) fn pushed(&self, event: push::Event<'_>) {
        use push::Event;
        match event {
            Event::Blob(step) => self.transferred(step, "there"),
            Event::Mounted { digest, size, .. } => self.there(digest, size),
            Event::Unchanged { name, .. } => self.note(&format!("*{name}* is there already")),
            Event::Pushed { name, .. } => self.note(&format!("*{name}* is there")),
            _ => {}
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates of this file are well formed").progress_chars("=> ")
}
