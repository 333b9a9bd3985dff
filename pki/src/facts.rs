//! What the certificates of a text say, for whoever compares or shows them. Nothing is checked here, and nothing is secret.

use crate::pem;
use crate::x509::Certificate;
use data_encoding::HEXLOWER;
use jiff::Timestamp;

/// What one certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Subject, as `O=…, CN=…`.
    pub subject: String,
    /// Issuer, as the subject.
    pub issuer: String,
    /// The issuer's key, as the certificate names it (`authorityKeyIdentifier`), in hexadecimal.
    pub issuer_key: Option<String>,
    /// Names and addresses, as `DNS:…` and `IP:…`, sorted.
    pub names: Vec<String>,
    /// First moment.
    pub not_before: Timestamp,
    /// Last moment.
    pub not_after: Timestamp,
    /// Sort of its key: `ECDSA-P256`, `RSA-2048`, …
    pub algorithm: String,
    /// SHA-256 of its public key in hexadecimal.
    pub key: String,
    /// SHA-256 of the certificate in hexadecimal.
    pub sha256: String,
}

/// The facts of every certificate in a PEM text, in order; other blocks are passed over.
///
/// # Errors
/// What is wrong with the first that cannot be read.
pub fn read(text: &[u8]) -> Result<Vec<Facts>, String> {
    let blocks = pem::read_certificates(text).map_err(|error| error.to_string())?;
    blocks.iter().map(|block| Certificate::read(block).map(|certificate| Facts::from(&certificate))).collect()
}

impl From<&Certificate> for Facts {
    fn from(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            issuer_key: certificate.authority.authority_key_id.as_ref().map(|id| HEXLOWER.encode(id)),
            names: certificate.names.iter().map(ToString::to_string).collect(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            algorithm: certificate.key_kind.label(),
            key: crate::key::fingerprint(&certificate.public_key),
            sha256: certificate.fingerprint(),
        }
    }
}
