//! The service `report`: tells how far this boot has come, on the console, in `/run/kfimg/boot.json`, and to a URL.
//!
//! It only looks: no step waits for it, and it changes nothing. The format of `boot.json` is in [`boot`], the words on
//! the console are in [`console`].

mod boot;
mod console;
mod post;
mod probe;
mod start;
mod units;

use crate::failure::{Code, Failure, PLAN, Weight};
use crate::plan::Plan;
use crate::root::Root;
use crate::step::{Step, now, tell};
use boot::{Boot, Phase};
use console::Console;
use post::Poster;
use probe::{Probe, Prober};
use start::Start;
use std::io::Write;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// Pauses between two looks at the steps' files, while the node boots and when it is up.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_UP: Duration = Duration::from_secs(2);

/// A unit ended, and its step did not say why.
pub(crate) const UNIT_FAILED: Code = Code {
    name: "UNIT_FAILED",
    weight: Weight::Retry,
    meaning: "systemd says that a unit failed, and the unit itself did not tell a code",
    remedy: "read `journalctl -b -u UNIT`; systemd starts kubelet and containerd again by itself",
};

/// The version of Kubernetes has no future.
pub(crate) const END_OF_LIFE: Code = Code {
    name: "KUBERNETES_END_OF_LIFE",
    weight: Weight::Warning,
    meaning: "the Kubernetes project corrects this minor version for less than 60 days more, or not any more; everything goes on working",
    remedy: "write the next minor version as `kubernetesVersion`, bring its images, render, and boot the nodes one after the other",
};

/// Codes of this service.
pub(crate) const CODES: &[Code] = &[UNIT_FAILED, END_OF_LIFE];

/// Runs for as long as the machine does.
pub(crate) fn run(root: &Root) -> Result<(), Failure> {
    let mut reporter = Reporter::new(root);
    let prober = Prober::start(root, reporter.plan.clone());
    loop {
        for line in reporter.look(&prober.latest()) {
            // Texts of others must not command the terminal; a console that is gone must not end the report.
            let _ = writeln!(std::io::stdout(), "[kfimg] {}", line.replace(char::is_control, " "));
        }
        prober.calm(reporter.phase == Phase::Up);
        sleep(if reporter.phase == Phase::Up { PAUSE_UP } else { PAUSE });
    }
}

/// Looks, writes, and tells what to print.
struct Reporter {
    root: Root,
    plan: Option<Plan>,
    plan_failure: Option<Failure>,
    start: Start,
    console: Console,
    poster: Option<Poster>,
    written: Option<Boot>,
    phase: Phase,
}

impl Reporter {
    fn new(root: &Root) -> Self {
        let (plan, plan_failure) = match root.plan() {
            Ok(plan) => (Some(plan), None),
            Err(failure) => (None, Some(failure)),
        };
        let url = plan.as_ref().and_then(|plan| plan.report_url.clone());
        let poster = url.map(|url| Poster::start(root, url));
        let (start, console) = (Start::find(root), Console::default());
        let phase = Phase::Booting;
        let mut new = Self { root: root.clone(), plan, plan_failure, start, console, poster, written: None, phase };
        // Written before this service was started again: when the node was up for the first time stays so.
        new.written = boot::read(&new.file());
        if let (Some(poster), Some(written)) = (&new.poster, &new.written) {
            serde_json::to_vec_pretty(written).into_iter().for_each(|text| poster.post(text));
        }
        new
    }

    /// The lines for the console.
    fn look(&mut self, probe: &Probe) -> Vec<String> {
        let statuses: Vec<_> = Step::ALL.into_iter().filter_map(|step| boot::read_status(&self.root, step)).collect();
        let mut boot = Boot::new(&self.root, self.plan.as_ref(), &statuses, probe);
        if let Some(failure) = &self.plan_failure {
            boot.fail("plan", &PLAN, &failure.message);
        }
        boot.finish(self.written.as_ref(), now(), self.start.elapsed());
        self.phase = boot.phase;
        let lines = self.console.lines(&boot, self.start.elapsed());
        if self.written.as_ref().is_none_or(|written| !written.tells_the_same(&boot)) {
            self.write(&boot);
            self.written = Some(boot);
        }
        lines
    }

    fn write(&self, boot: &Boot) {
        let Ok(text) = serde_json::to_vec_pretty(boot) else { return };
        let path = self.file();
        if let Err(error) = boot::write(&path, &text) {
            tell(format_args!("report: can't write {}: {error}", path.display()));
        }
        if let Some(poster) = &self.poster {
            poster.post(text);
        }
    }

    fn file(&self) -> PathBuf {
        self.root.run().join("boot.json")
    }
}

#[cfg(test)]
mod tests;
