//! Where things lie on a node. In tests the whole node lies below a folder.
//!
//! Paths that the plan names come from the plan; only those that no plan names are here.

use crate::failure::{Failure, PLAN};
use crate::plan::{PLAN_PATH, PLAN_VERSION, Plan};
use std::path::{Path, PathBuf};

/// No plan is larger than this, in bytes.
const PLAN_LIMIT: u64 = 4 << 20;

/// The folder below which the node's paths begin: `/`, or a folder of a test.
#[derive(Clone, Debug)]
pub(crate) struct Root(PathBuf);

impl Root {
    /// Paths begin at this folder.
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Whether this is the machine itself, and no folder of a test.
    pub(crate) fn is_machine(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// The place of an absolute path of the node.
    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// `/run/kfimg`: all that the agent says about this boot.
    pub(crate) fn run(&self) -> PathBuf {
        self.at("/run/kfimg")
    }

    /// `/var/lib/kfimg`: what the agent keeps from one boot to the next.
    pub(crate) fn state(&self) -> PathBuf {
        self.at("/var/lib/kfimg")
    }

    /// The node's plan.
    ///
    /// # Errors
    /// Code [`PLAN`] when it can't be read or is of another format.
    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        let path = self.at(PLAN_PATH);
        let wrong = |reason: String| Failure::new(&PLAN, format!("{}: {reason}", path.display()));
        let length = fs_err::metadata(&path).map_err(Failure::plan)?.len();
        if length > PLAN_LIMIT {
            return Err(wrong(format!("{length} bytes are more than a plan can have")));
        }
        let text = fs_err::read(&path).map_err(Failure::plan)?;
        let plan: Plan = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if plan.version == PLAN_VERSION {
            return Ok(plan);
        }
        Err(wrong(format!("format {} where this agent reads {PLAN_VERSION}", plan.version)))
    }
}

impl Failure {
    fn plan(error: impl std::fmt::Display) -> Self {
        Self::new(&PLAN, error.to_string())
    }
}
