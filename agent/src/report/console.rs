//! The lines that a person reads over a shoulder: what changed, what is waited for and for how long, what failed and what
//! to do, and the end.
//!
//! It knows nothing but [`Boot`] and the time; printing is the caller's.

use super::END_OF_LIFE;
use super::boot::{Boot, Item, Phase, Progress};
use crate::clock::utc::words;
use crate::step::Notice;
use std::collections::BTreeMap;
use std::time::Duration;

/// A wait is told again after this time, a failure after that.
const REPEAT: Duration = Duration::from_secs(30);
const REPEAT_FAILURE: Duration = Duration::from_secs(300);
/// A step that only changes its message is told at most this often.
const LEAST: Duration = Duration::from_secs(5);
const RULE: &str = "----------------------------------------------------------------";

/// What was told of a step.
#[derive(Clone, Debug)]
struct Told {
    state: Progress,
    subject: String,
    /// Since when the subject is so.
    since: Duration,
    /// When the last line was printed.
    last: Duration,
}

/// Remembers what was told.
#[derive(Debug, Default)]
pub(super) struct Console {
    told: BTreeMap<String, Told>,
    /// The last failure of each step that has not been done since: a step that is started again fails again.
    failed: BTreeMap<String, Told>,
    warned: Vec<(String, Notice)>,
    phase: Option<Phase>,
    was_up: bool,
    left_up: Duration,
    certificates_told: bool,
    support_told: bool,
}

impl Console {
    /// Lines to print now. `now`: time since the machine's start; it never goes back.
    pub(super) fn lines(&mut self, boot: &Boot, now: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        for item in &boot.steps {
            self.step(item, now, &mut lines);
            self.warnings(item, &mut lines);
        }
        self.certificates(boot, &mut lines);
        self.support(boot, &mut lines);
        self.end(boot, now, &mut lines);
        lines
    }

    fn step(&mut self, item: &Item, now: Duration, lines: &mut Vec<String>) {
        let subject = subject(item);
        let memory = if item.state == Progress::Failed { &self.failed } else { &self.told };
        let told = memory.get(&item.name);
        let same_state = told.is_some_and(|told| told.state == item.state);
        let same = same_state && told.is_some_and(|told| told.subject == subject);
        let quiet = told.map_or(Duration::MAX, |told| now.saturating_sub(told.last));
        let since = told.filter(|_| same).map_or(now, |told| told.since);
        let due = match item.state {
            Progress::Pending => return,
            _ if !same_state => true,
            Progress::Waiting if same => quiet >= REPEAT,
            Progress::Failed if same => quiet >= REPEAT_FAILURE,
            _ if same => false,
            _ => quiet >= LEAST,
        };
        if !due {
            return;
        }
        // A step that begins says nothing before it has something to say.
        if item.state != Progress::Running || !item.message.is_empty() {
            lines.extend(text(item, now.saturating_sub(since)));
        }
        let told = Told { state: item.state, subject, since, last: now };
        match item.state {
            Progress::Failed => drop(self.failed.insert(item.name.clone(), told.clone())),
            Progress::Done => drop(self.failed.remove(&item.name)),
            _ => {}
        }
        self.told.insert(item.name.clone(), told);
    }

    fn warnings(&mut self, item: &Item, lines: &mut Vec<String>) {
        for notice in &item.warnings {
            let entry = (item.name.clone(), notice.clone());
            if !self.warned.contains(&entry) {
                let Notice { code, message, remedy } = notice;
                lines.push(format!("{}: warning {code}: {message}", item.name));
                lines.push(format!("    to do: {remedy}"));
                self.warned.push(entry);
            }
        }
    }

    fn certificates(&mut self, boot: &Boot, lines: &mut Vec<String>) {
        let ends = boot.certificates.as_ref().is_some_and(|certificates| certificates.end_soon);
        if ends && !self.certificates_told {
            lines.push("certificates of this node end in less than 30 days".to_owned());
            lines.push("    to do: renew them (`kfimg pki renew`), render, and boot this node again".to_owned());
        }
        self.certificates_told = ends;
    }

    fn support(&mut self, boot: &Boot, lines: &mut Vec<String>) {
        let end = boot.support.as_ref().filter(|support| support.end_soon);
        if let Some(end) = end.filter(|_| !self.support_told) {
            let version = boot.versions.kubernetes.as_deref().unwrap_or("Kubernetes");
            let moment = words(end.not_after);
            let day = moment.split(' ').next().unwrap_or(&moment);
            lines.push(format!("warning {}: the last corrections of {version} are those of {day}", END_OF_LIFE.name));
            lines.push(format!("    to do: {}", END_OF_LIFE.remedy));
        }
        self.support_told = end.is_some();
    }

    fn end(&mut self, boot: &Boot, now: Duration, lines: &mut Vec<String>) {
        let before = self.phase.replace(boot.phase);
        match (before == Some(Phase::Up), boot.phase == Phase::Up) {
            (false, true) if self.was_up => {
                let time = duration(now.saturating_sub(self.left_up));
                lines.push(format!("node {}: up again after {time}", boot.node));
            }
            (false, true) => {
                let time = duration(Duration::from_secs(boot.up_after_seconds.unwrap_or(now.as_secs())));
                lines.push(format!("node {}: up after {time}", boot.node));
                self.was_up = true;
            }
            (true, false) => {
                self.left_up = now;
                lines.push(format!("node {}: no longer up", boot.node));
            }
            _ => {}
        }
    }
}

/// What a message is about: without what stands in round brackets, where numbers change all the time.
fn subject(item: &Item) -> String {
    let mut depth = 0_u32;
    let kept = item.message.chars().filter(|c| {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    });
    kept.collect()
}

fn text(item: &Item, waited: Duration) -> Vec<String> {
    let Item { name, state, message, .. } = item;
    match state {
        Progress::Waiting if waited >= REPEAT && !message.ends_with(')') => {
            vec![format!("{name}: {message} (for {})", duration(waited))]
        }
        Progress::Done if message.is_empty() => vec![format!("{name}: done")],
        Progress::Failed => failure(item, waited),
        _ => vec![format!("{name}: {message}")],
    }
}

fn failure(item: &Item, waited: Duration) -> Vec<String> {
    let (code, remedy) =
        item.failure.as_ref().map_or(("", ""), |notice| (notice.code.as_str(), notice.remedy.as_str()));
    let time = if waited < REPEAT { String::new() } else { format!(" ({} ago)", duration(waited)) };
    let mut lines = vec![RULE.to_owned(), format!("{} FAILED: {code}{time}", item.name)];
    lines.push(format!("    what:  {}", item.message));
    if !remedy.is_empty() {
        lines.push(format!("    to do: {remedy}"));
    }
    lines.push(RULE.to_owned());
    lines
}

/// As a person says it: `40 s`, `2 min 5 s`, `3 h 10 min`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
