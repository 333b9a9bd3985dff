//! Data.

use crate::failure::{Code, Failure};
use crate::program::Context;
use crate::step::StepLog;

/// Codes of this step.
pub(crate) const CODES: &[Code] = &[];

/// Runs the step.
pub(crate) fn run(_context: &Context, _log: &mut StepLog) -> Result<(), Failure> {
    Err(Failure::internal("being written"))
}
