//! What the agent on a machine tells about its steps: `/run/kfimg/steps/<step>.json`, written for people and programs.
//!
//! Only the fields that scenarios look at are read.

use crate::Machine;
use crate::Result;
use crate::wait::{Look, wait_for};
use fs_err as fs;
use serde::Deserialize;
use std::time::Duration;

/// How far a step is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct StepStatus {
    /// `running`, `waiting`, `done` or `failed`.
    pub state: String,
    /// A line for a person.
    pub message: String,
    /// Why it failed.
    #[serde(default)]
    pub failure: Option<Notice>,
    /// What did not stop it.
    #[serde(default)]
    pub warnings: Vec<Notice>,
}

/// A code with its particulars.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Notice {
    /// Name of the code.
    pub code: String,
    /// The particulars.
    pub message: String,
}

impl StepStatus {
    /// Whether it tells this code, as a failure, a warning, or what it waits for.
    pub fn tells(&self, code: &str) -> bool {
        let notices = self.failure.iter().chain(&self.warnings);
        self.message.starts_with(code) || notices.into_iter().any(|notice| notice.code == code)
    }
}

impl Machine {
    /// What a step tells; none before it has begun, and on a machine that is off.
    pub fn step(&self, name: &str) -> Option<StepStatus> {
        let file = self.running_root().ok()?.join(format!("run/kfimg/steps/{name}.json"));
        serde_json::from_slice(&fs::read(file).ok()?).ok()
    }

    /// Waits until a step tells this code.
    ///
    /// # Errors
    /// [`crate::Error::Late`] with what it tells instead.
    pub fn wait_told(&self, step: &str, code: &str, bound: Duration) -> Result<Duration> {
        let what = format!("{}: {code} of {step}", self.name());
        let look = || {
            let status = self.step(step);
            let told = status.as_ref().is_some_and(|status| status.tells(code));
            Ok(Look::when(told, (), || format!("{status:?}")))
        };
        wait_for(&what, bound, look).map(|((), time)| time)
    }
}
