//! The text of an age file: chunks of 64 KiB, each with its number and whether it is the last one in its nonce.

use super::{Key, OpenError, cipher};
use aws_lc_rs::aead::{Aad, Nonce};
use zeroize::Zeroizing;

/// Bytes of a chunk before it is encrypted.
const CHUNK: usize = 64 << 10;
/// Bytes that the cipher adds to a chunk.
const TAG: usize = 16;

pub(super) fn encrypt(key: &Key, text: &[u8], sealed: &mut Vec<u8>) {
    let cipher = cipher(key);
    let chunks: Vec<&[u8]> = if text.is_empty() { vec![&[]] } else { text.chunks(CHUNK).collect() };
    for (index, chunk) in chunks.iter().enumerate() {
        let start = sealed.len();
        sealed.extend_from_slice(chunk);
        let nonce = nonce(index as u64, index + 1 == chunks.len());
        let tag = cipher.seal_in_place_separate_tag(nonce, Aad::empty(), &mut sealed[start..]);
        sealed.extend_from_slice(tag.expect("a chunk is within the cipher's limit").as_ref());
    }
}

pub(super) fn decrypt(key: &Key, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    const DAMAGED: OpenError = OpenError::Damaged("its text was cut or changed");
    let cipher = cipher(key);
    let mut text = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let count = sealed.len().div_ceil(CHUNK + TAG);
    for (index, chunk) in sealed.chunks(CHUNK + TAG).enumerate() {
        let mut chunk = Zeroizing::new(chunk.to_vec());
        let nonce = nonce(index as u64, index + 1 == count);
        let opened = cipher.open_in_place(nonce, Aad::empty(), &mut chunk).map_err(|_| DAMAGED)?;
        // Only a text without any bytes has an empty chunk.
        if opened.is_empty() && index > 0 {
            return Err(DAMAGED);
        }
        text.extend_from_slice(opened);
    }
    if count == 0 { Err(DAMAGED) } else { Ok(text) }
}

/// Eleven bytes of the chunk's number, and whether it is the last one.
fn nonce(index: u64, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[3..11].copy_from_slice(&index.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}
