//! Computes content digests: SHA-256, SHA-384 and SHA-512.
//!
//! The written form and its grammar are [`crate::digest`]'s.

use std::fmt;
use std::io::{self, Read};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::digest::Digest;

/// Bytes that are read at a time and then hashed.
const PORTION: usize = 1 << 20;
/// Where they begin: the kernel copies them a third faster than to where an allocation begins.
const ALIGNMENT: usize = 4096;

/// Room for the bytes that are read at a time.
pub(crate) struct Portion(Vec<u8>);

impl Portion {
    pub(crate) fn new() -> Self {
        Self(vec![0; PORTION + ALIGNMENT])
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        let start = self.0.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        &mut self.0[start..start + PORTION]
    }
}

/// A running hash. Feed it with [`Hasher::update`], end it with [`Hasher::finish`].
#[derive(Clone)]
pub struct Hasher(State);

/// One state for each algorithm that [`Digest`] accepts.
#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    /// A hash of the algorithm of `wanted`, to be compared with it.
    #[must_use]
    pub fn like(wanted: &Digest) -> Self {
        Self(match wanted.algorithm() {
            "sha512" => State::Sha512(Sha512::new()),
            "sha384" => State::Sha384(Sha384::new()),
            _ => State::Sha256(Sha256::new()),
        })
    }

    /// A SHA-256, which everybody reads.
    #[must_use]
    pub fn sha256() -> Self {
        Self(State::Sha256(Sha256::new()))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(hash) => hash.update(bytes),
            State::Sha384(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
        }
    }

    /// Takes a stream to its end; returns the number of bytes.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub fn read(&mut self, stream: impl Read) -> io::Result<u64> {
        self.read_counted(stream, |_| {})
    }

    /// The same; `count` is told of each number of bytes as they come.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub fn read_counted(&mut self, mut stream: impl Read, count: impl Fn(u64)) -> io::Result<u64> {
        let mut portion = Portion::new();
        let (buffer, mut total) = (portion.bytes(), 0);
        loop {
            match stream.read(buffer) {
                Ok(0) => return Ok(total),
                Ok(length) => {
                    self.update(&buffer[..length]);
                    count(length as u64);
                    total += length as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The digest of all bytes that were fed.
    #[must_use]
    pub fn finish(self) -> Digest {
        let text = match self.0 {
            State::Sha256(hash) => format!("sha256:{}", HEXLOWER.encode(&hash.finalize())),
            State::Sha384(hash) => format!("sha384:{}", HEXLOWER.encode(&hash.finalize())),
            State::Sha512(hash) => format!("sha512:{}", HEXLOWER.encode(&hash.finalize())),
        };
        text.parse().expect("an algorithm of ours, and as many lower-case digits as it has")
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

/// The SHA-256 digest of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::sha256();
    hasher.update(bytes);
    hasher.finish()
}

/// The digest of some bytes by the algorithm of `wanted`; equal to `wanted` when the bytes are what they should be.
#[must_use]
pub fn digest_like(wanted: &Digest, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::like(wanted);
    hasher.update(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        // FIPS 180-4, example "abc"; the first digits tell the algorithms apart.
        let table = [
            ("sha256", 64, "ba7816bf8f01cfea414140de5dae2223"),
            ("sha384", 96, "cb00753f45a35e8bb5a03d699ac65007"),
            ("sha512", 128, "ddaf35a193617abacc417349ae204131"),
        ];
        for (algorithm, digits, wanted) in table {
            let like: Digest = format!("{algorithm}:{}", "0".repeat(digits)).parse().unwrap();
            let found = digest_like(&like, b"abc");
            assert_eq!(found.algorithm(), algorithm);
            assert!(found.hexadecimal().starts_with(wanted), "{found}");
            let mut hasher = Hasher::like(&like);
            assert_eq!(hasher.read(&b"abc"[..]).unwrap(), 3);
            assert_eq!(hasher.finish(), found);
        }
    }
}
