//! How an archive is compressed, told by its first bytes, and what unpacks it.

use crate::error::Error;
use crate::spool::Spool;
use kfimg_images::content::Extent;
use kfimg_images::digest::Digest;
use kfimg_images::hasher::Hasher;
use kfimg_images::stop::is_stop;
use std::cell::RefCell;
use std::io::{self, Read};

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Packing {
    Plain,
    Gzip,
    Zstandard,
}

/// Other compressions, which are named and not read: first bytes, name, program that unpacks.
const FOREIGN: [(&[u8], &str, &str); 2] = [(b"\xfd7zXZ\0", "xz", "unxz"), (b"BZh", "bzip2", "bunzip2")];

/// The archive as plain bytes, and the digest of it as it lies. A plain one stays where it is.
pub(crate) fn unpacked(
    place: &str,
    packed: &Extent,
    like: &Digest,
    spool: &mut Spool<'_>,
) -> Result<(Extent, Digest), Error> {
    let failed = |error: io::Error| {
        if is_stop(&error) { Error::Stopped } else { Error::base(place, format!("reading it: {error}")) }
    };
    let watch = spool.watch().clone();
    let packing = packing(place, packed)?;
    if packing == Packing::Plain {
        let mut hasher = Hasher::like(like);
        hasher.read(watch.reader(packed.reader())).map_err(failed)?;
        return Ok((packed.clone(), hasher.finish()));
    }
    let hasher = RefCell::new(Hasher::like(like));
    let mut source = Counted { inner: watch.reader(packed.reader()), hasher: &hasher };
    let unpacked = match packing {
        Packing::Zstandard => {
            let decoder = zstd::Decoder::new(&mut source).map_err(failed)?;
            spool.append(decoder, failed)?
        }
        _ => spool.append(flate2::read::MultiGzDecoder::new(&mut source), failed)?,
    };
    // What a decoder leaves unread is part of the file.
    io::copy(&mut source, &mut io::sink()).map_err(failed)?;
    Ok((unpacked, hasher.into_inner().finish()))
}

fn packing(place: &str, packed: &Extent) -> Result<Packing, Error> {
    let mut head = Vec::new();
    packed
        .reader()
        .take(8)
        .read_to_end(&mut head)
        .map_err(|error| Error::base(place, format!("reading it: {error}")))?;
    if let Some((_, name, program)) = FOREIGN.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(Error::base(
            place,
            format!("is compressed by {name}, which kfimg does not read; unpack it with `{program}`"),
        ));
    }
    Ok(match head.as_slice() {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstandard,
        _ => Packing::Plain,
    })
}

/// Hashes what is read.
struct Counted<'a, R> {
    inner: R,
    hasher: &'a RefCell<Hasher>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.borrow_mut().update(&buffer[..count]);
        Ok(count)
    }
}
