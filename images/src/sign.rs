//! Detached signatures of a bundle's `bundle.json`: ECDSA over P-256 with SHA-256, in DER, as
//! `openssl dgst -sha256 -verify public.pem -signature FILE bundle.json` accepts.
//!
//! `bundle.json` names `index.json` by its digest, and that names everything else by digest; so one signature covers all.
//! Whoever verifies must still verify the content against it: see [`crate::verify`].

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};

/// The longest signature: two numbers of 33 bytes and their frames.
pub const SIGNATURE_LIMIT: u64 = 72;
/// The longest PEM file that is read.
pub const KEY_LIMIT: u64 = 16 << 10;

/// Why nothing was signed or a signature does not hold. No variant holds anything of a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The file holds no private key that can be used.
    #[error(
        "this is no private key of ECDSA P-256 in PEM (PKCS#8 or SEC1, not encrypted); `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one"
    )]
    PrivateKey,
    /// The file holds no public key that can be used.
    #[error("this is no public key in PEM; `openssl pkey -in private.pem -pubout` writes it")]
    PublicKey,
    /// There is no random number to sign with.
    #[error("signing failed: the system gave no random numbers")]
    Random,
    /// The signature is another key's, or of other bytes.
    #[error("the signature does not hold: bundle.json was changed, or another key signed it")]
    Signature,
}

/// A private key. It shows nothing of itself.
pub struct SigningKey(EcdsaKeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// Reads a private key: PEM, PKCS#8 or SEC1.
    ///
    /// # Errors
    ///
    /// When it is none, or one of another kind.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SignError> {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = match PrivateKeyDer::from_pem_slice(pem).map_err(|_| SignError::PrivateKey)? {
            PrivateKeyDer::Pkcs8(key) => EcdsaKeyPair::from_pkcs8(algorithm, key.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(key) => EcdsaKeyPair::from_private_key_der(algorithm, key.secret_sec1_der()),
            _ => return Err(SignError::PrivateKey),
        };
        pair.map(Self).map_err(|_| SignError::PrivateKey)
    }

    /// Signs the bytes of a `bundle.json`; the signature is DER. Two signatures of the same bytes differ.
    ///
    /// # Errors
    ///
    /// When the system gives no random numbers.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self.0.sign(&SystemRandom::new(), bytes).map_err(|_| SignError::Random)?;
        Ok(signature.as_ref().to_vec())
    }
}

/// A public key.
#[derive(Clone, Debug)]
pub struct VerifyingKey(Vec<u8>);

impl VerifyingKey {
    /// Reads a public key: PEM, `PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SignError> {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| SignError::PublicKey)?;
        let key = Self(key.to_vec());
        // Whether it is a point on P-256 is only asked when a signature is verified, so one is.
        let probe = aws_lc_rs::signature::ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &key.0);
        probe.map(|_| key).map_err(|_| SignError::PublicKey)
    }

    /// Whether `signature` is this key's, of these bytes.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> Result<(), SignError> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0)
            .verify(bytes, signature)
            .map_err(|_| SignError::Signature)
    }
}
