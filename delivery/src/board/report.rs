//! What a node's agent posts: `/run/kfimg/boot.json`, read as a text of a stranger.
//!
//! Source of the format: crate `agent`, `report/boot.rs`, and docs/boot.md. What is not known of it is passed over, so that nodes
//! of another release are seen, too. Remedies are the agent's own words: they belong to the release that the node runs.

use super::clean;
use serde::{Deserialize, Serialize};

/// Most bytes of a report.
pub(crate) const LIMIT: usize = 256 << 10;
/// The format that is read.
const VERSION: u32 = 1;
/// Most steps of a report, and warnings of all of them; more are left out. An agent has a dozen steps.
const STEPS: usize = 20;
const WARNINGS: usize = 16;
/// Most characters of a message, and of a name.
const MESSAGE: usize = 300;
const NAME: usize = 48;

/// Why a report is not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReportError {
    /// It is none.
    #[error("this is no report of a kfimg agent: {0}")]
    Malformed(String),
    /// It is of no node of this cluster.
    #[error("it is of no node that this server knows")]
    Stranger,
    /// The node reported less than a second ago.
    #[error("the node reported a moment ago")]
    TooSoon,
}

/// As it is posted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    version: u32,
    node: String,
    #[serde(default)]
    cluster: Option<String>,
    #[serde(default)]
    generation: Option<u64>,
    #[serde(default)]
    versions: Versions,
    phase: Phase,
    #[serde(default)]
    up_after_seconds: Option<u64>,
    #[serde(default)]
    steps: Vec<PostedStep>,
}

#[derive(Default, Deserialize)]
struct Versions {
    #[serde(default)]
    agent: String,
    #[serde(default)]
    kubernetes: Option<String>,
}

#[derive(Deserialize)]
struct PostedStep {
    name: String,
    state: Progress,
    #[serde(default)]
    message: String,
    #[serde(default)]
    since: i64,
    #[serde(default)]
    failure: Option<PostedNotice>,
    #[serde(default)]
    warnings: Vec<PostedNotice>,
}

#[derive(Deserialize)]
struct PostedNotice {
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    remedy: String,
}

/// A boot in one word.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) enum Phase {
    Booting,
    Waiting,
    Failed,
    Up,
}

impl Phase {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Booting => "booting",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Up => "up",
        }
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Progress {
    Pending,
    Running,
    Waiting,
    Done,
    Failed,
}

impl Progress {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// A report, cut to size.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) node: String,
    pub(super) cluster: Option<String>,
    pub(super) generation: Option<u64>,
    pub(super) versions: String,
    pub(super) phase: Phase,
    pub(super) up_after_seconds: Option<u64>,
    pub(super) steps: Vec<Step>,
}

/// A step of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) state: Progress,
    message: String,
    since: i64,
    failure: Option<Failure>,
    pub(super) warnings: Vec<Failure>,
}

/// A code with its particulars.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Failure {
    step: String,
    code: String,
    message: String,
    remedy: String,
}

impl Report {
    pub(super) fn parse(text: &[u8]) -> Result<Self, ReportError> {
        let posted: Posted =
            serde_json::from_slice(text).map_err(|error| ReportError::Malformed(clean(&error.to_string(), MESSAGE)))?;
        if posted.version != VERSION {
            return Err(ReportError::Malformed(format!("its format is {}, and this server reads 1", posted.version)));
        }
        let kubernetes = posted.versions.kubernetes.unwrap_or_default();
        let mut warnings = WARNINGS;
        Ok(Self {
            node: posted.node,
            cluster: posted.cluster,
            generation: posted.generation,
            versions: format!(
                "kfimg-agent {}, Kubernetes {}",
                clean(&posted.versions.agent, NAME),
                clean(&kubernetes, NAME)
            ),
            phase: posted.phase,
            up_after_seconds: posted.up_after_seconds,
            steps: posted.steps.into_iter().take(STEPS).map(|step| Step::of(step, &mut warnings)).collect(),
        })
    }

    /// The first failure.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.steps.iter().find_map(|step| step.failure.as_ref())
    }

    /// What the node does: its failure, else what it waits for, else what runs.
    pub(super) fn line(&self) -> String {
        let of = |wanted: Progress| self.steps.iter().find(|step| step.state == wanted && step.name != "snapshot");
        let told = |step: &Step| match step.message.as_str() {
            "" => step.name.clone(),
            message => format!("{}: {message}", step.name),
        };
        match self.phase {
            Phase::Failed => self.failure().map_or_else(
                || of(Progress::Failed).map_or_else(|| "failed".to_owned(), told),
                |failure| format!("{} FAILED: {}", failure.step, failure.code),
            ),
            Phase::Up => match self.up_after_seconds {
                Some(seconds) => format!("up after {seconds} s"),
                None => "up".to_owned(),
            },
            Phase::Waiting => of(Progress::Waiting).map_or_else(|| "waiting".to_owned(), told),
            Phase::Booting => {
                let step = of(Progress::Running).or_else(|| of(Progress::Pending));
                step.map_or_else(|| "booting".to_owned(), told)
            }
        }
    }

    /// What is new in this report, for the time line.
    pub(super) fn news(&self, former: Option<&Self>) -> Option<String> {
        let line = match (self.phase, self.failure()) {
            (Phase::Failed, Some(failure)) => {
                format!("{} FAILED: {}: {}; to do: {}", failure.step, failure.code, failure.message, failure.remedy)
            }
            _ => self.line(),
        };
        let is_old = former.is_some_and(|former| former.line() == self.line() && former.failure() == self.failure());
        (!is_old).then_some(line)
    }
}

impl Step {
    /// With so many warnings at most, of which fewer are left afterwards.
    fn of(posted: PostedStep, left: &mut usize) -> Self {
        let name = clean(&posted.name, NAME);
        let notice = |notice: PostedNotice| Failure {
            step: name.clone(),
            code: clean(&notice.code, NAME),
            message: clean(&notice.message, MESSAGE),
            remedy: clean(&notice.remedy, MESSAGE),
        };
        let warnings: Vec<Failure> = posted.warnings.into_iter().take(*left).map(notice).collect();
        *left -= warnings.len();
        Self {
            failure: posted.failure.map(notice),
            warnings,
            state: posted.state,
            message: clean(&posted.message, MESSAGE),
            since: posted.since,
            name,
        }
    }
}
