//! What comes out of a check on one node.

use serde::Serialize;

/// The outcome of a check on one node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The condition holds.
    Pass,
    /// It does not: at least one fault.
    Fail(Vec<Fault>),
    /// The node has nothing that the check is about; why.
    NotApplicable(&'static str),
    /// People have to look; why a tree does not tell.
    NotJudged(&'static str),
}

/// One thing that is not as required.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Fault {
    /// The file in the tree.
    pub path: String,
    /// What is there.
    pub found: String,
    /// What should be.
    pub required: String,
}

impl Fault {
    pub(super) fn new(path: impl Into<String>, found: impl Into<String>, required: impl Into<String>) -> Self {
        Self { path: path.into(), found: found.into(), required: required.into() }
    }
}

impl Outcome {
    /// The outcome of a condition with one possible fault.
    pub(super) fn holds_or(holds: bool, fault: impl FnOnce() -> Fault) -> Self {
        if holds { Self::Pass } else { Self::Fail(vec![fault()]) }
    }
}

impl FromIterator<Fault> for Outcome {
    /// No fault is a pass.
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        let faults: Vec<Fault> = faults.into_iter().collect();
        if faults.is_empty() { Self::Pass } else { Self::Fail(faults) }
    }
}
