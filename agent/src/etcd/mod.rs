//! The step `etcd`: the guard on a member; on every control plane the API server's manifest.
//!
//! What is decided is in `guard`; here are the disk, the network, and the loop between them.

mod aside;
mod codes;
mod effects;
mod eviction;
mod fence;
mod flags;
mod gateway;
mod identity;
#[cfg(test)]
mod interop;
mod log;
mod manifest;
mod marker;
mod member;
mod membership;
mod messages;
mod mount;
mod partition;
mod process;
mod remote;
mod restore;
mod round;
mod run;
mod serve;
mod twin;
mod wakeup;
mod watch;

use crate::failure::{Code, Failure};
use crate::program::Context;
use crate::step::StepLog;

/// Codes of this step.
pub(crate) const CODES: &[Code] = codes::CODES;

/// Runs the step. It ends only when it can't even begin: others ask a member for as long as it is up.
///
/// # Errors
/// The plan does not fit the node, or the certificates can't be used.
pub(crate) fn run(context: &Context, log: &mut StepLog) -> Result<(), Failure> {
    let Some(etcd) = &context.plan.etcd else { return remote::run(context, log) };
    run::run(&member::Member::of(context, etcd)?, log)
}
