//! Fetches everything of a request, by its lock where it has one, and makes the lock of what came.

use std::collections::{BTreeMap, BTreeSet};

use super::{CreateError, Request};
use crate::component::Architecture;
use crate::digest::Digest;
use crate::download::{DownloadError, DownloadFailure, Downloads, attach, download};
use crate::layout::Descriptor;
use crate::lock::Lock;
use crate::pull::{Events, PullError, Pulled, Wanted, pull};
use crate::reference::Reference;
use crate::registry::Registries;
use crate::store::{Store, listed};

/// What is in the store now.
pub(super) struct Gathered {
    /// What the bundle's index lists. That of the store may say otherwise by now: others write to it, too.
    pub(super) entries: Vec<Descriptor>,
    /// How many of these refer to images.
    pub(super) referrers: usize,
    pub(super) lock: Lock,
    pub(super) foreign: Vec<Digest>,
    pub(super) received: u64,
}

/// Refuses a request that its lock does not cover, before anything is asked.
pub(super) fn check(request: &Request) -> Result<(), CreateError> {
    if request.pull.architectures.is_empty() {
        return Err(CreateError::NoArchitecture);
    }
    let names = binary_names(request)?;
    let asked: BTreeSet<&Reference> = request.references.iter().chain(&names).collect();
    let strange: Vec<Reference> = request.renew.iter().filter(|one| !asked.contains(one)).cloned().collect();
    if !strange.is_empty() {
        return Err(CreateError::NotAsked(strange));
    }
    let Some(lock) = &request.lock else { return Ok(()) };
    if let Some(one) = request.pull.architectures.iter().find(|one| !lock.architectures.contains(one)) {
        return Err(CreateError::LockArchitecture(*one));
    }
    let images = request.references.iter().filter(|one| !lock.images.contains_key(one));
    let binaries = names.iter().filter(|one| !lock.binaries.contains_key(one));
    let lacking: Vec<Reference> = images.chain(binaries).filter(|one| !request.renew.contains(one)).cloned().collect();
    if lacking.is_empty() { Ok(()) } else { Err(CreateError::NotLocked(lacking)) }
}

fn binary_names(request: &Request) -> Result<Vec<Reference>, CreateError> {
    let (mut names, mut binaries) = (Vec::new(), Vec::new());
    for binary in &request.binaries {
        match binary.reference() {
            Ok(name) => names.push(name),
            Err(problem) => binaries.push(DownloadFailure { binary: binary.clone(), problem }),
        }
    }
    if binaries.is_empty() { Ok(names) } else { Err(CreateError::Incomplete { images: Vec::new(), binaries }) }
}

/// Every image once, by its name, with what the lock pins it to.
fn wanted(request: &Request) -> Vec<Wanted> {
    let lock = |reference: &Reference| request.lock.as_ref().filter(|_| !request.renew.contains(reference));
    let pinned = |reference: &Reference| Some(lock(reference)?.images.get(reference)?.root()?.digest.clone());
    let unique: BTreeMap<String, &Reference> = request.references.iter().map(|one| (one.to_string(), one)).collect();
    unique.into_values().map(|one| Wanted { reference: one.clone(), digest: pinned(one) }).collect()
}

/// Fetches all; what fails is told together.
pub(super) fn gather(
    request: &Request,
    store: &Store,
    registries: &Registries,
    events: &Events<'_>,
) -> Result<Gathered, CreateError> {
    let wanted = wanted(request);
    let mut options = request.pull.clone();
    // One that is named twice is still one, for which no whole index is kept.
    options.architectures.sort();
    options.architectures.dedup();
    if let Some(receipt) = &request.since {
        options.elsewhere = receipt.blobs();
    }
    let (pulled, images) = match pull(store, registries, &wanted, &options, events) {
        Ok(pulled) => (pulled, Vec::new()),
        Err(PullError::Incomplete(failures)) => (Pulled::default(), failures),
        Err(PullError::Store(error)) => return Err(error.into()),
        Err(PullError::Stopped) => return Err(CreateError::Stopped),
    };
    let mut pins = request.lock.as_ref().map(|lock| lock.binaries.clone()).unwrap_or_default();
    pins.retain(|name, _| !request.renew.contains(name));
    let (downloads, binaries) = match download(store, registries, &request.binaries, &pins, &options, events) {
        Ok(downloads) => (downloads, Vec::new()),
        Err(DownloadError::Incomplete(failures)) => (Downloads::default(), failures),
        Err(DownloadError::Store(error)) => return Err(error.into()),
        Err(DownloadError::Stopped) => return Err(CreateError::Stopped),
    };
    if !images.is_empty() || !binaries.is_empty() {
        return Err(CreateError::Incomplete { images, binaries });
    }
    let lock = lock_of(request, store, &pulled, &downloads)?;
    let mut entries = pulled.entries();
    entries.extend(downloads.binaries.iter().map(|one| one.descriptor.clone()));
    for file in &request.files {
        entries.push(attach(store, file)?);
    }
    let (referrers, received) = (pulled.referrers.len(), pulled.received + downloads.received);
    Ok(Gathered { entries: listed(entries), referrers, lock, foreign: pulled.foreign, received })
}

/// The lock of what came; where the request has one, both must agree about all that was not to be renewed.
fn lock_of(request: &Request, store: &Store, pulled: &Pulled, downloads: &Downloads) -> Result<Lock, CreateError> {
    let mut lock = Lock::new(request.pull.architectures.iter().copied());
    lock.update(pulled, store)?;
    lock.binaries = downloads.binaries.iter().map(|one| (one.reference.clone(), one.file.clone())).collect();
    let Some(given) = &request.lock else { return Ok(lock) };
    let mut expected = Lock::new(lock.architectures.iter().copied());
    for (reference, found) in &lock.images {
        let given = if request.renew.contains(reference) { Some(found) } else { given.images.get(reference) };
        let mut image = given.cloned().unwrap_or_default();
        image.platforms.retain(|one, _| lock.architectures.contains(one));
        expected.images.insert(reference.clone(), image);
    }
    let known = lock.binaries.iter().filter_map(|(name, found)| {
        let pin = if request.renew.contains(name) { Some(found) } else { given.binaries.get(name) };
        Some((name.clone(), pin?.clone()))
    });
    expected.binaries = known.collect();
    let changes = expected.changes(&lock);
    if changes.is_empty() { Ok(lock) } else { Err(CreateError::LockDiffers(changes)) }
}

/// Images that are not made for an architecture of the lock.
pub(super) fn lacking(lock: &Lock) -> Vec<(Reference, Architecture)> {
    let of = |(reference, image): (&Reference, &crate::lock::LockedImage)| {
        let lacks = lock.architectures.iter().filter(|one| !image.platforms.contains_key(one));
        lacks.map(|one| (reference.clone(), *one)).collect::<Vec<_>>()
    };
    lock.images.iter().flat_map(of).collect()
}
