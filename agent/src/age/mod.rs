//! The file format age, version 1: what seals the secret part of a payload, and opens it on the node.
//!
//! It knows bytes and keys, not what lies in them. Only what kfimg needs is here: X25519 recipients and passphrases, whole
//! files in memory. Nothing is drawn at random: the caller's seed makes the same input the same bytes.
//!
//! Source: <https://c2sp.org/age@v1.0.0>.

mod header;
mod keys;
mod stream;

pub use keys::{Identity, KeyError, Passphrase, Recipient};

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use header::Header;
use zeroize::Zeroizing;

/// The key that a file is encrypted with, which the stanzas of its header wrap.
type FileKey = Zeroizing<[u8; 16]>;
/// A key of ChaCha20-Poly1305.
type Key = Zeroizing<[u8; 32]>;

/// Who can open a file.
pub enum Seal<'a> {
    /// The owners of these keys, each alone.
    Recipients(&'a [Recipient]),
    /// Whoever knows the passphrase.
    Passphrase(&'a Passphrase),
}

/// What opens a file.
pub enum Opener<'a> {
    /// A private key.
    Identity(&'a Identity),
    /// A passphrase, which need not be well-formed to be tried.
    Passphrase(&'a str),
}

/// Why a file cannot be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// It is no age file, or was cut or changed.
    #[error("this is no age file, or it is damaged: {0}")]
    Damaged(&'static str),
    /// It is whole and was made for others.
    #[error("the key is not one that this file was sealed for")]
    WrongKey,
    /// The header asks for more work than a node does.
    #[error("the passphrase's work factor is 2^{0}; at most 2^{MAX_WORK_FACTOR} is done")]
    TooMuchWork(u8),
}

/// Greatest work factor of a passphrase that is accepted, as a power of two: 2^18 takes 256 MiB of memory.
const MAX_WORK_FACTOR: u8 = 18;

/// Seals a text. `seed` must be secret and differ from text to text: the hash of a text that holds keys is such a seed.
#[must_use]
pub fn seal(text: &[u8], seal: &Seal<'_>, seed: &[u8; 32]) -> Vec<u8> {
    let (file_key, stanzas) = match seal {
        Seal::Passphrase(passphrase) => {
            let (file_key, stanza) = passphrase.wrap();
            (file_key, vec![stanza])
        }
        Seal::Recipients(recipients) => {
            let file_key: FileKey = Zeroizing::new(derive(seed, &[], "kfimg file key"));
            let stanza = |(index, recipient): (usize, &Recipient)| {
                let ephemeral: Key = Zeroizing::new(derive(seed, &index.to_be_bytes(), "kfimg ephemeral key"));
                recipient.wrap(&file_key, &ephemeral)
            };
            let stanzas = recipients.iter().enumerate().map(stanza).collect();
            (file_key, stanzas)
        }
    };
    let nonce: [u8; 16] = derive(seed, &[], "kfimg nonce");
    let mut sealed = Header::new(stanzas).write(&file_key);
    sealed.extend_from_slice(&nonce);
    stream::encrypt(&payload_key(&file_key, &nonce), text, &mut sealed);
    sealed
}

/// Opens a sealed text.
///
/// # Errors
/// [`OpenError`].
pub fn open(sealed: &[u8], opener: &Opener<'_>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (header, rest) = Header::read(sealed)?;
    let file_key = match opener {
        Opener::Identity(identity) => header.stanzas().iter().find_map(|stanza| identity.unwrap(stanza)),
        Opener::Passphrase(passphrase) => keys::unwrap_passphrase(header.stanzas(), passphrase)?,
    };
    let file_key = file_key.ok_or(OpenError::WrongKey)?;
    header.verify(&file_key)?;
    let (nonce, encrypted) = rest.split_first_chunk::<16>().ok_or(OpenError::Damaged("it ends before its text"))?;
    stream::decrypt(&payload_key(&file_key, nonce), encrypted)
}

fn payload_key(file_key: &FileKey, nonce: &[u8; 16]) -> Key {
    Zeroizing::new(derive(&file_key[..], nonce, "payload"))
}

/// HKDF-SHA-256.
fn derive<const N: usize>(secret: &[u8], salt: &[u8], info: &str) -> [u8; N] {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut key = [0; N];
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let info = [info.as_bytes()];
    let expanded = extracted.expand(&info, Length(N)).and_then(|expanded| expanded.fill(&mut key));
    expanded.expect("HKDF gives up to 255 times 32 bytes");
    key
}

/// Encrypts a file key with the nonce 0: a wrapping key is used once.
fn wrap(key: &Key, file_key: &FileKey) -> Vec<u8> {
    let mut body = file_key.to_vec();
    let sealed = cipher(key).seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut body);
    sealed.expect("16 bytes are within the cipher's limit");
    body
}

fn unwrap(key: &Key, body: &[u8]) -> Option<FileKey> {
    let mut body = Zeroizing::new(body.to_vec());
    let opened = cipher(key).open_in_place(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut body).ok()?;
    opened.try_into().ok().map(Zeroizing::new)
}

fn cipher(key: &Key) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key[..]).expect("the key has the cipher's length"))
}

#[cfg(test)]
mod tests;
