//! The step `snapshot`: saves the local member's data into a file on the data partition, verifies it, drops old ones.
//!
//! A timer starts it (`kfimg-snapshot.timer`). What restores from such a file is in `etcd::restore`.

mod folder;
mod stream;
pub(crate) mod verify;

use crate::failure::{Code, Failure, PLAN, Weight};
use crate::http::{HttpError, Identity};
use crate::plan::{self, Plan};
use crate::program::Context;
use crate::step::{StepLog, now};
use crate::texts;
use folder::{Folder, Record};
use stream::Source;
use verify::VerifyError;

/// The member's own peer certificate, which is good for a client too.
const AUTHORITY: &str = "/etc/kubernetes/pki/etcd/ca.crt";
const CERTIFICATE: &str = "/etc/kubernetes/pki/etcd/peer.crt";
const KEY: &str = "/etc/kubernetes/pki/etcd/peer.key";
/// Bytes that must be free beside twice the database: etcd itself must never meet a full disk because of a snapshot.
const RESERVE: u64 = 512 << 20;

const NOT_A_VOTER: Code = Code {
    name: "SNAPSHOT_NOT_A_VOTER",
    weight: Weight::Retry,
    meaning: "the local member of etcd does not answer, has no leader, or is a learner, so its data may be old",
    remedy: "nothing: the next run of the timer tries again; `kfimg-etcd.service` tells why the member waits",
};
const SPACE: Code = Code {
    name: "SNAPSHOT_SPACE",
    weight: Weight::Retry,
    meaning: "the data partition lacks room for a snapshot: twice the database and 512 MiB",
    remedy: "enlarge the data partition, or set a lower `etcd.snapshot.retain`; older snapshots were kept",
};
const DAMAGED: Code = Code {
    name: "SNAPSHOT_DAMAGED",
    weight: Weight::Retry,
    meaning: "the snapshot did not arrive whole, or its digest is wrong; it was removed",
    remedy: "if it happens again, look at the disk's health and at etcd's log: the database may be damaged",
};

/// Codes of this step.
pub(crate) const CODES: &[Code] = &[NOT_A_VOTER, SPACE, DAMAGED];

/// Runs the step.
pub(crate) fn run(context: &Context, log: &mut StepLog) -> Result<(), Failure> {
    let Some(etcd) = &context.plan.etcd else {
        log.done(&texts::snapshot::no_member());
        return Ok(());
    };
    let folder = Folder::open(context.root.at(&etcd.snapshot.dir), &context.plan.cluster.name)?;
    folder.sweep()?;
    folder.trim(etcd.snapshot.retain)?;
    let source = source(context, etcd)?;
    let status = source.status().map_err(|error| Failure::new(&NOT_A_VOTER, error.to_string()))?;
    status.check().map_err(|reason| Failure::new(&NOT_A_VOTER, reason))?;
    check_space(&folder, status.size)?;
    log.running(&texts::snapshot::taking());
    let name = take(&context.plan, &folder, &source)?;
    folder.retain(&name, etcd.snapshot.retain)?;
    log.done(&texts::snapshot::done(format!("{name}.db")));
    Ok(())
}

fn source(context: &Context, etcd: &plan::Etcd) -> Result<Source, Failure> {
    let name = &context.plan.node.name;
    let member = etcd.members.iter().find(|member| member.name == *name);
    let member =
        member.ok_or_else(|| Failure::new(&PLAN, format!("{name} is none of the members of etcd in its plan")))?;
    let at = |path| context.root.at(path);
    let identity = Identity::read(&at(AUTHORITY), &at(CERTIFICATE), &at(KEY))?;
    Source::new(&identity, &member.client_url).map_err(Failure::internal)
}

fn check_space(folder: &Folder, size: u64) -> Result<(), Failure> {
    let free = folder.free()?;
    let needed = size.saturating_mul(2).saturating_add(RESERVE);
    if free >= needed {
        return Ok(());
    }
    let mebibytes = |bytes: u64| bytes >> 20;
    Err(Failure::new(&SPACE, format!("{} MiB are free, {} MiB are needed", mebibytes(free), mebibytes(needed))))
}

/// Saves, verifies and names the file; its name without the ending.
fn take(plan: &Plan, folder: &Folder, source: &Source) -> Result<String, Failure> {
    let partial = folder.partial();
    let taken = now();
    let saved = source.save(&partial).map_err(|error| failed(&error));
    let checked = saved.and_then(|saved| Ok((saved, verify::verify(&partial).map_err(|error| damaged(&error))?)));
    let (saved, verified) = match checked {
        Ok(both) => both,
        Err(failure) => {
            folder.sweep()?;
            return Err(failure);
        }
    };
    let record = Record {
        cluster: plan.cluster.name.clone(),
        uid: plan.cluster.uid.clone(),
        incarnation: plan.cluster.incarnation,
        generation: plan.generation,
        member: plan.node.name.clone(),
        etcd_version: saved.version,
        revision: saved.revision,
        taken,
        size: verified.size,
        sha256: verified.sha256,
    };
    Ok(folder.keep(&record)?)
}

fn failed(error: &HttpError) -> Failure {
    match error {
        HttpError::Answer { .. } => Failure::new(&DAMAGED, error.to_string()),
        _ => Failure::internal(error),
    }
}

fn damaged(error: &VerifyError) -> Failure {
    match error {
        VerifyError::Io(error) => Failure::internal(error),
        VerifyError::Damaged { .. } => Failure::new(&DAMAGED, error.to_string()),
    }
}
