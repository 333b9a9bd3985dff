//! What a step tells about itself: a line in the journal and `/run/kfimg/steps/<step>.json`.
//!
//! `kfimg-report` reads these files and tells people; nothing else depends on them, so a full `/run` stops no step.

use crate::failure::{Code, Failure};
use crate::root::Root;
use crate::texts::Text;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// A step of the boot, named as its subcommand and its unit.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// `kfimg-data.service`
    Data,
    /// `kfimg-unseal.service`
    Unseal,
    /// `kfimg-clock.service`
    Clock,
    /// `kfimg-preflight.service`
    Preflight,
    /// `kfimg-images.service`
    Images,
    /// `kfimg-etcd.service`
    Etcd,
    /// `kfimg-fetch.service`
    Fetch,
    /// `kfimg-addons.service`
    Addons,
    /// `kfimg-snapshot.service`
    Snapshot,
}

impl Step {
    /// All of them, in the order of a boot.
    pub(crate) const ALL: [Self; 9] = [
        Self::Data,
        Self::Unseal,
        Self::Clock,
        Self::Preflight,
        Self::Images,
        Self::Etcd,
        Self::Fetch,
        Self::Addons,
        Self::Snapshot,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Unseal => "unseal",
            Self::Clock => "clock",
            Self::Preflight => "preflight",
            Self::Images => "images",
            Self::Etcd => "etcd",
            Self::Fetch => "fetch",
            Self::Addons => "addons",
            Self::Snapshot => "snapshot",
        }
    }

    /// The file that holds its [`Status`].
    pub(crate) fn file(self, root: &Root) -> PathBuf {
        root.run().join("steps").join(format!("{}.json", self.name()))
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum State {
    /// It works.
    Running,
    /// It can't go on before somebody or something else does.
    Waiting,
    /// It has done its work; a step that serves on, like etcd's, is done when its aim is reached.
    Done,
    /// It has ended, or stopped acting, without reaching its aim.
    Failed,
}

/// A code with its particulars.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Notice {
    /// [`Code::name`].
    pub(crate) code: String,
    /// The particulars.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: String,
}

impl Notice {
    fn new(code: &Code, message: &str) -> Self {
        Self { code: code.name.to_owned(), message: message.to_owned(), remedy: code.remedy.to_owned() }
    }
}

/// All that a step tells.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Status {
    /// Which step.
    pub(crate) step: Step,
    /// How far it is.
    pub(crate) state: State,
    /// A line for a person, such as `waiting for master2`; no dots, no code.
    pub(crate) message: String,
    /// Second since 1970 since which state and message have been so.
    pub(crate) since: i64,
    /// Second since 1970 at which the step began in this boot.
    pub(crate) began: i64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) failure: Option<Notice>,
    /// What did not stop it, or not alone.
    pub(crate) warnings: Vec<Notice>,
}

/// Writes a step's [`Status`].
#[derive(Debug)]
pub(crate) struct StepLog {
    file: PathBuf,
    status: Status,
}

impl StepLog {
    /// Begins a step.
    pub(crate) fn begin(root: &Root, step: Step) -> Self {
        let now = now();
        let message = String::new();
        let status = Status {
            step,
            state: State::Running,
            message,
            since: now,
            began: now,
            failure: None,
            warnings: Vec::new(),
        };
        let log = Self { file: step.file(root), status };
        log.write();
        log
    }

    /// It works on this.
    pub(crate) fn running(&mut self, text: &Text) {
        self.change(State::Running, text.as_str(), None);
    }

    /// It waits for this. Saying the same again changes nothing, so that people see how long it has been so.
    pub(crate) fn waiting(&mut self, text: &Text) {
        self.change(State::Waiting, text.as_str(), None);
    }

    /// It reached its aim.
    pub(crate) fn done(&mut self, text: &Text) {
        self.change(State::Done, text.as_str(), None);
    }

    /// It stopped; a step that serves on may work again later.
    pub(crate) fn failed(&mut self, failure: &Failure) {
        self.change(State::Failed, &failure.message, Some(Notice::new(failure.code, &failure.message)));
    }

    /// Something is wrong that does not stop it. The same warning is kept once.
    pub(crate) fn warn(&mut self, code: &Code, message: &str) {
        let notice = Notice::new(code, message);
        if !self.status.warnings.contains(&notice) {
            tell(format_args!("{}: warning: {}: {message}; {}", self.status.step.name(), code.name, code.remedy));
            self.status.warnings.push(notice);
            self.write();
        }
    }

    /// Something else stopped it, beside what [`Self::failed`] names.
    pub(crate) fn also(&mut self, failure: &Failure) {
        let notice = Notice::new(failure.code, &failure.message);
        tell(format_args!("{}: {failure}", self.status.step.name()));
        self.status.warnings.push(notice);
        self.write();
    }

    fn change(&mut self, state: State, message: &str, failure: Option<Notice>) {
        let same = self.status.state == state && self.status.message == message && self.status.failure == failure;
        if same {
            return;
        }
        let code = failure.as_ref().map(|notice| format!("{}: ", notice.code)).unwrap_or_default();
        tell(format_args!("{}: {code}{message}", self.status.step.name()));
        self.status.state = state;
        message.clone_into(&mut self.status.message);
        self.status.failure = failure;
        self.status.since = now();
        self.write();
    }

    /// A reader sees the old text or the new one. A failure to tell must not become a failure to boot.
    fn write(&self) {
        let Ok(text) = serde_json::to_vec(&self.status) else { return };
        let partial = self.file.with_extension("partial");
        let folder = self.file.parent().map(std::fs::create_dir_all).unwrap_or(Ok(()));
        let written = folder.and_then(|()| std::fs::write(&partial, text));
        if let Err(error) = written.and_then(|()| std::fs::rename(&partial, &self.file)) {
            tell(format_args!("{}: can't write {}: {error}", self.status.step.name(), self.file.display()));
        }
    }
}

/// A line for the journal. Where nobody reads it any more `eprintln!` would end the program.
pub(crate) fn tell(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Seconds since 1970 by this machine's clock.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
