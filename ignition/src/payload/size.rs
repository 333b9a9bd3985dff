//! How large a payload is for the channels that limit it.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Greatest size of one VMware guestinfo value in bytes (64 KiB).
pub const GUESTINFO_LIMIT: usize = 64 * 1024;

/// Bytes that a payload takes as a guestinfo value with the encoding `gzip+base64`.
pub fn guestinfo_size(payload: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    let written = encoder.write_all(payload).and_then(|()| encoder.finish());
    let compressed = written.expect("writing into memory cannot fail");
    compressed.len().div_ceil(3) * 4
}
