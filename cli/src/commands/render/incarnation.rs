//! What the state knows of etcd's incarnations, held against what the description says: refusals with their places.
//!
//! The rules are in crate `pki`; what the description says by itself was judged when it was loaded.

use crate::commands::description::summary;
use crate::console::Console;
use crate::failure::Failure;
use kfimg_pki::{IncarnationFault, State, inventory};
use kfimg_profiles::cluster::Etcd;
use kfimg_profiles::document::Path;
use kfimg_profiles::load::Loaded;
use kfimg_profiles::problem::Report;

/// Refuses an incarnation that was rendered to begin otherwise, or that is over.
pub(super) fn check(loaded: &Loaded, state: &State, console: &Console) -> Result<(), Failure> {
    let etcd = &loaded.cluster.etcd;
    let number = u64::from(etcd.incarnation);
    let faults = state.generations().incarnation_faults(number, &inventory::beginning(&loaded.cluster));
    if !faults.is_empty() {
        let mut report = loaded.new_report();
        faults.iter().for_each(|fault| tell(fault, etcd, &mut report));
        console.problems(&report, &loaded.sources)?;
        return Err(Failure::Description { summary: summary(report.counts()), missing_input: false });
    }
    let is_next = state.generations().last_incarnation().is_some_and(|last| number > last);
    if is_next && etcd.recover_from.is_none() && etcd.restore.is_none() {
        console.warn(&format!(
            "incarnation {number} of etcd begins with nobody's data: members that hold data keep it and wait; \
             if it is to live on, render the incarnation after it with `etcd.recoverFrom` or `etcd.restore`"
        ));
    }
    Ok(())
}

fn tell(fault: &IncarnationFault, etcd: &Etcd, report: &mut Report) {
    let at = |key: &str| Path::root().key("etcd").key(key);
    let (number, next) = (etcd.incarnation, etcd.incarnation.saturating_add(1));
    let begun = format!(
        "write `etcd.incarnation: {next}`: a node that booted with the former payload may have begun {number} already"
    );
    match fault {
        IncarnationFault::GoesBack { last } => {
            let message = format!("incarnation {last} of etcd was rendered, and it would go back to {number}");
            report.error("incarnation-goes-back", at("incarnation"), message).help(format!(
                "write `etcd.incarnation: {last}`, or {} to begin another one on purpose",
                last.saturating_add(1)
            ));
        }
        IncarnationFault::OtherSource { rendered } => {
            let message =
                format!("incarnation {number} of etcd was rendered {}", with(rendered.as_ref(), "the data of"));
            report.error("incarnation-begun", at("recoverFrom"), message).help(begun);
        }
        IncarnationFault::OtherRestore { rendered } => {
            let message =
                format!("incarnation {number} of etcd was rendered {}", with(rendered.as_ref(), "a snapshot at"));
            report.error("incarnation-begun", at("restore").key("node"), message).help(begun);
        }
        IncarnationFault::LeftOut { member } => {
            let index = etcd.without.iter().position(|name| name == member).unwrap_or_default();
            let message = format!("incarnation {number} of etcd was rendered to wait for `{member}`");
            report.error("incarnation-begun", at("without").index(index), message).help(begun);
        }
        IncarnationFault::NothingToRecover => {
            let message = "the state folder is new, so no member holds data of its cluster";
            report
                .error("nothing-to-recover", at("recoverFrom"), message)
                .help("name the state folder that the cluster was rendered with: `--state DIR`");
        }
    }
}

fn with(member: Option<&String>, what: &str) -> String {
    member.map_or_else(|| "without it".to_owned(), |member| format!("with {what} `{member}`"))
}
