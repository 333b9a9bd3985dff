//! `kfimg-agent fetch`: what was too large for the payload, from the boot server.
//!
//! Each file is known by its SHA-512, so a server that anybody can impersonate can withhold it and do nothing worse. What came is
//! kept on the data partition, so that the next boot needs no server.

mod codes;
mod get;

pub(crate) use codes::CODES;

use crate::failure::{Failure, INTERNAL};
use crate::files;
use crate::plan::Fetch;
use crate::program::Context;
use crate::root::Root;
use crate::step::StepLog;
use crate::texts;
use crate::wait::{Backoff, Deadline};
use codes::{CHANGED, UNREACHABLE};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha512};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the server gets before systemd starts the step again, which a person sees in the console's report.
const PATIENCE: Duration = Duration::from_secs(600);
/// Where files are kept, by their digests.
const KEPT: &str = "/var/lib/kfimg/fetched";

/// Runs the step.
pub(crate) fn run(context: &Context, log: &mut StepLog) -> Result<(), Failure> {
    let Context { root, plan } = context;
    let internal = |error: std::io::Error| Failure::new(&INTERNAL, error.to_string());
    fs_err::create_dir_all(root.at(KEPT)).map_err(internal)?;
    let deadline = Deadline::after(PATIENCE);
    for wanted in &plan.fetch {
        let kept = root.at(KEPT).join(&wanted.sha512);
        let content = match held(&kept, wanted) {
            Some(content) => content,
            None => fetch(root, wanted, deadline, log)?,
        };
        place(&kept, &root.at(&wanted.path), &content).map_err(internal)?;
    }
    forget_others(&root.at(KEPT), &plan.fetch).map_err(internal)?;
    log.done(&texts::fetch::done(plan.fetch.len()));
    Ok(())
}

/// What is kept, if it is what is wanted.
fn held(kept: &Path, wanted: &Fetch) -> Option<Vec<u8>> {
    let is_size = fs_err::metadata(kept).is_ok_and(|metadata| metadata.len() == wanted.size);
    let content = is_size.then(|| fs_err::read(kept).ok()).flatten()?;
    is_wanted(&content, wanted).then_some(content)
}

fn is_wanted(content: &[u8], wanted: &Fetch) -> bool {
    HEXLOWER.encode(&Sha512::digest(content)) == wanted.sha512
}

fn fetch(root: &Root, wanted: &Fetch, deadline: Deadline, log: &mut StepLog) -> Result<Vec<u8>, Failure> {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(15));
    loop {
        let reason = match get::get(root, &wanted.url, wanted.size) {
            Ok(content) if is_wanted(&content, wanted) => return Ok(content),
            Ok(_) => {
                log.warn(&CHANGED, &wanted.url);
                "what it gives is not what was rendered (its SHA-512 differs)".to_owned()
            }
            Err(reason) => reason,
        };
        log.waiting(&texts::fetch::waiting(&wanted.url, &reason));
        if deadline.over() {
            return Err(Failure::new(&UNREACHABLE, format!("{}: {reason}", wanted.url)));
        }
        backoff.pause(deadline);
    }
}

/// Keeps the file, and puts it where the plan says.
fn place(kept: &Path, path: &Path, content: &[u8]) -> std::io::Result<()> {
    if !kept.exists() || fs_err::metadata(kept)?.len() != content.len() as u64 {
        files::replace(kept, content)?;
    }
    fs_err::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    files::replace(path, content)
}

/// Removes what no file of this payload is.
fn forget_others(folder: &Path, wanted: &[Fetch]) -> std::io::Result<()> {
    let paths: Vec<PathBuf> = wanted.iter().map(|wanted| folder.join(&wanted.sha512)).collect();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if !paths.contains(&path) {
            files::remove(&path)?;
        }
    }
    files::sync_folder(folder)
}

#[cfg(test)]
mod tests;
