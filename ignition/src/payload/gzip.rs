//! gzip in memory.

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use std::io::{Read, Write};

/// A payload takes a quarter of the time of level 9, and is a fortieth larger.
const LEVEL: Compression = Compression::new(6);
/// Bytes of the largest payload that is read back.
const LARGEST: u64 = 256 << 20;

/// Packs. The same bytes at every time, anywhere: the header names neither a clock nor a system.
pub(super) fn zip(content: &[u8]) -> Vec<u8> {
    let mut encoder: GzEncoder<Vec<u8>> = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), LEVEL);
    encoder.write_all(content).and_then(|()| encoder.finish()).expect("writing into memory cannot fail")
}

/// Unpacks, up to a size that no payload has.
pub(super) fn unzip(packed: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let read = GzDecoder::new(packed).take(LARGEST + 1).read_to_end(&mut content).ok()? as u64;
    (read <= LARGEST).then_some(content)
}
