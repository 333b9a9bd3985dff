//! From a reference to the descriptor that is kept: by its digest, by a lock, or by asking the registry; for one architecture, to
//! the image inside the index.
//!
//! Nothing below that descriptor is fetched here.

use super::error::{Fault, Problem};
use super::queue::Origin;
use super::worker::Worker;
use super::{PulledImage, Wanted};
use crate::component::Architecture;
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Document, Index, Kind, Limits, media_type, own_type};
use crate::platforms::runs;
use crate::registry::{Class, Place, RegistryError};
use crate::shown::shown;

/// A document and what it says.
pub(super) struct Known {
    pub(super) descriptor: Descriptor,
    pub(super) document: Document,
}

impl Worker<'_> {
    /// What is kept for a wanted image.
    pub(super) fn resolve(&self, wanted: &Wanted, origin: &Origin) -> Result<PulledImage, Fault> {
        // A digest in the reference is what nodes ask for, so it is kept as it is; that of a lock may be looked into.
        let pinned = wanted.reference.digest().or(wanted.digest.as_ref());
        let known = match pinned {
            Some(digest) => match self.stored(digest)? {
                Some(known) => known,
                None => self.ask(&origin.places, digest.as_str())?,
            },
            None => {
                let tag = wanted.reference.tag().unwrap_or_default();
                self.ask(&origin.places, tag)?
            }
        };
        let resolved = known.descriptor.digest.clone();
        let descriptor = match (&self.options.architectures[..], known.document) {
            ([one], Document::Index(index)) if wanted.reference.digest().is_none() => {
                self.choose(&index, *one, origin, 1)?.ok_or_else(|| lacking(*one, &index))?
            }
            (chosen, Document::Index(index)) => {
                for one in chosen {
                    self.choose(&index, *one, origin, 1)?.ok_or_else(|| lacking(*one, &index))?;
                }
                known.descriptor
            }
            (_, Document::Manifest(_)) => known.descriptor,
        };
        Ok(PulledImage { reference: wanted.reference.clone(), resolved, descriptor })
    }

    /// A document that is in the store, by its digest alone.
    fn stored(&self, digest: &Digest) -> Result<Option<Known>, Fault> {
        let Some(bytes) = self.store.read_small(digest, DOCUMENT_LIMIT)? else { return Ok(None) };
        // Without a type of its own, the registry is asked for it.
        let Some(media_type) = own_type(&bytes) else { return Ok(None) };
        let document = parse(digest, &media_type, &bytes)?;
        Ok(Some(Known { descriptor: Descriptor::new(&media_type, digest.clone(), bytes.len() as u64), document }))
    }

    /// Asks one place after another for a document, and stores it.
    pub(super) fn ask(&self, places: &[Place], reference: &str) -> Result<Known, Fault> {
        let mut problem: Option<RegistryError> = None;
        for place in places {
            match place.client.manifest(&place.repository, reference) {
                Ok(fetched) => {
                    self.store.put(&fetched.digest, &fetched.bytes)?;
                    self.received(fetched.bytes.len() as u64);
                    return Ok(Known { descriptor: fetched.descriptor(), document: fetched.document });
                }
                Err(error) if error.class() == Class::Final => return Err(error.into()),
                Err(error) if error.class() == Class::Missing && problem.is_some() => {}
                Err(error) => problem = Some(error),
            }
        }
        let none = || RegistryError::Name {
            written: reference.to_owned(),
            reason: "has no registry that may be asked; name a mirror of it, or leave out --mirrors-only".to_owned(),
        };
        Err(problem.unwrap_or_else(none).into())
    }

    /// The image that every Linux machine of an architecture runs; indexes inside the index are looked into.
    fn choose(
        &self,
        index: &Index,
        wanted: Architecture,
        origin: &Origin,
        depth: usize,
    ) -> Result<Option<Descriptor>, Fault> {
        let fits = |entry: &&Descriptor| {
            entry.kind() == Kind::Manifest && entry.platform.as_ref().is_some_and(|platform| runs(platform, wanted))
        };
        if let Some(first) = index.manifests.iter().find(fits) {
            return Ok(Some(first.clone()));
        }
        if depth >= Limits::default().depth {
            return Err(Problem::Limit(format!("indexes lie deeper than {depth} in one another")).into());
        }
        for inner in index.manifests.iter().filter(|entry| entry.kind() == Kind::Index) {
            let document = self.document(inner, &origin.places)?;
            if let Document::Index(inner) = document
                && let Some(found) = self.choose(&inner, wanted, origin, depth + 1)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What a descriptor stands for: from the store, else from the registry, which must call it the same.
    pub(super) fn document(&self, descriptor: &Descriptor, places: &[Place]) -> Result<Document, Fault> {
        let digest = &descriptor.digest;
        if descriptor.size > DOCUMENT_LIMIT {
            let wanted = format!("{} bytes", descriptor.size);
            return Err(Problem::Described {
                digest: digest.clone(),
                wanted,
                found: "more than is read of any document".to_owned(),
            }
            .into());
        }
        if let Some(bytes) = self.store.read_small(digest, DOCUMENT_LIMIT)? {
            check_size(descriptor, bytes.len() as u64)?;
            return parse(digest, &descriptor.media_type, &bytes);
        }
        let known = self.ask(places, digest.as_str())?;
        check_size(descriptor, known.descriptor.size)?;
        if known.descriptor.media_type != media_type::essence(&descriptor.media_type) {
            let (wanted, found) = (shown(&descriptor.media_type), shown(&known.descriptor.media_type));
            return Err(Problem::Described { digest: digest.clone(), wanted, found }.into());
        }
        Ok(known.document)
    }
}

fn check_size(descriptor: &Descriptor, found: u64) -> Result<(), Fault> {
    if descriptor.size == found {
        return Ok(());
    }
    let (wanted, found) = (format!("{} bytes", descriptor.size), format!("{found} bytes"));
    Err(Problem::Described { digest: descriptor.digest.clone(), wanted, found }.into())
}

fn parse(digest: &Digest, media_type: &str, bytes: &[u8]) -> Result<Document, Fault> {
    Document::parse(media_type, bytes).map_err(|error| Problem::Document { digest: digest.clone(), error }.into())
}

fn lacking(wanted: Architecture, index: &Index) -> Problem {
    Problem::Architecture { wanted: wanted.as_str().to_owned(), found: platforms(index) }
}

/// For a message: at most ten, and none of the placeholders of attestations.
fn platforms(index: &Index) -> Vec<String> {
    let known = index.manifests.iter().filter_map(|entry| entry.platform.as_ref());
    known.filter(|platform| platform.os != "unknown").take(10).map(|platform| shown(&platform.to_string())).collect()
}
