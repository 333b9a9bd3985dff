//! Manifests and indexes: fetched, hashed, and judged by type before anybody uses them.
//!
//! What they refer to is [`crate::layout`]'s.

use super::token::Scope;
use super::transport::{Answer, Call, Sent};
use super::{Client, RegistryError, error};
use crate::digest::Digest;
use crate::hasher::{digest_like, sha256};
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Document, LayoutError, media_type};
use ureq::http::Method;

/// A manifest or index as the registry sent it.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its bytes, whose digest is [`Fetched::digest`].
    pub bytes: Vec<u8>,
    /// Its type, of those that we read.
    pub media_type: String,
    /// Computed from the bytes, and compared with what was asked for.
    pub digest: Digest,
    /// What the bytes say.
    pub document: Document,
}

impl Fetched {
    /// Type, digest and size.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(&self.media_type, self.digest.clone(), self.bytes.len() as u64)
    }
}

impl Client {
    /// Fetches a manifest or index by tag or digest.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::Digest`] when the bytes are others than those asked for, or than the answer's
    /// own header says; [`RegistryError::Document`] for schema 1, a wrong type, or one that could be taken for another;
    /// [`RegistryError::TooLarge`]; those of the transport.
    pub fn manifest(&self, repository: &str, reference: &str) -> Result<Fetched, RegistryError> {
        let pinned = digest_of(reference)?;
        let mut call = self.manifest_call(Method::GET, repository, reference)?;
        let mut attempt = 0;
        loop {
            let answer = self.send(&Scope::pull(repository), &mut call)?;
            if answer.status != 200 {
                return Err(self.failure(answer));
            }
            match self.read_manifest(answer, pinned.as_ref()) {
                Err(error) if error.class() == super::Class::Passing && attempt + 1 < self.wire.limits.attempts => {
                    self.wire.wait(attempt, &error)?;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn read_manifest(&self, answer: Answer, pinned: Option<&Digest>) -> Result<Fetched, RegistryError> {
        let url = answer.url.to_string();
        let media_type = answer.header("content-type").map(media_type::essence).unwrap_or_default();
        let declared = declared_digest(&answer)?;
        let bytes = answer.into_body(0, &self.wire).read_all(DOCUMENT_LIMIT)?;
        let digest = match pinned.or(declared.as_ref()) {
            Some(wanted) => digest_like(wanted, &bytes),
            None => sha256(&bytes),
        };
        // A pinned one is compared with what was asked for; the header may then name it by another algorithm.
        if let Some(wanted) = pinned.or(declared.as_ref()).filter(|wanted| **wanted != digest) {
            return Err(RegistryError::Digest { url, wanted: wanted.clone(), found: digest });
        }
        let document = Document::parse(&media_type, &bytes).map_err(|error| RegistryError::Document { url, error })?;
        Ok(Fetched { bytes, media_type, digest, document })
    }

    /// What the registry says about a manifest or index, by tag or digest; `None` when it has none.
    ///
    /// The digest is the registry's word for it, not computed. A registry need not give it, nor type and size, to who does not ask for the
    /// bytes (distribution specification, "Checking if content exists in the registry"): then it is asked for these.
    ///
    /// # Errors
    /// As [`Client::manifest`], but for [`RegistryError::NotFound`].
    pub fn head_manifest(&self, repository: &str, reference: &str) -> Result<Option<Descriptor>, RegistryError> {
        let pinned = digest_of(reference)?;
        let mut call = self.manifest_call(Method::HEAD, repository, reference)?;
        let answer = self.send(&Scope::pull(repository), &mut call)?;
        match answer.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.failure(answer)),
        }
        let media_type = answer.header("content-type").map(media_type::essence);
        if let (Some(digest), Some(size), Some(media_type)) =
            (declared_digest(&answer)?.or(pinned), content_length(&answer), media_type)
        {
            return Ok(Some(Descriptor::new(&media_type, digest, size)));
        }
        drop(answer);
        match self.manifest(repository, reference) {
            Ok(fetched) => Ok(Some(fetched.descriptor())),
            Err(RegistryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn manifest_call(&self, method: Method, repository: &str, reference: &str) -> Result<Call<'static>, RegistryError> {
        let url = self.url(repository, &format!("manifests/{reference}"))?;
        Ok(Call::new(method, url).header("accept", media_type::ACCEPTED.join(", ")))
    }

    /// Puts a manifest or index, by tag or digest. What it refers to must be there.
    ///
    /// Returns whether the registry says that it lists it among the referrers of its subject; one that does not wants a fallback tag.
    ///
    /// # Errors
    /// [`RegistryError::Digest`] when the registry says that it keeps other bytes; those of the transport.
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<bool, RegistryError> {
        if let Some(wanted) = digest_of(reference)? {
            let found = digest_like(&wanted, bytes);
            if found != wanted {
                return Err(RegistryError::Digest { url: format!("{}/{repository}", self.host()), wanted, found });
            }
        }
        let url = self.url(repository, &format!("manifests/{reference}"))?;
        let mut call = Call::new(Method::PUT, url).header("content-type", media_type).body(Sent::Bytes(bytes));
        let answer = self.send(&Scope::push(repository), &mut call)?;
        if answer.status != 201 && answer.status != 200 {
            return Err(self.failure(answer));
        }
        if let Some(found) = declared_digest(&answer)? {
            let wanted = digest_like(&found, bytes);
            if found != wanted {
                return Err(RegistryError::Digest { url: answer.url.to_string(), wanted, found });
            }
        }
        Ok(answer.header("oci-subject").is_some())
    }
}

/// The digest, where a reference is one; else it must be a tag.
fn digest_of(reference: &str) -> Result<Option<Digest>, RegistryError> {
    let wrong = |reason: String| RegistryError::Name { written: error::shown(reference), reason };
    if reference.contains(':') {
        return reference.parse().map(Some).map_err(|error: crate::digest::DigestError| wrong(error.to_string()));
    }
    crate::reference::check_tag(reference).map(|()| None).map_err(|kind| wrong(kind.to_string()))
}

/// The registry's word for the digest.
fn declared_digest(answer: &Answer) -> Result<Option<Digest>, RegistryError> {
    let Some(text) = answer.header("docker-content-digest") else { return Ok(None) };
    text.parse().map(Some).map_err(|error: crate::digest::DigestError| RegistryError::Answer {
        url: answer.url.to_string(),
        reason: format!("Docker-Content-Digest: {}", error::shown(&error.to_string())),
    })
}

/// The size by the header. The body of an answer to HEAD has none.
pub(super) fn content_length(answer: &Answer) -> Option<u64> {
    answer.header("content-length")?.parse().ok()
}

/// An answer that cannot be used, in the words of [`LayoutError`].
pub(super) fn document(url: String, error: LayoutError) -> RegistryError {
    RegistryError::Document { url, error }
}
