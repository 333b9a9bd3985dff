//! Files that projects publish on web servers: the same rules, bounds and retries as for registries, and never a login.
//!
//! What they should hash to is not known here.

use super::manifests::content_length;
use super::transport::{Answer, Call};
use super::url::Url;
use super::{Body, Class, Client, Registries, RegistryError};
use std::sync::Arc;
use ureq::http::Method;

/// A file on a web server.
#[derive(Clone, Debug)]
pub(crate) struct WebFile {
    client: Arc<Client>,
    url: Url,
}

impl Registries {
    /// Where the file of a URL may be had, in this order: at mirrors of its host, which keep it under the same path, then there. The
    /// URL is of `https`; of `http` only on a host that the user calls plain.
    ///
    /// # Errors
    /// [`RegistryError::Name`] for a URL that is none, or of the wrong scheme; as [`Registries::client`].
    pub(crate) fn files(&self, url: &str) -> Result<Vec<WebFile>, RegistryError> {
        let places = self.web_places(&Url::parse(url)?)?;
        places.into_iter().map(|(client, url)| WebFile::new(client, url)).collect()
    }
}

impl WebFile {
    fn new(client: Arc<Client>, url: Url) -> Result<Self, RegistryError> {
        // Port 80 goes without saying for http only, so the scheme is compared before the rest.
        if url.origin == client.wire.home {
            return Ok(Self { client, url });
        }
        let reason = if url.origin.secure {
            "is asked without TLS by the settings of its host; write http://, or change them"
        } else {
            "has no TLS; write https://, or say that its host speaks plain HTTP"
        };
        Err(RegistryError::Name { written: url.to_string(), reason: reason.to_owned() })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The bytes from byte `from` on. A server may ignore that: see [`Body::offset`].
    pub(crate) fn open(&self, from: u64) -> Result<Body, RegistryError> {
        let mut call = Call::new(Method::GET, self.url.clone());
        if from > 0 {
            call = call.header("range", format!("bytes={from}-"));
        }
        let answer = self.send(&mut call)?;
        self.client.ranged(answer, from)
    }

    /// The size in bytes that the server promises.
    pub(crate) fn size(&self) -> Result<u64, RegistryError> {
        let answer = self.send(&mut Call::new(Method::HEAD, self.url.clone()))?;
        let size = content_length(&answer).filter(|_| answer.status == 200);
        match (answer.status, size) {
            (404, _) => Err(self.client.failure(answer)),
            (_, Some(size)) => Ok(size),
            // Some servers do not answer HEAD; the body is dropped.
            _ => self.open(0)?.length().ok_or_else(|| RegistryError::Answer {
                url: self.url.to_string(),
                reason: "the answer has no Content-Length".to_owned(),
            }),
        }
    }

    /// All bytes of a small file.
    pub(crate) fn read_small(&self, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let mut attempt = 0;
        loop {
            match self.open(0).and_then(|body| body.read_all(limit)) {
                Err(error) if error.class() == Class::Passing && attempt + 1 < self.client.limits().attempts => {
                    self.client.wait(attempt, &error)?;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn send(&self, call: &mut Call<'_>) -> Result<Answer, RegistryError> {
        self.client.wire.retry(call, |call| self.client.wire.follow(call, None))
    }
}
