//! Secure Boot: a signature over a UEFI program, made with a key that is given (Authenticode).
//!
//! Source: Microsoft "Windows Authenticode Portable Executable Signature Format" (1.0, 2008). RSA with SHA-256, which all firmware
//! checks. No time is signed, so that the same program gets the same signature. Keys in hardware are not for this: sign what
//! `kfimg build` wrote with their own tools.

mod authenticode;
mod der;

use crate::output::OutputError;
use authenticode::Place;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use kfimg_images::digest::Digest;
use kfimg_images::hasher::sha256;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

/// Whose key signed: what is known of a certificate to everybody, and never its key.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRecord {
    /// Its subject, as X.500 writes it.
    pub subject: String,
    /// The digest of its DER form, which firmware shows as its fingerprint.
    pub digest: Digest,
    /// Its last second, since 1970. Firmware does not look at it.
    pub not_after: i64,
}

/// A key and its certificate. What it says of itself contains neither.
pub struct Signer {
    key: RsaKeyPair,
    certificate: Vec<u8>,
    /// The issuer's name and the serial number, as they stand in the certificate.
    issuer: Vec<u8>,
    serial: Vec<u8>,
    record: CertificateRecord,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Reads an RSA key (PKCS #8 or #1) and the certificate that firmware knows, both as PEM. What was read of the key is wiped from
    /// memory; the key itself stays in the library that signs.
    ///
    /// # Errors
    /// When one cannot be read, is something else, or does not belong to the other.
    pub fn load(key: &Path, certificate: &Path) -> Result<Self, OutputError> {
        let wrong =
            |path: &Path, problem: &str| OutputError::Signer { path: path.to_owned(), problem: problem.to_owned() };
        let key_text = Zeroizing::new(fs_err::read(key).map_err(OutputError::io("reading", key))?);
        let pair = read_key(&key_text).ok_or_else(|| {
            wrong(key, "this is no unencrypted RSA key in PEM: firmware checks RSA signatures of 2048 bits or more")
        })?;
        let text = fs_err::read(certificate).map_err(OutputError::io("reading", certificate))?;
        let no_certificate = || wrong(certificate, "this is no certificate in PEM");
        let der = CertificateDer::from_pem_slice(&text).map_err(|_| no_certificate())?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| no_certificate())?;
        if *parsed.public_key().subject_public_key.data != *pair.public_key().as_ref() {
            return Err(wrong(certificate, "this is not the certificate of the key that was given with it"));
        }
        let issuer = parsed.issuer().as_raw().to_vec();
        let serial = parsed.tbs_certificate.raw_serial().to_vec();
        let record = CertificateRecord {
            subject: parsed.subject().to_string(),
            digest: sha256(&der),
            not_after: parsed.validity().not_after.timestamp(),
        };
        Ok(Self { key: pair, certificate: der.to_vec(), issuer, serial, record })
    }

    /// What `build.json` says of whose key it is.
    #[must_use]
    pub fn record(&self) -> &CertificateRecord {
        &self.record
    }

    /// Signs a program in its file, which has no signature yet and ends with its last section.
    pub(crate) fn sign(&self, file: &File) -> io::Result<()> {
        let place = Place::of(file)?;
        let digest = place.digest(file)?;
        let signed = authenticode::signed_data(&digest, self, |message| self.signature(message))?;
        place.append(file, &signed)
    }

    fn signature(&self, message: &[u8]) -> io::Result<Vec<u8>> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        let signed = self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.map_err(|_| io::Error::other("the key cannot sign"))?;
        Ok(signature)
    }
}

fn read_key(text: &[u8]) -> Option<RsaKeyPair> {
    let key = Zeroizing::new(PrivateKeyDer::from_pem_slice(text).ok()?);
    let pair = match &*key {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return None,
    };
    pair.ok().filter(|pair| pair.public_modulus_len() >= KeySize::Rsa2048.len())
}

/// Reads a number at a place of a file.
fn number_at<const N: usize>(file: &File, place: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, place)?;
    Ok(bytes)
}
