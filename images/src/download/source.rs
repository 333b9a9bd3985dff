//! Who may have a host program: a registry that mirrors bundles, or web servers.

use super::{BINARY_TYPE, Failed};
use crate::digest::Digest;
use crate::layout::Document;
use crate::lock::Pin;
use crate::pull::Supplier;
use crate::reference::Reference;
use crate::registry::{Body, Class, Client, Place, Registries, RegistryError, WebFile};

/// One who may have the file.
pub(super) enum Source {
    Registry(Place),
    Web(WebFile),
}

impl Supplier for Source {
    fn client(&self) -> &Client {
        match self {
            Self::Registry(place) => place.client(),
            Self::Web(file) => file.client(),
        }
    }

    fn open(&self, digest: &Digest, from: u64) -> Result<Body, RegistryError> {
        match self {
            Self::Registry(place) => place.open(digest, from),
            Self::Web(file) => file.open(from),
        }
    }
}

/// What mirrors have of an artifact.
#[derive(Default)]
pub(super) struct Mirrored {
    /// The first mirror that has it, and its file.
    pub(super) found: Option<(Place, Pin)>,
    /// What is wrong with the first that could not be asked.
    pub(super) problem: Option<RegistryError>,
}

/// Asks the mirrors, one after another.
pub(super) fn mirrored(registries: &Registries, reference: &Reference) -> Result<Mirrored, Failed> {
    let tag = reference.tag().unwrap_or_default();
    let mut mirrored = Mirrored::default();
    for place in registries.mirrors(reference)? {
        let found = match place.client.manifest(&place.repository, tag) {
            Ok(found) => found,
            Err(error) if matches!(error.class(), Class::Final) => return Err(error.into()),
            // The web server may still have it.
            Err(error) => {
                mirrored.problem = mirrored.problem.or(Some(error));
                continue;
            }
        };
        let Document::Manifest(manifest) = found.document else { continue };
        if let (Some(BINARY_TYPE), [file]) = (manifest.artifact_type.as_deref(), &manifest.layers[..]) {
            mirrored.found = Some((place, Pin::of(file)));
            break;
        }
    }
    Ok(mirrored)
}

/// Nobody is left who could have a file.
pub(super) fn nobody() -> RegistryError {
    RegistryError::Name {
        written: "--mirrors-only".to_owned(),
        reason: "leaves nobody to ask for a host program; name a mirror that has it".to_owned(),
    }
}

/// The answer of the first server that has one; else what is wrong with the first.
pub(super) fn first<T>(
    files: &[WebFile],
    ask: impl Fn(&WebFile) -> Result<T, RegistryError>,
) -> Result<T, RegistryError> {
    let mut problem = None;
    for file in files {
        match ask(file) {
            Ok(answer) => return Ok(answer),
            Err(error) if error.class() == Class::Final => return Err(error),
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    Err(problem.unwrap_or_else(nobody))
}
