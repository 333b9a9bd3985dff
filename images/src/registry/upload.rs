//! Puts blobs: mounted from another repository, in one request, or in chunks; gone on with after a break.
//!
//! The bytes are the caller's, and the registry hashes them.
//! Source: OCI distribution specification, "Pushing Blobs".

use super::rules::Purpose;
use super::token::Scope;
use super::transport::{Answer, Call, Sent};
use super::url::Url;
use super::{Class, Client, RegistryError};
use crate::digest::Digest;
use std::io::{self, Read};
use ureq::http::Method;

/// Most breaks of one upload, whatever the progress.
const FAULTS: u32 = 100;
/// The type of bytes that are not looked into.
const BYTES: &str = "application/octet-stream";

/// What came of the wish to mount a blob.
#[derive(Debug)]
pub enum Mounted {
    /// The blob is there.
    Done,
    /// The registry wants the bytes, and has begun an upload for them.
    Upload(Session),
    /// The registry does not mount.
    No,
}

/// An upload that was begun.
#[derive(Clone, Debug)]
pub struct Session {
    location: Url,
}

/// A blob that is uploaded, and where its bytes come from.
pub struct Upload<'a> {
    /// The blob.
    pub digest: &'a Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Opens the bytes from a place on.
    pub open: &'a mut dyn FnMut(u64) -> io::Result<Box<dyn Read + 'a>>,
}

impl Client {
    /// Asks the registry to take a blob from another of its repositories.
    ///
    /// # Errors
    /// Those of the transport; a registry that does not mount is none.
    pub fn mount(&self, repository: &str, digest: &Digest, from: &str) -> Result<Mounted, RegistryError> {
        self.url(from, "")?;
        let url = self.url(repository, "blobs/uploads/")?.with("mount", digest.as_str()).with("from", from);
        let mut call = Call::new(Method::POST, url).body(Sent::Bytes(b""));
        let answer = self.send(&Scope::mounting(repository, from), &mut call)?;
        match answer.status {
            201 => Ok(Mounted::Done),
            202 => Ok(Mounted::Upload(self.session(&answer)?)),
            // Without the right to read there, the answer may be anything; the upload itself tells what is wrong.
            400..500 => Ok(Mounted::No),
            _ => Err(self.failure(answer)),
        }
    }

    /// Puts a blob. After a break, the registry is asked how much it has, and the rest is sent.
    ///
    /// # Errors
    /// [`RegistryError::Source`] when the bytes cannot be read; [`RegistryError::Status`] when the registry does not take them;
    /// [`RegistryError::Refused`] when it sends them elsewhere; those of the transport.
    pub fn upload(
        &self,
        repository: &str,
        mut upload: Upload<'_>,
        session: Option<Session>,
    ) -> Result<(), RegistryError> {
        let mut session = match session {
            Some(session) => session,
            None => self.start(repository)?,
        };
        let (mut sent, mut furthest, mut failures, mut faults) = (0, 0, 0, 0);
        loop {
            let error = match self.send_rest(repository, &mut upload, &mut session, &mut sent) {
                Ok(()) => return Ok(()),
                Err(error) if error.class() == Class::Passing => error,
                Err(error) => return Err(error),
            };
            if sent > furthest {
                (furthest, failures) = (sent, 0);
            }
            (failures, faults) = (failures + 1, faults + 1);
            if failures >= self.wire.limits.attempts || faults >= FAULTS {
                return Err(error);
            }
            self.wire.wait(failures - 1, &error)?;
            // The last answer may be all that was lost.
            if self.head_blob(repository, upload.digest)? == Some(upload.size) {
                return Ok(());
            }
            (session, sent) = match self.progress(repository, &session, upload.size)? {
                Some(known) => known,
                None => (self.start(repository)?, 0),
            };
        }
    }

    fn start(&self, repository: &str) -> Result<Session, RegistryError> {
        let url = self.url(repository, "blobs/uploads/")?;
        let answer = self.send(&Scope::push(repository), &mut Call::new(Method::POST, url).body(Sent::Bytes(b"")))?;
        match answer.status {
            202 => self.session(&answer),
            _ => Err(self.failure(answer)),
        }
    }

    fn session(&self, answer: &Answer) -> Result<Session, RegistryError> {
        Ok(Session { location: self.wire.location(answer, Purpose::Upload)? })
    }

