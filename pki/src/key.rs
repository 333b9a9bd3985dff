//! Private keys: drawing them, reading them, and asking whether one belongs to a certificate.
//!
//! It does not decide where keys are kept or who gets them.

use data_encoding::{BASE64, HEXLOWER};
use rcgen::{KeyPair, PublicKeyData, SignatureAlgorithm, SigningKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;
use crate::pem;
use crate::secret::Secret;

/// Algorithm of new keys.
///
/// Ed25519 is left out on purpose: OpenSSL 3.0 does not read the private key files that the library writes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256, signed with SHA-256.
    #[serde(rename = "ECDSA-P256")]
    EcdsaP256,
    /// RSA with 2048 bits, signed with SHA-256.
    #[serde(rename = "RSA-2048")]
    Rsa2048,
}

/// What sort of public key a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    P256,
    P384,
    P521,
    Rsa(usize),
}

impl KeyKind {
    /// How the library signs with such a key.
    pub(crate) fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            Self::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
        }
    }

    /// The name that people read.
    pub(crate) fn label(self) -> String {
        match self {
            Self::P256 => "ECDSA-P256".to_owned(),
            Self::P384 => "ECDSA-P384".to_owned(),
            Self::P521 => "ECDSA-P521".to_owned(),
            Self::Rsa(bits) => format!("RSA-{bits}"),
        }
    }
}

/// A key ready to sign, wiped when dropped.
pub(crate) struct PrivateKey(KeyPair);

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message)
    }
}

impl PrivateKey {
    /// A new random key.
    pub(crate) fn draw(algorithm: KeyAlgorithm) -> Result<Self, Error> {
        let algorithm = match algorithm {
            KeyAlgorithm::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyAlgorithm::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
        };
        KeyPair::generate_for(algorithm).map(Self).map_err(|error| Error::crypto("drawing a private key", error))
    }

    /// The key of a certificate with this sort of public key; the reason why not, otherwise.
    pub(crate) fn read(text: &str, kind: KeyKind) -> Result<Self, String> {
        let der = read_der(text)?;
        match KeyPair::from_der_and_sign_algo(&der, kind.algorithm()) {
            Ok(pair) => Ok(Self(pair)),
            Err(_) if KeyPair::try_from(&der).is_ok() => Err("it is not the key of the certificate".to_owned()),
            Err(_) => Err("it holds no readable private key".to_owned()),
        }
    }

    /// The key as PKCS#8.
    pub(crate) fn to_pem(&self) -> Secret {
        Secret::new(pem::encode("PRIVATE KEY", self.0.serialized_der()))
    }

    /// The public key as `SubjectPublicKeyInfo`.
    pub(crate) fn public_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.0.subject_public_key_info())
    }

    /// SHA-256 of the public key.
    pub(crate) fn public_fingerprint(&self) -> String {
        fingerprint(&self.0.subject_public_key_info())
    }
}

fn read_der(text: &str) -> Result<rustls_pki_types::PrivateKeyDer<'static>, String> {
    if text.contains("ENCRYPTED") {
        return Err("the private key is encrypted; decrypt it with: openssl pkey -in KEY -out PLAIN".to_owned());
    }
    pem::read_private_key(text.as_bytes()).map_err(|_| "it holds no readable private key".to_owned())
}

/// The key text in the one spelling that this crate writes, whatever spelling people gave.
pub(crate) fn canonical_pem(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(pem::private_key(&read_der(text)?)))
}

/// SHA-256 in lower-case hexadecimal digits.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Random bytes.
pub(crate) fn random<const LENGTH: usize>() -> Result<Zeroizing<[u8; LENGTH]>, Error> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|error| Error::crypto("drawing random bytes", error))?;
    Ok(bytes)
}

/// A new key for encryption at rest: 32 random bytes (secretbox) in base64, as `EncryptionConfiguration` wants it.
pub(crate) fn draw_encryption_key() -> Result<Secret, Error> {
    Ok(Secret::new(BASE64.encode(random::<32>()?.as_slice())))
}

/// Whether a text is an encryption key as [`draw_encryption_key`] writes it.
pub(crate) fn is_encryption_key(text: &str) -> bool {
    BASE64.decode(text.as_bytes()).map(Zeroizing::new).is_ok_and(|bytes| bytes.len() == 32)
}

/// A random version 4 UUID (RFC 9562, section 5.4).
pub(crate) fn draw_uuid() -> Result<String, Error> {
    let mut bytes = random::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = HEXLOWER.encode(bytes.as_slice());
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use super::{draw_encryption_key, draw_uuid, is_encryption_key};

    #[test]
    fn uuids_are_version_4_and_differ() {
        let (first, second) = (draw_uuid().unwrap(), draw_uuid().unwrap());
        assert_ne!(first, second);
        assert_eq!((first.len(), &first[14..15]), (36, "4"), "{first}");
        assert!("89ab".contains(&first[19..20]), "{first}");
    }

    #[test]
    fn encryption_keys_have_32_bytes_and_differ() {
        let (first, second) = (draw_encryption_key().unwrap(), draw_encryption_key().unwrap());
        assert_ne!(first.expose(), second.expose());
        assert!(is_encryption_key(first.expose()));
        assert!(!is_encryption_key("QUJD"));
        assert!(!is_encryption_key(&first.expose()[1..]));
    }
}
