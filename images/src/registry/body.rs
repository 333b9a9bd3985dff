//! The bytes of an answer, bounded in time.
//!
//! What they should hash to is not known here.

use super::RegistryError;
use super::limits::Limits;
use super::url::Url;
use crate::stop::Stop;
use std::fmt;
use std::io::{self, Read};
use std::time::Instant;

/// A body that is being read. Its silence and its speed have limits; its length has none.
pub struct Body {
    reader: ureq::BodyReader<'static>,
    url: Url,
    offset: u64,
    length: Option<u64>,
    limits: Limits,
    stop: Stop,
    window: (Instant, u64),
}

impl Body {
    pub(super) fn new(body: ureq::Body, url: Url, offset: u64, limits: &Limits, stop: &Stop) -> Self {
        let length = body.content_length();
        let window = (Instant::now(), 0);
        Self { reader: body.into_reader(), url, offset, length, limits: limits.clone(), stop: stop.clone(), window }
    }

    /// Where in the blob the first byte lies. It is 0 when the server ignored the wish for a range.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes the server promises, where it does.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Where the bytes come from, as it may be shown.
    #[must_use]
    pub fn source(&self) -> String {
        self.url.to_string()
    }

    /// Reads the next bytes; 0 at the end.
    ///
    /// # Errors
    /// [`RegistryError::Transport`], [`RegistryError::Stalled`], [`RegistryError::Stopped`].
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        if self.stop.is_asked() {
            return Err(RegistryError::Stopped);
        }
        let count = self.reader.read(buffer).map_err(|error| RegistryError::Transport {
            url: self.url.to_string(),
            reason: format!("the answer broke off: {error}"),
        })?;
        self.window.1 += count as u64;
        let (since, bytes) = self.window;
        if since.elapsed() >= self.limits.window {
            // The end may come after few bytes.
            if count > 0 && bytes < self.limits.least {
                return Err(RegistryError::Stalled { url: self.url.to_string(), bytes, within: self.limits.window });
            }
            self.window = (Instant::now(), 0);
        }
        Ok(count)
    }

    /// Reads all of a small body.
    pub(super) fn read_all(mut self, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let too_large = || RegistryError::TooLarge { url: self.url.to_string(), limit };
        if self.length.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 16 << 10]);
        loop {
            let count = self.next(&mut buffer)?;
            if count == 0 {
                return Ok(bytes);
            }
            bytes.extend_from_slice(&buffer[..count]);
            if bytes.len() as u64 > limit {
                return Err(RegistryError::TooLarge { url: self.url.to_string(), limit });
            }
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(io::Error::other)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({}, from {})", self.url, self.offset)
    }
}
