//! Blobs: whether they are there, and their bytes from any place on.
//!
//! The bytes are not hashed here: whoever stores them does.

use super::manifests::content_length;
use super::token::Scope;
use super::transport::{Answer, Call};
use super::{Body, Client, RegistryError};
use crate::digest::Digest;
use ureq::http::Method;

impl Client {
    /// The size of a blob in bytes; `None` when the registry does not have it. One that does not tell it to who does not ask for bytes is
    /// asked for the first.
    ///
    /// # Errors
    /// [`RegistryError::Answer`] when no answer has a size; those of the transport.
    pub fn head_blob(&self, repository: &str, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        let url = self.url(repository, &format!("blobs/{digest}"))?;
        let answer = self.send(&Scope::pull(repository), &mut Call::new(Method::HEAD, url))?;
        match answer.status {
            200 => match content_length(&answer) {
                Some(size) => Ok(Some(size)),
                None => self.size_by_bytes(repository, digest).map(Some),
            },
            404 => Ok(None),
            _ => Err(self.failure(answer)),
        }
    }

    /// The size of a blob by the answer to a request for its first byte, be that the byte or all of them.
    fn size_by_bytes(&self, repository: &str, digest: &Digest) -> Result<u64, RegistryError> {
        let url = self.url(repository, &format!("blobs/{digest}"))?;
        let mut call = Call::new(Method::GET, url).header("range", "bytes=0-0".to_owned());
        let answer = self.send(&Scope::pull(repository), &mut call)?;
        let size = match answer.status {
            200 => content_length(&answer),
            // An empty blob has no first byte.
            206 | 416 => answer.header("content-range").and_then(|range| range.rsplit_once('/')?.1.parse().ok()),
            _ => return Err(self.failure(answer)),
        };
        let reason = "no answer tells the size of the blob".to_owned();
        size.ok_or_else(|| RegistryError::Answer { url: answer.url.to_string(), reason })
    }

    /// The bytes of a blob from byte `from` on. A server may ignore that: see [`Body::offset`].
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::Answer`] when another part comes than was asked for; those of the transport.
    pub fn blob(&self, repository: &str, digest: &Digest, from: u64) -> Result<Body, RegistryError> {
        let url = self.url(repository, &format!("blobs/{digest}"))?;
        let mut call = Call::new(Method::GET, url);
        if from > 0 {
            call = call.header("range", format!("bytes={from}-"));
        }
        let answer = self.send(&Scope::pull(repository), &mut call)?;
        self.ranged(answer, from)
    }

    /// The body of an answer to a request for the bytes from `from` on.
    pub(super) fn ranged(&self, answer: Answer, from: u64) -> Result<Body, RegistryError> {
        match answer.status {
            200 => Ok(answer.into_body(0, &self.wire)),
            206 => {
                let range = answer.header("content-range").unwrap_or("(none)").to_owned();
                if range_start(&range) != Some(from) || from == 0 {
                    let reason =
                        format!("bytes from {from} on were asked for, but the answer's Content-Range is {range}");
                    return Err(RegistryError::Answer { url: answer.url.to_string(), reason });
                }
                Ok(answer.into_body(from, &self.wire))
            }
            _ => Err(self.failure(answer)),
        }
    }
}

/// The first byte of `bytes 10-19/20`, when the rest makes sense.
fn range_start(text: &str) -> Option<u64> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
    let fits = total == "*" || total.parse::<u64>().is_ok_and(|total| end.checked_add(1) == Some(total));
    (start <= end && fits).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::range_start;

    #[test]
    fn a_content_range_is_read_strictly() {
        assert_eq!(range_start("bytes 10-19/20"), Some(10));
        assert_eq!(range_start("bytes 10-19/*"), Some(10));
        for text in
            ["bytes 10-18/20", "bytes 19-10/20", "bytes */20", "items 10-19/20", "bytes 10-18446744073709551615/1", ""]
        {
            assert_eq!(range_start(text), None, "{text}");
        }
    }
}
