//! What a person sees while a build runs: the phase with its bar, findings, and afterwards how long each phase took.

use crate::console::Console;
use crate::progress::{Progress, without_bars};
use kfimg_builder::Event;
use kfimg_builder::lint::{Finding, Severity};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// How long each phase took. It stands in no output: two builds of the same inputs take different times.
pub(super) type Times = Vec<(&'static str, Duration)>;

/// What a person sees while a build runs.
pub(super) struct Talk<'a> {
    console: &'a Console,
    phases: RefCell<Phases>,
}

/// The phase that runs, and those that are over.
#[derive(Default)]
struct Phases {
    running: Option<(&'static str, Instant, Progress)>,
    over: Times,
}

impl Phases {
    /// Ends what runs; its bar goes before the next one comes.
    fn end(&mut self) {
        if let Some((name, begin, _)) = self.running.take() {
            self.over.push((name, begin.elapsed()));
        }
    }
}

impl<'a> Talk<'a> {
    pub(super) fn new(console: &'a Console) -> Self {
        Self { console, phases: RefCell::default() }
    }

    /// Takes what a build tells.
    pub(super) fn take(&self, event: Event<'_>) {
        match event {
            Event::Phase { name, bytes } => {
                let mut phases = self.phases.borrow_mut();
                phases.end();
                if self.console.is_verbose() {
                    self.console.say(name);
                }
                phases.running = Some((name, Instant::now(), Progress::step(self.console, name, bytes)));
            }
            Event::Advanced(bytes) => {
                if let Some((_, _, progress)) = &self.phases.borrow().running {
                    progress.advance(bytes);
                }
            }
            Event::Remark(text) => without_bars(|| self.console.warn(text)),
            Event::Finding(finding) => without_bars(|| self.finding(finding)),
        }
    }

    /// Takes the last bar away.
    pub(super) fn end(self) -> Times {
        let mut phases = self.phases.into_inner();
        phases.end();
        phases.over
    }

    fn finding(&self, Finding { lint, severity, text, remedy }: &Finding) {
        match severity {
            Severity::Fatal | Severity::Refused => self.console.error(&format!("{lint}: {text}\n  to do: {remedy}")),
            Severity::Warning => self.console.warn(&format!("{lint}: {text}")),
            Severity::Note if self.console.is_verbose() => self.console.say(&format!("{lint}: {text}")),
            Severity::Note => {}
        }
    }
}

/// Times of phases with bars, as lines that fit into 80 columns.
pub(super) fn time_lines(times: &Times) -> Vec<String> {
    const WIDEST: u128 = 30;
    let all: Duration = times.iter().map(|(_, time)| *time).sum();
    let line = |(name, time): &(&str, Duration)| {
        let share = time.as_micros() * WIDEST / all.as_micros().max(1);
        let bar = "#".repeat(usize::try_from(share).unwrap_or(0));
        format!("  {name:32} {:>7.1} s  {bar}", time.as_secs_f64()).trim_end().to_owned()
    };
    std::iter::once(format!("It took {:.1} s:", all.as_secs_f64())).chain(times.iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::time_lines;
    use std::time::Duration;

    #[test]
    fn times_are_shown_by_their_shares() {
        let times =
            vec![("reading the base", Duration::from_secs(3)), ("writing the root image", Duration::from_secs(9))];
        let lines = time_lines(&times);
        let bar = |count| "#".repeat(count);
        assert_eq!(lines[0], "It took 12.0 s:");
        assert_eq!(lines[1], format!("  reading the base                     3.0 s  {}", bar(7)));
        assert_eq!(lines[2], format!("  writing the root image               9.0 s  {}", bar(22)));
        assert!(lines.iter().all(|line| line.len() <= 80));
        assert_eq!(time_lines(&Vec::new()), ["It took 0.0 s:"]);
    }
}
