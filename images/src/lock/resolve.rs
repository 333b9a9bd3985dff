//! Looks references up without pulling them: documents only, several at a time.

use std::collections::BTreeSet;
use std::io::Read;

use super::{Lock, LockError, LockedImage, ResolveFailure};
use crate::component::Architecture;
use crate::hasher::digest_like;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Kind};
use crate::parallel;
use crate::reference::Reference;
use crate::registry::{Class, Fetched, Place, Registries, RegistryError};

/// References at a time.
const WORKERS: usize = 6;

/// A lock of what these references stand for now.
///
/// # Errors
/// [`LockError::Unresolved`] with every reference that could not be looked up, or that lacks an architecture.
pub fn resolve(
    registries: &Registries,
    references: &[Reference],
    architectures: &[Architecture],
) -> Result<Lock, LockError> {
    let mut lock = Lock::new(architectures.iter().copied());
    let found = parallel::each(references, WORKERS, |reference| one(registries, reference, &lock.architectures));
    let mut failures = Vec::new();
    for (reference, outcome) in references.iter().zip(found) {
        match outcome {
            Ok(image) => drop(lock.images.insert(reference.clone(), image)),
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() { Ok(lock) } else { Err(LockError::Unresolved(failures)) }
}

fn one(
    registries: &Registries,
    reference: &Reference,
    architectures: &BTreeSet<Architecture>,
) -> Result<LockedImage, ResolveFailure> {
    let registry =
        |error: RegistryError| ResolveFailure::Registry { reference: reference.clone(), error: error.into() };
    let content = |reason| ResolveFailure::Content { reference: reference.clone(), reason };
    let places = registries.places(reference).map_err(registry)?;
    let asked = reference.digest().map(|digest| digest.as_str()).or(reference.tag()).unwrap_or_default();
    let (place, root) = first(&places, asked).map_err(registry)?;
    let mut known = Some(root.clone());
    let mut read = |descriptor: &Descriptor| match known.take().filter(|root| root.digest == descriptor.digest) {
        Some(root) => Ok(Some(root.bytes)),
        None => read_from(place, descriptor).map(Some),
    };
    let image =
        LockedImage::of(&root.descriptor(), architectures, &mut read).map_err(|error| content(error.to_string()))?;
    match architectures.iter().find(|one| !image.platforms.contains_key(one)) {
        Some(lacking) => Err(content(format!("there is no image for linux/{lacking}"))),
        None => Ok(image),
    }
}

/// The answer of the first place that has it.
fn first<'a>(places: &'a [Place], asked: &str) -> Result<(&'a Place, Fetched), RegistryError> {
    let mut problem = None;
    for place in places {
        match place.client.manifest(&place.repository, asked) {
            Ok(found) => return Ok((place, found)),
            Err(error) if error.class() == Class::Final => return Err(error),
            // A later place that has it not does not hide what is wrong with an earlier one.
            Err(error) if error.class() == Class::Missing && problem.is_some() => {}
            Err(error) => problem = Some(error),
        }
    }
    let reason = "has no registry that may be asked".to_owned();
    Err(problem.unwrap_or_else(|| RegistryError::Name { written: asked.to_owned(), reason }))
}

/// A document, or a small blob: the configuration of an image.
fn read_from(place: &Place, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
    if matches!(descriptor.kind(), Kind::Index | Kind::Manifest) {
        return place.client.manifest(&place.repository, descriptor.digest.as_str()).map(|found| found.bytes);
    }
    let body = place.client.blob(&place.repository, &descriptor.digest, 0)?;
    let url = body.source();
    if descriptor.size > DOCUMENT_LIMIT {
        return Err(RegistryError::TooLarge { url, limit: DOCUMENT_LIMIT });
    }
    let mut bytes = Vec::new();
    let read = body.take(DOCUMENT_LIMIT).read_to_end(&mut bytes);
    read.map_err(|error| RegistryError::Transport { url: url.clone(), reason: error.to_string() })?;
    let found = digest_like(&descriptor.digest, &bytes);
    if found != descriptor.digest {
        return Err(RegistryError::Digest { url, wanted: descriptor.digest.clone(), found });
    }
    Ok(bytes)
}
