//! `kfimg-agent unseal`: opens the secret part of a payload with a key from a second channel.
//!
//! The secrets travel as one age file that holds a compressed tar archive. The key comes on a medium, from the hypervisor, as a
//! credential of systemd's or from whoever sits at the console; see [`key`]. What was opened once is kept on the data partition,
//! for the same sealed file alone, so that a machine boots again when the key is gone.

mod codes;
mod key;
mod unpack;

pub(crate) use codes::CODES;

use crate::age::{self, OpenError};
use crate::failure::{Failure, INTERNAL};
use crate::files;
use crate::plan::Sealed;
use crate::program::Context;
use crate::root::Root;
use crate::step::StepLog;
use crate::texts;
use crate::wait::Backoff;
use codes::{DAMAGED, WRONG_KEY};
use data_encoding::HEXLOWER;
use key::{Found, Source};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// No payload is larger than this, in bytes.
const LIMIT: u64 = 16 << 20;
/// Where archives are kept, one at a time.
const KEPT: &str = "/var/lib/kfimg/unsealed";

/// Runs the step.
pub(crate) fn run(context: &Context, log: &mut StepLog) -> Result<(), Failure> {
    let Context { root, plan } = context;
    let Some(sealed) = &plan.sealed else {
        log.done(&texts::unseal::nothing());
        return Ok(());
    };
    let file = read(root, sealed)?;
    let kept = kept(root, &file);
    let (archive, from) = match fs_err::read(&kept) {
        Ok(archive) => (Zeroizing::new(archive), "what was kept".to_owned()),
        Err(_) => wait_for_key(root, &file, log)?,
    };
    unpack::unpack(root, sealed, &archive).map_err(|reason| Failure::new(&DAMAGED, reason))?;
    keep(&kept, &archive).map_err(|error| Failure::new(&INTERNAL, error.to_string()))?;
    log.done(&texts::unseal::done(sealed.paths.len(), from));
    Ok(())
}

fn read(root: &Root, sealed: &Sealed) -> Result<Vec<u8>, Failure> {
    let path = root.at(&sealed.file);
    let damaged = |reason: String| Failure::new(&DAMAGED, reason);
    let length = fs_err::metadata(&path).map_err(|error| damaged(error.to_string()))?.len();
    if length > LIMIT {
        return Err(damaged(format!("{}: {length} bytes are more than a payload can have", path.display())));
    }
    fs_err::read(&path).map_err(|error| damaged(error.to_string()))
}

/// Where the archive of this sealed file is kept.
fn kept(root: &Root, file: &[u8]) -> PathBuf {
    root.at(KEPT).join(format!("{}.tar.gz", HEXLOWER.encode(&Sha256::digest(file))))
}

/// Keeps the archive, and no other one.
fn keep(kept: &std::path::Path, archive: &[u8]) -> std::io::Result<()> {
    let folder = kept.parent().unwrap_or(kept);
    fs_err::create_dir_all(folder)?;
    if !kept.exists() {
        files::replace(kept, archive)?;
    }
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path != kept {
            files::remove(&path)?;
        }
    }
    files::sync_folder(folder)
}

/// Looks for a key for as long as it takes: nothing of the node can run without it, and whoever brings it is a person.
fn wait_for_key(root: &Root, file: &[u8], log: &mut StepLog) -> Result<(Zeroizing<Vec<u8>>, String), Failure> {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
    let mut sources = Source::all(root);
    let waiting = texts::unseal::waiting(key::PLACES);
    loop {
        for source in &mut sources {
            if source.is_a_person() {
                // Asking takes its time, and others look at what is told meanwhile.
                log.waiting(&waiting);
            }
            let Some(found) = source.look() else { continue };
            match open(file, &found) {
                Ok(archive) => {
                    source.forget();
                    return Ok((archive, source.to_string()));
                }
                Err(OpenError::WrongKey) => log.warn(&WRONG_KEY, &format!("{source}: it does not open this payload")),
                Err(error) => return Err(Failure::new(&DAMAGED, error.to_string())),
            }
        }
        log.waiting(&waiting);
        std::thread::sleep(backoff.next());
    }
}

/// A text is an identity if it looks like one, else a passphrase.
fn open(file: &[u8], found: &Found) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut identities = found.identities().peekable();
    if identities.peek().is_none() {
        return age::open(file, &age::Opener::Passphrase(found.passphrase()));
    }
    let mut last = OpenError::WrongKey;
    for identity in identities {
        match age::open(file, &age::Opener::Identity(&identity)) {
            Ok(archive) => return Ok(archive),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests;
