//! `kfimg-agent preflight`: is this the right machine, and has it what the node needs?
//!
//! All that is wrong is found and told at once. When nothing fatal is, it makes the copies of keys that components read,
//! and records on the data partition what boots here. It repairs nothing else: what is wrong stays to be seen.

mod arp;
mod capacity;
mod codes;
mod identity;
mod kept;
mod kernel;
mod neighbour;
mod netlink;
mod ports;
mod versions;

pub(crate) use codes::CODES;
pub(crate) use identity::own_macs;

use crate::failure::{Code, Failure, Weight};
use crate::program::Context;
use crate::step::{StepLog, now};
use crate::{clock, copies, texts};
use std::panic::resume_unwind;
use std::path::PathBuf;

/// Below `/run/kfimg`: the ports were free when this boot began; since then the node's own components hold them.
const PASSED: &str = "preflight.passed";

/// What is wrong, as far as it is known.
#[derive(Debug, Default)]
struct Findings(Vec<Failure>);

impl Findings {
    fn add(&mut self, code: &'static Code, message: impl Into<String>) {
        self.0.push(Failure::new(code, message));
    }

    fn has(&self, code: &Code) -> bool {
        self.0.iter().any(|finding| finding.code == code)
    }
}

/// Runs the step.
pub(crate) fn run(context: &Context, log: &mut StepLog) -> Result<(), Failure> {
    let findings = look(context, log);
    let (fatal, warnings): (Vec<_>, Vec<_>) =
        findings.0.into_iter().partition(|finding| finding.code.weight != Weight::Warning);
    for warning in &warnings {
        log.warn(warning.code, &warning.message);
    }
    let mut fatal = fatal.into_iter();
    if let Some(failure) = fatal.next() {
        let is_alone = fatal.len() == 0;
        fatal.for_each(|other| log.also(&other));
        return stop(context, log, failure, is_alone);
    }
    act(context)?;
    log.done(&texts::preflight::done(&context.plan.node.name));
    Ok(())
}

/// The slow questions, to programs and to the network, are asked while the others are answered.
fn look(context: &Context, log: &mut StepLog) -> Findings {
    let Context { root, plan } = context;
    let mut findings = Findings::default();
    identity::check_macs(root, &plan.node, log, &mut findings);
    let asked = std::thread::scope(|scope| {
        let versions = scope.spawn(|| versions::check(root, plan));
        let neighbours = scope.spawn(|| neighbour::check(root, &plan.node));
        identity::check_names(root, &plan.node, &mut findings);
        findings.0.extend(clock::outside(plan.certificates, now()));
        capacity::check_memory(root, plan, &mut findings);
        kernel::check(root, &plan.preflight, &mut findings);
        if !passed(context).exists() {
            ports::check(root, &plan.preflight.free_ports, &mut findings);
        }
        capacity::check_data(root, plan, &mut findings);
        if !findings.has(&codes::DATA_NOT_MOUNTED) {
            kept::check(root, plan, &mut findings);
        }
        [versions, neighbours].map(|asked| asked.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    findings.0.extend(asked.into_iter().flat_map(|asked| asked.0));
    findings
}

/// An etcd member without its disk must still tell the others that it is here and knows nothing: so the units behind
/// this one may start. containerd and the kubelet require the mount itself. With another disk in its place the guard would
/// take what it finds there for its own.
fn stop(context: &Context, log: &mut StepLog, failure: Failure, is_alone: bool) -> Result<(), Failure> {
    let is_missing = failure.code == &codes::DATA_NOT_MOUNTED && !capacity::is_mounted(&context.root, &context.plan);
    let may_answer = is_alone && context.plan.etcd.is_some() && is_missing;
    if !may_answer {
        return Err(failure);
    }
    log.failed(&failure);
    Ok(())
}

fn act(context: &Context) -> Result<(), Failure> {
    let Context { root, plan } = context;
    copies::make(root, &plan.copies).map_err(|error| Failure::new(&codes::COPY, error.to_string()))?;
    kept::record(root, plan)?;
    fs_err::write(passed(context), "")?;
    Ok(())
}

fn passed(context: &Context) -> PathBuf {
    context.root.run().join(PASSED)
}

#[cfg(test)]
mod tests;
