//! Puts an issuer's exact name into a certificate, and signs it.
//!
//! RFC 5280, section 4.1.2.4: the issuer field must be the issuing certificate's subject. The library keeps names as a
//! map with one value for each attribute type, which cannot hold what companies use (`DC=example, DC=com`), and writes
//! every text as UTF8String. So the library encodes with a placeholder and an empty signature ([`Unsigned`]), and this
//! file puts the issuer's own bytes there and signs. DER is after ITU-T X.690, sections 8.1.3 and 10.1.

use rcgen::{DistinguishedName, DnType, PublicKeyData, SignatureAlgorithm, SigningKey};
use x509_parser::certificate::X509Certificate;

use crate::error::Error;
use crate::key::PrivateKey;

const PLACEHOLDER: &str = "kfimg issuer placeholder";
const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// An issuer's key without its private half: "signs" with nothing.
pub(super) struct Unsigned {
    public_key: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl Unsigned {
    pub(super) fn of(key: &PrivateKey) -> Self {
        Self { public_key: key.der_bytes().to_vec(), algorithm: key.algorithm() }
    }
}

impl PublicKeyData for Unsigned {
    fn der_bytes(&self) -> &[u8] {
        &self.public_key
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl SigningKey for Unsigned {
    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Vec::new())
    }
}

/// The name that [`sign`] replaces.
pub(super) fn placeholder() -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, PLACEHOLDER);
    name
}

/// The certificate with `issuer` (a DER `Name`) in the placeholder's place, signed with `key`.
pub(super) fn sign(unsigned: &[u8], issuer: &[u8], key: &PrivateKey) -> Result<Vec<u8>, Error> {
    let fault = |reason: &str| Error::crypto("writing the issuer's name", reason);
    let (_, parsed) = x509_parser::parse_x509_certificate(unsigned).map_err(|_| fault("unreadable"))?;
    let to_be_signed = with_issuer(&parsed, issuer).ok_or_else(|| fault("no placeholder"))?;
    // The algorithm identifier lies between the part that is signed and the (empty) signature.
    let start = header_length(unsigned) + parsed.tbs_certificate.as_ref().len();
    let end = unsigned.len() - element(BIT_STRING, &[&[0]]).len();
    let signature = key.sign(&to_be_signed).map_err(|error| Error::crypto("signing a certificate", error))?;
    let signature = element(BIT_STRING, &[&[0], &signature]);
    Ok(element(SEQUENCE, &[&to_be_signed, &unsigned[start..end], &signature]))
}

fn with_issuer(parsed: &X509Certificate<'_>, issuer: &[u8]) -> Option<Vec<u8>> {
    let old = parsed.issuer().as_raw();
    let signed: &[u8] = parsed.tbs_certificate.as_ref();
    let content = &signed[header_length(signed)..];
    let start = content.windows(old.len()).position(|window| window == old)?;
    Some(element(SEQUENCE, &[&content[..start], issuer, &content[start + old.len()..]]))
}

/// Octets of the tag and the length that an element starts with.
fn header_length(element: &[u8]) -> usize {
    match element.get(1) {
        Some(length) if length & 0x80 != 0 => 2 + usize::from(length & 0x7f),
        _ => 2,
    }
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = vec![tag];
    if length < 0x80 {
        bytes.push(length as u8);
    } else {
        let octets = length.to_be_bytes();
        let octets = &octets[(length.leading_zeros() / 8) as usize..];
        bytes.push(0x80 | octets.len() as u8);
        bytes.extend_from_slice(octets);
    }
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

#[cfg(test)]
mod tests {
    use super::{element, header_length};

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        let table: [(usize, &[u8]); 5] = [
            (0, &[0x30, 0]),
            (127, &[0x30, 127]),
            (128, &[0x30, 0x81, 128]),
            (255, &[0x30, 0x81, 255]),
            (256, &[0x30, 0x82, 1, 0]),
        ];
        for (length, head) in table {
            let bytes = element(0x30, &[&vec![0; length]]);
            assert_eq!(&bytes[..head.len()], head);
            assert_eq!(bytes.len(), head.len() + length);
            assert_eq!(header_length(&bytes), head.len());
        }
    }
}
