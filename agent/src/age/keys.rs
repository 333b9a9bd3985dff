//! Keys that seal and open: X25519 pairs in Bech32, and passphrases through scrypt.

use super::header::{Stanza, decode};
use super::{FileKey, Key, MAX_WORK_FACTOR, OpenError, derive, unwrap, wrap};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use data_encoding::BASE64_NOPAD;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Work factor of a passphrase as a power of two: 64 MiB of memory, for a moment of the boot.
const WORK_FACTOR: u8 = 16;
/// Characters of the shortest passphrase that seals: whoever has the payload can try without end.
const SHORTEST: usize = 16;

/// Why a text is no key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// It is no recipient. The text is public.
    #[error("`{0}` is no recipient of age: it begins with age1 and has 62 characters")]
    Recipient(String),
    /// It is no identity.
    #[error("this is no identity of age: it begins with AGE-SECRET-KEY-1 and has 74 characters")]
    Identity,
    /// A passphrase that somebody could guess.
    #[error("a passphrase needs at least {SHORTEST} characters: whoever gets hold of a payload can try without end")]
    Short,
}

/// A public key: `age1…`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Recipient([u8; 32]);

impl FromStr for Recipient {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let is_lower = !text.contains(|character: char| character.is_ascii_uppercase());
        let key = bytes(text, "age").filter(|_| is_lower);
        key.map(|key| Self(*key)).ok_or_else(|| KeyError::Recipient(text.to_owned()))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32::encode::<Bech32>(Hrp::parse_unchecked("age"), &self.0).unwrap_or_default())
    }
}

impl Recipient {
    /// A stanza that wraps a file key with an ephemeral key of its own.
    pub(super) fn wrap(&self, file_key: &FileKey, ephemeral: &Key) -> Stanza {
        let ephemeral = private(ephemeral);
        let share = public(&ephemeral);
        // A recipient whose point has a small order shares nothing; nobody can open what is sealed for it.
        let key = shared(&ephemeral, &self.0, &share, &self.0).unwrap_or_default();
        let arguments = vec!["X25519".to_owned(), BASE64_NOPAD.encode(&share)];
        Stanza { arguments, body: wrap(&key, file_key) }
    }
}

/// A private key: `AGE-SECRET-KEY-1…`.
pub struct Identity(Key);

impl FromStr for Identity {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        bytes(text.trim(), "age-secret-key-").map(Self).ok_or(KeyError::Identity)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// The key that seals for this one.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient(public(&private(&self.0)))
    }

    pub(super) fn unwrap(&self, stanza: &Stanza) -> Option<FileKey> {
        let [kind, share] = &stanza.arguments[..] else { return None };
        let share: [u8; 32] = decode(share).ok().filter(|_| kind == "X25519")?.try_into().ok()?;
        let own = private(&self.0);
        let key = shared(&own, &share, &share, &public(&own))?;
        unwrap(&key, &stanza.body)
    }
}

/// A passphrase with its key, which is worked out once for all files of a render.
pub struct Passphrase {
    salt: [u8; 16],
    key: Key,
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

impl Passphrase {
    /// Works out the key. `salt` is public and should differ from cluster to cluster.
    ///
    /// # Errors
    /// [`KeyError::Short`].
    pub fn new(passphrase: &str, salt: [u8; 16]) -> Result<Self, KeyError> {
        if passphrase.chars().count() < SHORTEST {
            return Err(KeyError::Short);
        }
        Ok(Self { salt, key: stretch(passphrase, &salt, WORK_FACTOR) })
    }

    /// Differs for two passphrases, and tells nobody what they are.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        derive(&self.key[..], &self.salt, "kfimg fingerprint")
    }

    /// The file key of every file of this passphrase, and its stanza: a wrapping key must never wrap two of them.
    pub(super) fn wrap(&self) -> (FileKey, Stanza) {
        let file_key = Zeroizing::new(derive(&self.key[..], &self.salt, "kfimg file key"));
        let arguments = vec!["scrypt".to_owned(), BASE64_NOPAD.encode(&self.salt), WORK_FACTOR.to_string()];
        let body = wrap(&self.key, &file_key);
        (file_key, Stanza { arguments, body })
    }
}

/// The file key behind a passphrase, which must be the only way into its file.
pub(super) fn unwrap_passphrase(stanzas: &[Stanza], passphrase: &str) -> Result<Option<FileKey>, OpenError> {
    let [Stanza { arguments, body }] = stanzas else { return Ok(None) };
    let [kind, salt, work_factor] = &arguments[..] else { return Ok(None) };
    if kind != "scrypt" {
        return Ok(None);
    }
    let salt: [u8; 16] = decode(salt)?.try_into().map_err(|_| OpenError::Damaged("its salt has a wrong length"))?;
    let is_plain = !work_factor.starts_with(['0', '+']);
    let work_factor: u8 =
        work_factor.parse().ok().filter(|_| is_plain).ok_or(OpenError::Damaged("its work factor is no number"))?;
    if work_factor > MAX_WORK_FACTOR {
        return Err(OpenError::TooMuchWork(work_factor));
    }
    Ok(unwrap(&stretch(passphrase, &salt, work_factor), body))
}

fn stretch(passphrase: &str, salt: &[u8; 16], work_factor: u8) -> Key {
    let salt = [b"age-encryption.org/v1/scrypt", &salt[..]].concat();
    let parameters = scrypt::Params::new(work_factor, 8, 1).expect("the work factor is between 1 and 18");
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase.as_bytes(), &salt, &parameters, &mut key[..]).expect("32 bytes are no wrong length");
    key
}

fn bytes(text: &str, kind: &str) -> Option<Key> {
    let checked = CheckedHrpstring::new::<Bech32>(text).ok()?;
    let data: Zeroizing<Vec<u8>> = Zeroizing::new(checked.byte_iter().collect());
    let is_kind = checked.hrp().as_str().eq_ignore_ascii_case(kind);
    data.as_slice().try_into().ok().filter(|_| is_kind).map(Zeroizing::new)
}

fn private(key: &Key) -> PrivateKey {
    PrivateKey::from_private_key(&X25519, &key[..]).expect("every 32 bytes are a key of X25519")
}

fn public(key: &PrivateKey) -> [u8; 32] {
    let public = key.compute_public_key().expect("a key of X25519 has a public one");
    public.as_ref().try_into().expect("it has 32 bytes")
}

/// The wrapping key of two parties; none where the other one's point has a small order.
fn shared(own: &PrivateKey, other: &[u8; 32], share: &[u8; 32], recipient: &[u8; 32]) -> Option<Key> {
    let other = UnparsedPublicKey::new(&X25519, other);
    agreement::agree(own, other, (), |secret| {
        let salt = [&share[..], &recipient[..]].concat();
        Ok(Zeroizing::new(derive(secret, &salt, "age-encryption.org/v1/X25519")))
    })
    .ok()
}