    /// How much of an upload the registry has; `None` when it knows nothing of it.
    fn progress(
        &self,
        repository: &str,
        session: &Session,
        size: u64,
    ) -> Result<Option<(Session, u64)>, RegistryError> {
        let mut call = Call::new(Method::GET, session.location.clone());
        let answer = self.send(&Scope::push(repository), &mut call)?;
        if !matches!(answer.status, 200 | 202 | 204) {
            return Ok(None);
        }
        let sent = received(&answer).filter(|sent| *sent <= size);
        let next = if answer.header("location").is_some() { self.session(&answer)? } else { session.clone() };
        Ok(sent.map(|sent| (next, sent)))
    }

    /// Sends what is missing, and closes the upload.
    fn send_rest(
        &self,
        repository: &str,
        upload: &mut Upload<'_>,
        session: &mut Session,
        sent: &mut u64,
    ) -> Result<(), RegistryError> {
        let chunk = self.wire.limits.chunk;
        if *sent == 0 && upload.size <= chunk {
            return self.close(repository, upload, session, upload.size);
        }
        while *sent < upload.size {
            let length = chunk.min(upload.size - *sent);
            let range = format!("{}-{}", *sent, *sent + length - 1);
            let call = Call::new(Method::PATCH, session.location.clone()).header("content-range", range);
            let answer = self.stream(repository, upload, call, *sent, length)?;
            if !matches!(answer.status, 201 | 202 | 204) {
                return Err(self.failure(answer));
            }
            let has = received(&answer).unwrap_or(*sent + length);
            if has > *sent + length || has <= *sent {
                let reason = format!("{} bytes were sent, but the registry says that it has {has}", *sent + length);
                return Err(RegistryError::Answer { url: answer.url.to_string(), reason });
            }
            *session = self.session(&answer)?;
            let asked = std::mem::replace(sent, has) + length;
            if has < asked {
                // A registry that takes a byte of each chunk would take for ever.
                let reason = format!("of {asked} bytes that were sent, the registry took {has}");
                return Err(RegistryError::Transport { url: answer.url.to_string(), reason });
            }
        }
        self.close(repository, upload, session, 0)
    }

    /// The request that ends an upload and brings its last `length` bytes: all, or none.
    fn close(
        &self,
        repository: &str,
        upload: &mut Upload<'_>,
        session: &Session,
        length: u64,
    ) -> Result<(), RegistryError> {
        let url = session.location.with("digest", upload.digest.as_str());
        let answer = self.stream(repository, upload, Call::new(Method::PUT, url), 0, length)?;
        match answer.status {
            200..=204 => Ok(()),
            _ => Err(self.failure(answer)),
        }
    }

    /// Sends bytes of the blob with a request, once.
    fn stream(
        &self,
        repository: &str,
        upload: &mut Upload<'_>,
        call: Call<'static>,
        from: u64,
        length: u64,
    ) -> Result<Answer, RegistryError> {
        let broken = |source| RegistryError::Source { digest: upload.digest.clone(), source };
        let inner = if length == 0 { Box::new(io::empty()) } else { (upload.open)(from).map_err(broken)? };
        let mut reader = Watched { inner, left: length, error: None };
        let answer = {
            let call = call.header("content-type", BYTES);
            let mut call = call.body(Sent::Stream { length, reader: &mut reader });
            self.authorizer.send(&self.wire, &Scope::push(repository), &mut call)
        };
        if let Some(source) = reader.error {
            return Err(broken(source));
        }
        match answer? {
            answer if super::error::is_passing(answer.status) => Err(self.failure(answer)),
            answer => Ok(answer),
        }
    }
}

/// How many bytes the registry has, by `Range: 0-99`.
fn received(answer: &Answer) -> Option<u64> {
    let text = answer.header("range")?;
    let (start, end) = text.strip_prefix("bytes=").unwrap_or(text).split_once('-')?;
    let end: u64 = end.parse().ok()?;
    // Nothing and one byte are both written `0-0`; whoever sends a byte again is told so by the registry.
    if start == "0" { Some(if end == 0 { 0 } else { end.checked_add(1)? }) } else { None }
}

/// Tells errors of the source from those of the way, and ends where the request ends.
struct Watched<'a> {
    inner: Box<dyn Read + 'a>,
    left: u64,
    error: Option<io::Error>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let outcome = self.inner.read(&mut buffer[..most]);
        let outcome = match outcome {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends before its size")),
            outcome => outcome,
        };
        match outcome {
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.error = Some(error);
                Err(kind.into())
            }
        }
    }
}
